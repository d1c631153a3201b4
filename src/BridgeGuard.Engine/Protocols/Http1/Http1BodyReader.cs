namespace BridgeGuard.Engine.Protocols.Http1;

internal enum BodyStep : byte
{
    /// <summary>Framing was taken.</summary>
    Framing,

    /// <summary>Body bytes were taken.</summary>
    Data,

    /// <summary>The last chunk is over, a trailer follows.</summary>
    Trailer,
    Done,
    NeedMore,

    /// <summary>Not a chunk size.</summary>
    BadChunk,
}

/// <summary>How a body ends (RFC 9112 §6) and how far it is read. One per direction of a flow.</summary>
internal struct Http1BodyReader
{
    private enum Framing : byte
    {
        None,
        Length,
        ToClose,
        ChunkSize,
        ChunkData,
        ChunkEnd,
    }

    private Framing _framing;

    /// <summary>Bytes of the body or chunk that are still to come.</summary>
    public long Remaining { get; private set; }

    public bool HasExtension { get; set; }

    public readonly bool IsToClose => _framing == Framing.ToClose;

    public readonly bool IsByLength => _framing == Framing.Length;

    /// <summary>Between chunks: an end here cuts the body off.</summary>
    public readonly bool IsBetweenChunks => _framing is Framing.ChunkSize or Framing.ChunkEnd;

    public void BeginLength(long length)
    {
        _framing = Framing.Length;
        Remaining = length;
    }

    public void BeginChunked()
    {
        _framing = Framing.ChunkSize;
        Remaining = 0;
        HasExtension = false;
    }

    public void BeginToClose() => _framing = Framing.ToClose;

    /// <summary>Takes framing or a run of body bytes.</summary>
    public BodyStep Read(ReadOnlySpan<byte> rest, out int consumed)
    {
        consumed = 0;
        switch (_framing)
        {
            case Framing.Length or Framing.ChunkData:
                return ReadCounted(rest, out consumed);
            case Framing.ToClose:
                consumed = rest.Length;
                return rest.IsEmpty ? BodyStep.NeedMore : BodyStep.Data;
            case Framing.ChunkSize:
                return ReadSize(rest, out consumed);
            case Framing.ChunkEnd:
                return ReadChunkEnd(rest, out consumed);
            default:
                return BodyStep.Done;
        }
    }

    /// <summary>Lost bytes that fall into the body; what is beyond it is returned.</summary>
    public long Skip(long bytes)
    {
        if (_framing == Framing.ToClose)
        {
            return 0;
        }

        if (_framing is not (Framing.Length or Framing.ChunkData))
        {
            return bytes;
        }

        long skipped = Math.Min(bytes, Remaining);
        Remaining -= skipped;
        if (Remaining == 0 && _framing == Framing.ChunkData)
        {
            _framing = Framing.ChunkEnd;
        }

        return bytes - skipped;
    }

    private BodyStep ReadCounted(ReadOnlySpan<byte> rest, out int consumed)
    {
        consumed = (int)Math.Min(rest.Length, Remaining);
        if (Remaining == 0)
        {
            return BodyStep.Done;
        }

        if (consumed == 0)
        {
            return BodyStep.NeedMore;
        }

        Remaining -= consumed;
        if (Remaining == 0 && _framing == Framing.ChunkData)
        {
            _framing = Framing.ChunkEnd;
        }

        return BodyStep.Data;
    }

    /// <summary>Up to the LF; what stands before it is not looked at.</summary>
    private BodyStep ReadChunkEnd(ReadOnlySpan<byte> rest, out int consumed)
    {
        int lf = FindLineEnd(rest, 0);
        consumed = lf + 1;
        if (lf < 0)
        {
            consumed = 0;
            return rest.Length > Http1Limits.MaxChunkLineBytes ? BodyStep.BadChunk : BodyStep.NeedMore;
        }

        _framing = Framing.ChunkSize;
        return BodyStep.Framing;
    }

    /// <summary>White space, hexadecimal digits, whatever, LF.</summary>
    private BodyStep ReadSize(ReadOnlySpan<byte> rest, out int consumed)
    {
        consumed = 0;
        int at = 0;
        while (at < rest.Length && (Http1Text.IsSpace(rest[at]) || rest[at] == 0))
        {
            at++;
        }

        // The white space stays until it is clear that a size follows: else it is the first of the body's bytes.
        if (at == rest.Length && at <= Http1Limits.MaxChunkLineBytes)
        {
            return BodyStep.NeedMore;
        }

        if (at > Http1Limits.MaxChunkLineBytes || Http1Text.HexValue(rest[at]) < 0)
        {
            return BodyStep.BadChunk;
        }

        int lf = FindLineEnd(rest, at);
        if (lf < 0)
        {
            return rest.Length > Http1Limits.MaxChunkLineBytes ? BodyStep.BadChunk : BodyStep.NeedMore;
        }

        ReadOnlySpan<byte> line = rest[at..lf];
        if (!TryParseSize(line, out long size))
        {
            return BodyStep.BadChunk;
        }

        HasExtension |= line.Contains((byte)';');
        consumed = lf + 1;
        Remaining = size;
        _framing = size == 0 ? Framing.None : Framing.ChunkData;
        return size == 0 ? BodyStep.Trailer : BodyStep.Framing;
    }

    /// <summary>
    /// The LF of a framing line that begins the bytes, looked for from <paramref name="from"/>; -1: none. One beyond the limit is none however many
    /// bytes are there, for the result must not depend on how many come at once.
    /// </summary>
    private static int FindLineEnd(ReadOnlySpan<byte> rest, int from)
    {
        int lf = rest[from..Math.Min(rest.Length, Http1Limits.MaxChunkLineBytes + 1)].IndexOf((byte)'\n');
        return lf < 0 ? -1 : from + lf;
    }

    private static bool TryParseSize(ReadOnlySpan<byte> line, out long size)
    {
        size = 0;
        foreach (byte value in line)
        {
            int digit = Http1Text.HexValue(value);
            if (digit < 0)
            {
                break;
            }

            size = (size << 4) | (uint)digit;
            if (size > int.MaxValue)
            {
                return false;
            }
        }

        return true;
    }
}
