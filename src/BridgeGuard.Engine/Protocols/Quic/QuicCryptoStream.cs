namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Puts the pieces of a handshake together that CRYPTO frames carry in any order (RFC 9000 §19.6). What came first stays.</summary>
internal sealed class QuicCryptoStream
{
    private byte[] _bytes = [];
    private readonly (int Start, int End)[] _ranges = new (int Start, int End)[QuicLimits.MaxRanges];
    private int _count;

    /// <summary>The bytes from the beginning up to the first hole.</summary>
    public ReadOnlySpan<byte> Contiguous => _count > 0 && _ranges[0].Start == 0 ? _bytes.AsSpan(0, _ranges[0].End) : default;

    /// <summary>False when the piece lies beyond the limits.</summary>
    public bool TryAdd(ulong offset, ReadOnlySpan<byte> piece)
    {
        if (offset > QuicLimits.MaxCryptoBytes || piece.Length > QuicLimits.MaxCryptoBytes - (int)offset)
        {
            return false;
        }

        int start = (int)offset;
        int end = start + piece.Length;
        if (end > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Min(Math.Max(end, Math.Max(2048, _bytes.Length * 2)), QuicLimits.MaxCryptoBytes));
        }

        int first = 0;
        while (first < _count && _ranges[first].End < start)
        {
            first++;
        }

        int last = first;
        int at = start;
        int mergedStart = start;
        int mergedEnd = end;
        while (last < _count && _ranges[last].Start <= end)
        {
            Copy(piece, start, at, Math.Min(_ranges[last].Start, end));
            at = Math.Max(at, _ranges[last].End);
            mergedStart = Math.Min(mergedStart, _ranges[last].Start);
            mergedEnd = Math.Max(mergedEnd, _ranges[last].End);
            last++;
        }

        if (last == first && _count == _ranges.Length)
        {
            return false;
        }

        Copy(piece, start, at, end);
        _ranges.AsSpan(last, _count - last).CopyTo(_ranges.AsSpan(first + 1));
        _ranges[first] = (mergedStart, mergedEnd);
        _count += 1 - (last - first);
        return true;
    }

    public void Reset()
    {
        _count = 0;
        if (_bytes.Length > 16 << 10)
        {
            _bytes = [];
        }
    }

    private void Copy(ReadOnlySpan<byte> piece, int pieceStart, int from, int to)
    {
        if (to > from)
        {
            piece[(from - pieceStart)..(to - pieceStart)].CopyTo(_bytes.AsSpan(from));
        }
    }
}
