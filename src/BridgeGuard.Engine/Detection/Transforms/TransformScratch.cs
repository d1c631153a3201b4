using BridgeGuard.Engine.Detection.Regex;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>Output memory for transforms: two buffers that take turns, so that a chain can read one and write the other.</summary>
/// <remarks>
/// Owner: one worker. The buffers grow to the largest output asked for, at most <see cref="MaxBytes"/>, and stay. A result is valid
/// until the scratch is used for the second time after it; a caller that keeps results copies them. Thread: the owner's only.
/// </remarks>
public sealed class TransformScratch : IDisposable
{
    /// <summary>No transform makes more than this: the highest <c>max-size</c> that Suricata takes, and a byte for dotprefix.</summary>
    public const int MaxBytes = (16 << 20) + 1;

    private byte[] _first = [];
    private byte[] _second = [];

    /// <summary>For <c>pcrexform</c>.</summary>
    internal RegexScratch Regex { get; } = new();

    /// <summary>Tables for decompression, reused.</summary>
    internal Inflater Inflater { get; } = new();

    /// <inheritdoc/>
    public void Dispose() => Regex.Dispose();

    /// <summary>Memory for an output that does not overlap the input. Its content is arbitrary.</summary>
    /// <param name="input">What the transform reads.</param>
    /// <param name="length">How much is wanted; less is given beyond <see cref="MaxBytes"/>.</param>
    internal Span<byte> Output(ReadOnlySpan<byte> input, int length)
    {
        ref byte[] buffer = ref input.Overlaps(_first) ? ref _second : ref _first;
        length = Math.Min(length, MaxBytes);
        if (buffer.Length < length)
        {
            buffer = new byte[Math.Min(MaxBytes, Math.Max(length, Math.Max(1024, 2 * buffer.Length)))];
        }
        return buffer.AsSpan(0, length);
    }
}
