using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Reads <c>multipart/byteranges</c> (RFC 9110 §14.6) as it arrives: each part is a piece of one larger file.</summary>
/// <remarks>
/// Only where somebody judges files; else the body is one file, as in Suricata. A part's length follows from its Content-Range, so that no byte
/// of it waits for the delimiter behind it. A part without that field is left out.
/// </remarks>
internal sealed class Http1ByteRanges
{
    private const int MaxPartHeadBytes = 8 << 10;

    private readonly ByteBuffer _head = new();
    private TrackedFile? _part;
    private long _left;
    private bool _isOver;

    public bool IsActive { get; private set; }

    public void Reset()
    {
        IsActive = false;
        _head.Reset();
        _part = null;
        _left = 0;
        _isOver = false;
    }

    public void TryBegin(ReadOnlySpan<byte> contentType) => IsActive = Http1Text.StartsWithIgnoreCase(contentType, "multipart/byteranges"u8);

    /// <summary>More of the body.</summary>
    /// <param name="bytes">As sent.</param>
    /// <param name="list">Where parts go.</param>
    /// <param name="place">What tells the whole: its key, name and location.</param>
    /// <param name="context">Of the bytes.</param>
    public void Read(ReadOnlySpan<byte> bytes, FileList list, in RangePlace place, in ParseContext context)
    {
        while (!bytes.IsEmpty && !_isOver)
        {
            int taken = _left > 0 ? Content(bytes, in context) : Head(bytes, list, in place, in context);
            bytes = bytes[taken..];
        }
    }

    public void Finish(FileTracker files)
    {
        if (_part is not null)
        {
            files.Close(_part, FileState.Truncated);
        }

        Reset();
    }

    private int Content(ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        int length = (int)Math.Min(bytes.Length, _left);
        _left -= length;
        if (_part is { } part)
        {
            context.Files.Append(part, bytes[..length]);
            if (_left == 0)
            {
                context.Files.Close(part);
                _part = null;
            }
        }

        return length;
    }

    /// <summary>The delimiter, fields and the empty line behind them.</summary>
    private int Head(ReadOnlySpan<byte> bytes, FileList list, in RangePlace place, in ParseContext context)
    {
        int lf = bytes.IndexOf((byte)'\n');
        int taken = lf < 0 ? bytes.Length : lf + 1;
        int before = _head.Length;
        _head.Append(bytes[..taken]);
        if (_head.Length > MaxPartHeadBytes)
        {
            _isOver = true;
            return taken;
        }

        if (lf < 0)
        {
            return taken;
        }

        bool isEmptyLine = before > 0 && _head.Span[before - 1] == '\n' && _head.Span[before..].TrimEnd("\r\n"u8).IsEmpty;
        if (isEmptyLine)
        {
            Begin(list, in place, in context);
        }

        return taken;
    }

    private void Begin(FileList list, in RangePlace place, in ParseContext context)
    {
        ReadOnlySpan<byte> rest = _head.Span;
        bool isFound = false;
        while (!rest.IsEmpty)
        {
            int lf = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = rest[..lf].TrimEnd((byte)'\r');
            rest = rest[(lf + 1)..];
            int colon = line.IndexOf((byte)':');
            if (colon > 0 && Http1Text.EqualsIgnoreCase(Http1Text.Trim(line[..colon]), "content-range"u8)
                && Http1Ranges.TryRead(line[(colon + 1)..], out long start, out long end, out long total) && start >= 0)
            {
                isFound = true;
                _left = end - start + 1;
                _part = context.Files.Open(list, place.Name, in context, place.Location, _left);
                if (_part is { } part)
                {
                    part.EndIsAnnounced = true;
                    (part.RangeStart, part.RangeEnd, part.RangeTotal) = (start, end, total);
                    context.Files.OpenRange(part, place.Key, place.Name, place.Location, in context);
                }

                break;
            }
        }

        // The first part's delimiter has an empty line of its own before it.
        if (isFound || _head.Length > 2)
        {
            _head.Reset();
        }
    }
}

/// <summary>What tells a file that is fetched in ranges. Valid for the call.</summary>
internal readonly ref struct RangePlace
{
    public ReadOnlySpan<byte> Key { get; init; }

    public ReadOnlySpan<byte> Name { get; init; }

    public ReadOnlySpan<byte> Location { get; init; }
}
