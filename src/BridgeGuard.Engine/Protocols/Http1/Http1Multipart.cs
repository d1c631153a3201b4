using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Reads <c>multipart/form-data</c> (RFC 7578) as it arrives: each part with a file name becomes a file.</summary>
internal sealed class Http1Multipart
{
    /// <summary>RFC 2046 §5.1.1 allows 70; clients go further.</summary>
    private const int MaxBoundaryBytes = 256;

    private const int MaxPartHeadBytes = 8 << 10;

    private enum Phase : byte
    {
        Inactive,
        Preamble,
        AfterBoundary,
        Head,
        Content,
        Over,
    }

    /// <summary>Two dashes and the boundary.</summary>
    private readonly ByteBuffer _delimiter = new();

    /// <summary>Bytes that cannot be judged yet.</summary>
    private readonly ByteBuffer _tail = new();
    private Phase _phase;
    private TrackedFile? _file;
    private bool _hasContent;

    public bool IsActive => _phase != Phase.Inactive;

    public void Reset()
    {
        _phase = Phase.Inactive;
        _delimiter.Reset();
        _tail.Reset();
        _file = null;
        _hasContent = false;
    }

    /// <summary>Starts when the content type is multipart with a boundary.</summary>
    public void TryBegin(ReadOnlySpan<byte> contentType, Http1Transaction transaction)
    {
        if (!Http1Text.StartsWithIgnoreCase(contentType, "multipart/form-data"u8))
        {
            return;
        }

        if (!TryFindParameter(contentType, "boundary"u8, out ReadOnlySpan<byte> boundary) || boundary.IsEmpty || boundary.Length > MaxBoundaryBytes)
        {
            // Without a boundary it is a body like any other.
            return;
        }

        _delimiter.Append("--"u8);
        _delimiter.Append(boundary);
        _phase = Phase.Preamble;
    }

    public void Read(ReadOnlySpan<byte> bytes, Http1Transaction transaction, Http1Message message, in ParseContext context)
    {
        _tail.Append(bytes);
        int consumed = 0;
        while (true)
        {
            int taken = Step(_tail.Span[consumed..], transaction, message, in context);
            if (taken < 0)
            {
                break;
            }

            consumed += taken;
        }

        _tail.RemoveFront(consumed);
    }

    /// <summary>The body is over: what is left belongs to the open part.</summary>
    public void Finish(Http1Transaction transaction, FileTracker files, FileState state)
    {
        if (_phase is Phase.Preamble or Phase.Head or Phase.AfterBoundary && _tail.Length > 4)
        {
            transaction.Raise(Http1Anomaly.MultipartGenericError);
        }

        if (_file is not null)
        {
            files.Append(_file, _tail.Span);
            files.Close(_file, state == FileState.Closed && _phase == Phase.Content ? FileState.Truncated : state);
            _file = null;
        }

        Reset();
    }

    /// <summary>Finds <c>name=value</c> or <c>name="value"</c> among a field's parameters.</summary>
    public static bool TryFindParameter(ReadOnlySpan<byte> field, ReadOnlySpan<byte> lowerName, out ReadOnlySpan<byte> value)
    {
        value = default;
        for (int at = 0; at + lowerName.Length < field.Length; at++)
        {
            bool isStart = at == 0 || field[at - 1] == ';' || Http1Text.IsSpace(field[at - 1]);
            if (!isStart || !Http1Text.StartsWithIgnoreCase(field[at..], lowerName))
            {
                continue;
            }

            ReadOnlySpan<byte> rest = Http1Text.TrimStart(field[(at + lowerName.Length)..]);
            if (!rest.StartsWith((byte)'='))
            {
                continue;
            }

            rest = Http1Text.TrimStart(rest[1..]);
            if (rest.StartsWith((byte)'"'))
            {
                rest = rest[1..];
                int quote = rest.IndexOf((byte)'"');
                value = quote < 0 ? rest : rest[..quote];
            }
            else
            {
                int end = rest.IndexOf((byte)';');
                value = Http1Text.Trim(end < 0 ? rest : rest[..end]);
            }

            return true;
        }

        return false;
    }

    /// <summary>One element; -1 when more bytes are needed.</summary>
    private int Step(ReadOnlySpan<byte> rest, Http1Transaction transaction, Http1Message message, in ParseContext context)
    {
        switch (_phase)
        {
            case Phase.Preamble:
                return SkipPreamble(rest);
            case Phase.AfterBoundary:
                return ReadAfterBoundary(rest);
            case Phase.Head:
                return ReadHead(rest, transaction, message, in context);
            case Phase.Content:
                return ReadContent(rest, transaction, in context);
            default:
                return rest.IsEmpty ? -1 : rest.Length;
        }
    }

    private int SkipPreamble(ReadOnlySpan<byte> rest)
    {
        int at = rest.IndexOf(_delimiter.Span);
        if (at >= 0)
        {
            _phase = Phase.AfterBoundary;
            return at + _delimiter.Length;
        }

        int keep = Math.Min(rest.Length, _delimiter.Length);
        return rest.Length > keep ? rest.Length - keep : -1;
    }

    private int ReadAfterBoundary(ReadOnlySpan<byte> rest)
    {
        if (rest.Length < 2)
        {
            return -1;
        }

        if (rest.StartsWith("--"u8))
        {
            _phase = Phase.Over;
            return 2;
        }

        int lf = rest.IndexOf((byte)'\n');
        if (lf < 0)
        {
            return -1;
        }

        _phase = Phase.Head;
        return lf + 1;
    }

    private int ReadHead(ReadOnlySpan<byte> rest, Http1Transaction transaction, Http1Message message, in ParseContext context)
    {
        int end = 0;
        while (true)
        {
            int lf = rest[end..].IndexOf((byte)'\n');
            if (lf < 0)
            {
                if (rest.Length > MaxPartHeadBytes)
                {
                    transaction.Raise(Http1Anomaly.MultipartInvalidHeader);
                    _phase = Phase.Over;
                    return rest.Length;
                }

                return -1;
            }

            ReadOnlySpan<byte> line = rest.Slice(end, lf).TrimEnd((byte)'\r');
            end += lf + 1;
            if (line.IsEmpty)
            {
                break;
            }
        }

        BeginPart(rest[..end], transaction, message, in context);
        _phase = Phase.Content;
        return end;
    }

    private void BeginPart(ReadOnlySpan<byte> head, Http1Transaction transaction, Http1Message message, in ParseContext context)
    {
        _hasContent = false;
        ReadOnlySpan<byte> rest = head;
        while (!rest.IsEmpty)
        {
            int lf = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = rest[..lf].TrimEnd((byte)'\r');
            rest = rest[(lf + 1)..];
            if (line.IsEmpty)
            {
                break;
            }

            int colon = line.IndexOf((byte)':');
            if (colon <= 0)
            {
                transaction.Raise(Http1Anomaly.MultipartInvalidHeader);
                continue;
            }

            if (!Http1Text.EqualsIgnoreCase(Http1Text.Trim(line[..colon]), "content-disposition"u8))
            {
                continue;
            }

            if (Http1Text.Trim(line[(colon + 1)..]).IsEmpty)
            {
                transaction.Raise(Http1Anomaly.MultipartInvalidHeader);
            }
            else if (TryFindParameter(line[(colon + 1)..], "filename"u8, out ReadOnlySpan<byte> name))
            {
                _file = context.Files.Open(message.Files, name, in context);
                if (_file is not null)
                {
                    _file.EndIsAnnounced = true; // The closing boundary is yet to come.
                    _file.MinInspectBytes = message.Body.MinInspectBytes;
                }
            }
        }
    }

    /// <summary>The line end before a delimiter belongs to it (RFC 2046 §5.1.1).</summary>
    private int ReadContent(ReadOnlySpan<byte> rest, Http1Transaction transaction, in ParseContext context)
    {
        int at = rest.IndexOf(_delimiter.Span);
        if (at < 0)
        {
            int keep = Math.Min(rest.Length, _delimiter.Length + 2);
            int given = rest.Length - keep;
            if (given <= 0)
            {
                return -1;
            }

            Give(rest[..given], in context);
            return given;
        }

        int end = at;
        if (end > 0 && rest[end - 1] == '\n')
        {
            end--;
            end -= end > 0 && rest[end - 1] == '\r' ? 1 : 0;
        }

        Give(rest[..end], in context);
        if (_file is not null)
        {
            if (!_hasContent && at == 0)
            {
                transaction.Raise(Http1Anomaly.MultipartNoFiledata);
            }

            context.Files.Close(_file);
            _file = null;
        }

        _phase = Phase.AfterBoundary;
        return at + _delimiter.Length;
    }

    private void Give(ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        _hasContent = true;
        if (_file is not null)
        {
            context.Files.Append(_file, bytes);
        }
    }
}
