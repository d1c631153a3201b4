namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>One <c>content</c>: bytes to find in a buffer, with or without regard to the case of ASCII letters.</summary>
/// <remarks>Immutable; any thread; searching allocates nothing. For many patterns at once see Prefilter.</remarks>
public sealed partial class ContentPattern
{
    private readonly byte[] _bytes;
    private readonly byte[] _masks;
    private readonly int _firstProbe;
    private readonly int _secondProbe;

    /// <param name="bytes">One byte at least; copied.</param>
    /// <param name="ignoreCase"><c>nocase</c>.</param>
    public ContentPattern(ReadOnlySpan<byte> bytes, bool ignoreCase)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bytes.Length, nameof(bytes));
        _bytes = bytes.ToArray();
        _masks = new byte[bytes.Length];
        for (int i = 0; ignoreCase && i < bytes.Length; i++)
        {
            if (char.IsAsciiLetter((char)bytes[i]))
            {
                _bytes[i] |= 0x20;
                _masks[i] = 0x20; // (byte | 0x20) == letter holds for both cases and nothing else.
                IgnoreCase = true;
            }
        }
        (_firstProbe, _secondProbe) = ChooseProbes();
    }

    /// <summary>Pattern length in bytes.</summary>
    public int Length => _bytes.Length;

    /// <summary>Whether case is ignored and matters: false for a pattern without letters.</summary>
    public bool IgnoreCase { get; }

    /// <summary>The bytes; letters in lower case when case is ignored.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Offset of the first occurrence, or -1.</summary>
    public int IndexIn(ReadOnlySpan<byte> text) => IgnoreCase ? IndexIgnoringCase(text) : text.IndexOf(_bytes);

    /// <summary>Whether the pattern occurs exactly at an offset; false when it does not fit.</summary>
    public bool IsAt(ReadOnlySpan<byte> text, int offset)
    {
        if ((uint)offset > (uint)text.Length || text.Length - offset < _bytes.Length)
        {
            return false;
        }
        text = text.Slice(offset, _bytes.Length);
        if (!IgnoreCase)
        {
            return text.SequenceEqual(_bytes);
        }
        for (int i = 0; i < text.Length; i++)
        {
            if ((text[i] | _masks[i]) != _bytes[i])
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The safe twin of the search in ContentPattern.Simd.cs.</summary>
    internal int IndexIgnoringCaseScalar(ReadOnlySpan<byte> text, int start)
    {
        byte probe = _bytes[_firstProbe];
        byte mask = _masks[_firstProbe];
        for (int i = start; i <= text.Length - _bytes.Length; i++)
        {
            if ((text[i + _firstProbe] | mask) == probe && IsAt(text, i))
            {
                return i;
            }
        }
        return -1;
    }

    /// <summary>The two rarest bytes, at different places where there are two: checked first.</summary>
    private (int First, int Second) ChooseProbes()
    {
        int first = 0;
        for (int i = 1; i < _bytes.Length; i++)
        {
            first = Prefilter.ByteRarity.Of(_bytes[i]) > Prefilter.ByteRarity.Of(_bytes[first]) ? i : first;
        }
        int second = first == 0 ? _bytes.Length - 1 : 0;
        for (int i = 0; i < _bytes.Length; i++)
        {
            bool rarer = Prefilter.ByteRarity.Of(_bytes[i]) > Prefilter.ByteRarity.Of(_bytes[second]);
            second = i != first && rarer && _bytes[i] != _bytes[first] ? i : second;
        }
        return (first, second);
    }
}
