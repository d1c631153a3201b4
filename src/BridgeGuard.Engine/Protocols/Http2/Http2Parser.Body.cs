using System.Buffers.Text;
using BridgeGuard.Engine.Compression;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Dns;
using BridgeGuard.Engine.Protocols.Http1;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>What follows from a head, DATA, and the end of a stream.</summary>
internal sealed partial class Http2Parser
{
    /// <summary>The first header block of a direction.</summary>
    internal void OnHead(Http2Transaction transaction, Http2Side side, in ParseContext context)
    {
        Http2Headers headers = side.Headers;
        if (headers.TryGet(":authority"u8, out ReadOnlySpan<byte> authority))
        {
            CheckAuthority(authority, headers, transaction);
        }

        if (headers.TryGet("content-encoding"u8, out ReadOnlySpan<byte> codings))
        {
            BeginCodings(codings, side);
        }

        if (headers.TryGet("content-range"u8, out ReadOnlySpan<byte> range) && !Http1Ranges.TryRead(range, out _, out _, out _))
        {
            transaction.Raise(Http2Anomaly.InvalidRange);
        }

        if (context.Direction == Direction.ToServer)
        {
            TakeDnsParameter(transaction, headers, in context);
        }

        if (headers.TryGet("content-type"u8, out ReadOnlySpan<byte> type) && Http1Text.EqualsIgnoreCase(type, "application/dns-message"u8))
        {
            side.IsDns = true;
        }
    }

    private static void CheckAuthority(ReadOnlySpan<byte> authority, Http2Headers headers, Http2Transaction transaction)
    {
        if (authority.Contains((byte)'@'))
        {
            transaction.Raise(Http2Anomaly.UserinfoInUri);
        }

        if (headers.TryGet("host"u8, out ReadOnlySpan<byte> host)
            && !System.Text.Ascii.EqualsIgnoreCase(Http2Transaction.HostOf(authority), Http2Transaction.HostOf(host)))
        {
            transaction.Raise(Http2Anomaly.AuthorityHostMismatch);
        }
    }

    private void BeginCodings(ReadOnlySpan<byte> codings, Http2Side side)
    {
        ContentDecoder decoder = side.Decoder ??= new ContentDecoder();
        decoder.Reset();
        decoder.BombLimitBytes = _limits.BombBytes;
        decoder.MaxRatio = Http2Limits.BombRatio;
        int layers = 0;
        foreach (Range range in codings.Split((byte)','))
        {
            ContentCoding coding = Http1Codings.Read(codings[range], out _);
            if (coding is not (ContentCoding.Identity or ContentCoding.Lzma) && layers++ < Http2Limits.MaxCodings)
            {
                decoder.Add(coding);
            }
        }
    }

    /// <summary>Begins a DATA frame; 0 when its padding's length is not there yet.</summary>
    private int BeginData(ReadOnlySpan<byte> rest, uint length, Frame frame, Way way, in ParseContext context, out int atLeast)
    {
        atLeast = 0;
        uint padding = 0;
        int head = FrameHeaderBytes;
        if (frame.Has(Http2Flags.Padded) && length > 0)
        {
            if (rest.Length <= FrameHeaderBytes)
            {
                atLeast = FrameHeaderBytes + 1;
                return 0;
            }

            // More padding than payload is an error that receivers treat differently: all is shown.
            if (rest[FrameHeaderBytes] <= length - 1)
            {
                padding = rest[FrameHeaderBytes];
                head++;
                length--;
            }
        }

        Http2Transaction transaction = Note(frame, frame.StreamId, way, in context);
        if (transaction.IsConnection)
        {
            transaction.Raise(Http2Anomaly.DataStreamZero);
            way.SkipLeft = length;
            return head;
        }

        way.DataOwner = transaction;
        way.DataLeft = length;
        way.PaddingLeft = padding;
        way.DataEndsStream = frame.Has(Http2Flags.EndStream);
        if (length == 0)
        {
            EndData(way, in context);
        }

        return head;
    }

    private int ReadData(ReadOnlySpan<byte> rest, Way way, in ParseContext context)
    {
        int taken = (int)Math.Min(way.DataLeft, (uint)rest.Length);
        int content = (int)Math.Min((uint)taken, way.DataLeft - Math.Min(way.PaddingLeft, way.DataLeft));
        if (content > 0)
        {
            way.DataOwner!.Touch();
            Feed(rest[..content], way.DataOwner, in context);
        }

        way.DataLeft -= (uint)taken;
        if (way.DataLeft == 0)
        {
            EndData(way, in context);
        }

        return taken;
    }

    private void EndData(Way way, in ParseContext context)
    {
        Http2Transaction owner = way.DataOwner!;
        way.DataOwner = null;
        if (way.DataEndsStream)
        {
            EndStream(owner, context.Direction, in context);
        }
    }

    private void Feed(ReadOnlySpan<byte> bytes, Http2Transaction transaction, in ParseContext context)
    {
        Http2Side side = transaction.Side(context.Direction);
        side.WireBytes += bytes.Length;
        if (side.Decoder is { IsActive: true } decoder)
        {
            _sink.Begin(transaction, in context);
            decoder.Feed(bytes, _sink);
            _sink.Reset();
            ReportDecoder(decoder, transaction);
        }
        else
        {
            OnContent(bytes, transaction, in context);
        }
    }

    internal void OnContent(ReadOnlySpan<byte> bytes, Http2Transaction transaction, in ParseContext context)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        Http2Side side = transaction.Side(context.Direction);
        if (side.IsDns)
        {
            AppendDns(bytes, transaction, side, context.Direction);
        }

        if (side.Files.Count == 0)
        {
            OpenFile(transaction, side, in context);
        }

        if (side.Files.Open is { } file)
        {
            context.Files.Append(file, bytes);
        }
    }

    /// <summary>Files have no name here: records have never had one; the scanner gets the address.</summary>
    private void OpenFile(Http2Transaction transaction, Http2Side side, in ParseContext context)
    {
        Http2Headers request = transaction.IsPromised ? transaction.Server.Headers : transaction.Client.Headers;
        request.TryGet(":authority"u8, out ReadOnlySpan<byte> authority);
        request.TryGet(":path"u8, out ReadOnlySpan<byte> path);
        _location.Reset();
        _location.Append("http://"u8);
        _location.Append(authority);
        _location.Append(path);
        long announced = side.Decoder is not { IsActive: true } && side.Headers.TryGet("content-length"u8, out ReadOnlySpan<byte> length)
            && Utf8Parser.TryParse(length, out long bytes, out int digits) && digits == length.Length ? bytes : -1;
        TrackedFile? file = context.Files.Open(side.Files, default, in context, _location.Span, announced);
        if (file is null || !side.Headers.TryGet("content-range"u8, out ReadOnlySpan<byte> range))
        {
            return;
        }

        if (Http1Ranges.TryRead(range, out long start, out long end, out long total))
        {
            file.RangeStart = start;
            file.RangeEnd = end;
            file.RangeTotal = total;
            _location.Truncate(0);
            AppendLower(Http2Transaction.HostOf(authority), _location);
            _location.Append((byte)0);
            _location.Append(path);
            int query = path.IndexOfAny((byte)'?', (byte)'#');
            context.Files.OpenRange(file, _location.Span, query < 0 ? path : path[..query], path, in context);
        }
    }

    private static void AppendLower(ReadOnlySpan<byte> text, Pools.ByteBuffer buffer)
    {
        Span<byte> lower = buffer.Reserve(text.Length);
        System.Text.Ascii.ToLower(text, lower, out int written);
        buffer.Commit(written);
    }

    private readonly Pools.ByteBuffer _location = new();

    private void EndStream(Http2Transaction transaction, Direction direction, in ParseContext context)
    {
        if (transaction.IsConnection)
        {
            return;
        }

        Http2Side side = transaction.Side(direction);
        if (side.Decoder is { IsActive: true } decoder && transaction.Progress(direction) < Http2Progress.Complete)
        {
            ParseContext own = direction == context.Direction ? context : new ParseContext
            {
                Flow = context.Flow,
                Direction = direction,
                TimeUs = context.TimeUs,
                IsEnd = context.IsEnd,
                Files = context.Files,
            };
            _sink.Begin(transaction, in own);
            decoder.Finish(_sink);
            _sink.Reset();
            ReportDecoder(decoder, transaction);
        }

        if (side.Files.Open is { } file)
        {
            context.Files.Close(file);
        }

        if (side.IsDns)
        {
            ReadDns(transaction, direction);
        }

        transaction.SetProgress(direction, Http2Progress.Complete);
    }

    private static void ReportDecoder(ContentDecoder decoder, Http2Transaction transaction)
    {
        if (decoder.IsBomb)
        {
            transaction.Raise(Http2Anomaly.CompressionBomb);
        }
        else if (decoder.HasFailed || decoder.IsRefused)
        {
            transaction.Raise(Http2Anomaly.FailedDecompression);
        }
    }
}
