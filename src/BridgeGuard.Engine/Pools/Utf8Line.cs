using System.Buffers.Text;

namespace BridgeGuard.Engine.Pools;

/// <summary>A short line of text and numbers written into a span; what has no room is left out.</summary>
/// <remarks>Instead of <c>Utf8.TryWrite</c>, which boxes each number until the just-in-time compiler has optimised it.</remarks>
/// <param name="room">Where it goes.</param>
internal ref struct Utf8Line(Span<byte> room)
{
    private readonly Span<byte> _room = room;

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Text => _room[..Length];

    public void Add(ReadOnlySpan<byte> text)
    {
        if (text.TryCopyTo(_room[Length..]))
        {
            Length += text.Length;
        }
    }

    /// <summary>A number in decimal, or with <paramref name="format"/> 'x' in lower hexadecimal.</summary>
    public void Add(long number, char format = 'D')
    {
        Utf8Formatter.TryFormat(number, _room[Length..], out int written, format);
        Length += written;
    }
}
