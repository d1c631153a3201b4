namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>What one thread needs to run any number of expressions: result slots, a stack, a buffer for widened bytes.</summary>
/// <remarks>Owner: one worker, for its lifetime; disposed by it. Thread: the owner's only.</remarks>
public sealed class RegexScratch : IDisposable
{
    private Interop.Pcre2MatchState? _pcre2;
    private char[] _characters = [];

    /// <summary>Matches given up because of <see cref="MatchLimits"/>.</summary>
    public long LimitHits { get; internal set; }

    /// <summary>Matches that failed for another reason inside the library (out of memory): expected to stay 0.</summary>
    public long Errors { get; internal set; }

    internal Interop.Pcre2MatchState Pcre2 => _pcre2 ??= new Interop.Pcre2MatchState();

    /// <inheritdoc/>
    public void Dispose() => _pcre2?.Dispose();

    /// <summary>The bytes as Latin-1 characters. Valid until the next call.</summary>
    internal ReadOnlySpan<char> Widen(ReadOnlySpan<byte> bytes)
    {
        if (_characters.Length < bytes.Length)
        {
            _characters = new char[Math.Max(bytes.Length, 2 * _characters.Length)]; // Grows to the largest buffer, then stays.
        }
        System.Text.Encoding.Latin1.GetChars(bytes, _characters);
        return _characters.AsSpan(0, bytes.Length);
    }
}
