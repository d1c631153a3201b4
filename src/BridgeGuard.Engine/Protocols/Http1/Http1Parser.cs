using BridgeGuard.Engine.Compression;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Frames;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>
/// The HTTP/1 parser of one flow (RFC 9110, RFC 9112), as lenient as the clients it stands before: what a browser would show must be seen.
/// </summary>
/// <remarks>
/// Each direction is a small state machine that consumes whole lines or runs of body bytes. Requests make transactions, responses are matched
/// to them in order. Skipped on purpose: HTTP/0.9 beyond one response. This file holds the loop and what both
/// directions share; <c>Http1Parser.Request.cs</c> and <c>.Response.cs</c> the states.
/// </remarks>
internal sealed partial class Http1Parser : PooledState<Http1Transaction>
{
    private readonly Http1Servers _servers;
    private readonly Http1BodySink _requestSink;
    private readonly Http1BodySink _responseSink;

    /// <summary>The server's; chosen with the first bytes of a flow.</summary>
    private Http1Limits _limits;
    private bool _hasLimits;
    private uint _requestFrame;
    private uint _responseFrame;

    /// <summary>Where the bytes that the running step sees begin in the input.</summary>
    private int _at;

    public Http1Parser(Http1Protocol protocol, Http1Servers servers)
        : base(protocol)
    {
        _servers = servers;
        _limits = servers.For(default);
        _requestSink = new Http1BodySink(_limits, toServer: true);
        _responseSink = new Http1BodySink(_limits, toServer: false);
    }

    /// <summary>The heads of the exchange by which the flow went on to another protocol; null before.</summary>
    public Http1Transaction? Upgraded { get; private set; }

    /// <summary>What one state did.</summary>
    private readonly record struct Step(StepKind Kind, int Length)
    {
        public static Step Advance(int length) => new(StepKind.Advanced, length);

        public static readonly Step NeedMore = new(StepKind.NeedMore, 0);
        public static readonly Step Stop = new(StepKind.Stop, 0);
    }

    private enum StepKind : byte
    {
        /// <summary>Took bytes or changed the state.</summary>
        Advanced,
        NeedMore,
        Stop,
    }

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        int consumed = 0;
        if (!_hasLimits)
        {
            _hasLimits = true;
            _limits = _requestSink.Limits = _responseSink.Limits = _servers.For(context.Flow.Key.Destination);
        }

        while (true)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            _at = consumed;
            Step step = toServer ? RequestStep(rest, in context) : ResponseStep(rest, in context);
            if (step.Kind == StepKind.Stop)
            {
                return ParseResult.Stop();
            }

            if (step.Kind == StepKind.NeedMore)
            {
                return consumed == input.Length ? ParseResult.Done(consumed) : ParseResult.NeedMore(consumed, 0);
            }

            consumed += step.Length;
            _at = consumed;
            if (toServer ? _requesting is null : _responding is null)
            {
                CloseFrame(ref toServer ? ref _requestFrame : ref _responseFrame, in context);
            }

            if (Change.Requested)
            {
                // What follows is the next protocol's.
                return consumed == input.Length ? ParseResult.Done(consumed) : ParseResult.NeedMore(consumed, 0);
            }
        }
    }

    public override void OnEnd(in ParseContext context)
    {
        ParseContext end = context.AtEnd();
        Parse(default, in end);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        if (context.Direction == Direction.ToServer)
        {
            RequestGap(bytes, in context);
        }
        else
        {
            ResponseGap(bytes, in context);
        }
    }

    /// <summary>All bytes of one message: its end is known when the next thing begins.</summary>
    private uint OpenFrame(int type, Http1Transaction transaction, in ParseContext context) =>
        context.OpenFrame(type, _at, Frame.OpenEnded, transaction.Id);

    private void CloseFrame(ref uint frame, in ParseContext context)
    {
        if (frame != 0)
        {
            context.CloseFrame(frame, _at);
            frame = 0;
        }
    }

    public override void Release(Transaction transaction)
    {
        var released = (Http1Transaction)transaction;
        if (ReferenceEquals(released, _requesting))
        {
            _requesting = null;
            _requestPhase = RequestPhase.Resyncing;
        }

        if (ReferenceEquals(released, _responding))
        {
            _responding = null;
            _responsePhase = ResponsePhase.Resyncing;
        }

        base.Release(released);
    }

    protected override void TouchCurrent(Direction direction)
    {
        _requesting?.Touch(direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.None);
        _responding?.Touch(direction == Direction.ToClient ? DirectionMask.ToClient : DirectionMask.None);
    }

    public override void Reset()
    {
        base.Reset();
        _requestPhase = RequestPhase.Idle;
        _responsePhase = ResponsePhase.Idle;
        _requesting = null;
        _responding = null;
        _requestBody = default;
        _responseBody = default;
        _requestSink.Reset();
        _responseSink.Reset();
        _hasLimits = false;
        _followsRequest = false;
        _requestFrame = 0;
        _responseFrame = 0;
        if (Upgraded is { } upgraded)
        {
            base.Release(upgraded);
            Upgraded = null;
        }
    }

    private Http1Transaction? NewTransaction()
    {
        if (Transactions.Count >= _limits.MaxTransactions)
        {
            return null;
        }

        Http1Transaction transaction = Rent();
        transaction.Reset();
        Transactions.Add(transaction);
        return transaction;
    }

    /// <summary>Content-Length as a lenient reader takes it: the first run of digits.</summary>
    private static bool TryReadLength(Http1Transaction transaction, Http1Message message, bool toServer, out long length)
    {
        length = -1;
        if (!message.Fields.TryGet("content-length"u8, out ReadOnlySpan<byte> value))
        {
            return false;
        }

        int start = value.IndexOfAnyInRange((byte)'0', (byte)'9');
        if (start < 0)
        {
            if (!toServer)
            {
                transaction.Raise(Http1Anomaly.InvalidContentLengthFieldInResponse);
            }

            return false;
        }

        if (start > 0)
        {
            transaction.Raise(Http1Anomaly.ContentLengthExtraDataStart);
        }

        int end = start;
        length = 0;
        while (end < value.Length && value[end] is >= (byte)'0' and <= (byte)'9' && length < long.MaxValue / 10 - 9)
        {
            length = length * 10 + (value[end++] - '0');
        }

        if (end < value.Length && value[end] is not (>= (byte)'0' and <= (byte)'9'))
        {
            transaction.Raise(Http1Anomaly.ContentLengthExtraDataEnd);
        }

        return true;
    }

    /// <summary>HTTP/1.1 (RFC 9112 §6.1).</summary>
    private const int FirstWithChunks = 101;

    /// <summary>Is the body chunked? An odd spelling counts, with an anomaly.</summary>
    private static bool IsChunked(Http1Transaction transaction, Http1Message message, bool toServer)
    {
        if (!TryGetLenient(message, "transfer-encoding"u8, out ReadOnlySpan<byte> value))
        {
            return false;
        }

        if (Http1Text.EqualsIgnoreCase(value, "chunked"u8))
        {
            if (toServer && message.Version is > 9 and < FirstWithChunks)
            {
                transaction.Raise(Http1Anomaly.InvalidTransferEncodingValueInRequest);
            }

            return true;
        }

        if (Http1Text.ContainsLenient(value, "chunked"u8))
        {
            if (!toServer)
            {
                transaction.Raise(Http1Anomaly.ResponseAbnormalTransferEncoding);
            }

            return true;
        }

        return false;
    }

    /// <summary>A field by name, also when control characters hide in it ("Transfer\0-Encoding").</summary>
    private static bool TryGetLenient(Http1Message message, ReadOnlySpan<byte> lowerName, out ReadOnlySpan<byte> value)
    {
        if (message.Fields.TryGet(lowerName, out value))
        {
            return true;
        }

        for (int i = 0; i < message.Fields.Count; i++)
        {
            ReadOnlySpan<byte> name = message.Fields.Name(i);
            if (name.Length > lowerName.Length && name.IndexOfAnyInRange((byte)0, (byte)0x1f) >= 0 && Http1Text.ContainsLenient(name, lowerName))
            {
                value = message.Fields.Value(i);
                return true;
            }
        }

        return false;
    }

    /// <summary>Sets up the codings that Content-Encoding names.</summary>
    private void BeginCodings(Http1Transaction transaction, Http1Message message, ContentDecoder decoder)
    {
        decoder.Reset();
        decoder.BombLimitBytes = _limits.BombBytes;
        decoder.LzmaMemoryBytes = _limits.LzmaMemoryBytes;
        if (!TryGetLenient(message, "content-encoding"u8, out ReadOnlySpan<byte> value))
        {
            return;
        }

        int layers = 0;
        int lzmaLayers = 0;
        // As for Suricata a blank separates codings like a comma does.
        foreach (Range range in value.SplitAny(", "u8))
        {
            ContentCoding coding = Http1Codings.Read(value[range], out bool isAbnormal);
            if (isAbnormal)
            {
                transaction.Raise(Http1Anomaly.AbnormalCeHeader);
            }

            if (coding == ContentCoding.Identity || (coding == ContentCoding.Lzma && _limits.LzmaLayers == 0))
            {
                continue;
            }

            if (++layers > _limits.DecompressLayers)
            {
                transaction.Raise(Http1Anomaly.TooManyEncodingLayers);
                return;
            }

            if (coding == ContentCoding.Lzma && ++lzmaLayers > _limits.LzmaLayers)
            {
                transaction.Raise(Http1Anomaly.ResponseTooManyLzmaLayers);
                return;
            }

            decoder.Add(coding);
        }
    }
}
