namespace BridgeGuard.Engine.Protocols;

/// <summary>Cuts one direction of a protocol of lines into them: ended by LF, with CR before it or not.</summary>
/// <remarks>Of a line beyond the bound its first bytes are given, and what is left of it is skipped, as after a gap.</remarks>
internal struct LineCutter
{
    private bool _isSkipping;

    /// <summary>Skips to the next line: after a gap nobody knows where in a line the bytes are.</summary>
    public void SkipLine() => _isSkipping = true;

    public void Reset() => _isSkipping = false;

    /// <summary>The next line from a position on; false when all is taken or a line is not whole yet.</summary>
    /// <param name="input">The bytes of this direction that are there.</param>
    /// <param name="maxBytes">Longest line without its LF.</param>
    /// <param name="consumed">Where to begin; moved behind what was taken.</param>
    /// <param name="line">The line.</param>
    public bool TryTake(ReadOnlySpan<byte> input, int maxBytes, ref int consumed, out CutLine line)
    {
        line = default;
        if (_isSkipping)
        {
            int end = input[consumed..].IndexOf((byte)'\n');
            _isSkipping = end < 0;
            consumed = end < 0 ? input.Length : consumed + end + 1;
        }

        ReadOnlySpan<byte> rest = input[consumed..];
        int feed = rest.IndexOf((byte)'\n');
        if (feed < 0 && rest.Length <= maxBytes)
        {
            return false;
        }

        bool isTooLong = feed < 0 || feed > maxBytes;
        int length = isTooLong ? maxBytes : feed;
        line = new CutLine(isTooLong ? rest[..length] : rest[..length].TrimEnd((byte)'\r'), isTooLong, length + 1);
        _isSkipping = isTooLong;
        consumed += isTooLong ? length : feed + 1;
        return true;
    }
}

/// <summary>A line without its end.</summary>
/// <param name="text">Without CR and LF; cut at the bound when it is too long.</param>
/// <param name="isTooLong">Its rest is skipped.</param>
/// <param name="wireBytes">Its bytes with LF, as far as it was taken.</param>
internal readonly ref struct CutLine(ReadOnlySpan<byte> text, bool isTooLong, int wireBytes)
{
    public ReadOnlySpan<byte> Text { get; } = text;

    public bool IsTooLong { get; } = isTooLong;

    public int WireBytes { get; } = wireBytes;
}
