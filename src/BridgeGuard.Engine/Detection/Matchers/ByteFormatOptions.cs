namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>The option words that say how bytes become a number, shared by <c>byte_test</c>, <c>byte_jump</c> and <c>byte_extract</c>.</summary>
internal struct ByteFormatOptions
{
    private bool _endian;
    private bool _little;
    private bool _dce;
    private bool _text;
    private ByteFormat? _radix;

    /// <summary>Takes one option word.</summary>
    /// <returns>False when the word is none of these.</returns>
    public bool TryTake(ReadOnlySpan<char> word, out bool repeated)
    {
        repeated = false;
        switch (word)
        {
            case "little" or "big":
                repeated = _endian;
                _endian = true;
                _little = word is "little";
                return true;
            case "dce":
                repeated = _dce;
                _dce = true;
                return true;
            case "string":
                repeated = _text;
                _text = true;
                return true;
            case "hex" or "dec" or "oct":
                repeated = _radix is not null;
                _radix ??= word is "hex" ? ByteFormat.Hexadecimal : word is "dec" ? ByteFormat.Decimal : ByteFormat.Octal;
                return true;
            default:
                return false;
        }
    }

    /// <summary>Whether "string" was among the words so far.</summary>
    public readonly bool IsText => _text;

    /// <summary>Whether "little" or "big" was among the words so far.</summary>
    public readonly bool HasEndian => _endian;

    /// <summary>What the words mean together; false with the reason when they contradict one another.</summary>
    public readonly bool TryResolve(out ByteFormat format, out string problem)
    {
        format = _dce ? ByteFormat.Dce
            : _text ? _radix ?? ByteFormat.Text
            : _little ? ByteFormat.LittleEndian : ByteFormat.BigEndian;
        problem =
            _dce && (_endian || _text) ? "dce tells the byte order itself; it goes with no big, little or string"
            : _radix is not null && !_text ? "hex, dec and oct need string"
            : "";
        return problem.Length == 0;
    }
}
