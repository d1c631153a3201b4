using System.Buffers.Binary;
using BridgeGuard.Engine.Compression;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.Http1;

namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>WebSocket frames (RFC 6455 §5.2), messages put together from fragments (§5.4), permessage-deflate (RFC 7692).</summary>
/// <remarks>
/// <code>
///  0               1               2               3
/// +-+-+-+-+-------+-+-------------+-------------------------------+
/// |F|R|R|R| opcode|M| Payload len |    Extended payload length    |
/// |I|S|S|S|  (4)  |A|     (7)     |            (16/64)            |
/// |N|V|V|V|       |S|             |  (if payload len==126/127)    |
/// | |1|2|3|       |K|             |                               |
/// +-+-+-+-+-------+-+-------------+-------------------------------+
/// </code>
/// Any other extension is not understood: its bits are shown to rules and the payload passes as it is.
/// </remarks>
internal sealed class WebSocketParser : PooledState<WebSocketTransaction>
{
    public const byte FinalFlag = 0x80;
    public const byte CompressedFlag = 0x40;
    private const byte MaskFlag = 0x80;
    private const byte FirstControlOpcode = 8;

    private readonly WebSocketLimits _limits;
    private readonly Way _toServer = new();
    private readonly Way _toClient = new();

    /// <summary>The state of one direction.</summary>
    private sealed class Way
    {
        /// <summary>Payload of a frame that is beyond the limit.</summary>
        public ulong SkipLeft;

        public ByteBuffer Message { get; } = new();

        public bool IsInMessage;
        public bool IsCompressed;

        /// <summary>Made when a message is first compressed; keeps its history over messages unless that was agreed away.</summary>
        public Inflater? Inflater;
        public bool ForgetsHistory;
        public bool HasHistory;

        public void Reset()
        {
            SkipLeft = 0;
            Message.Reset();
            IsInMessage = false;
            IsCompressed = false;
            ForgetsHistory = false;
            HasHistory = false;
        }
    }

    private readonly record struct Header(byte First, bool IsMasked, uint Mask, int Length, ulong PayloadLength);

    public WebSocketParser(Protocol protocol, WebSocketLimits limits)
        : base(protocol, WebSocketLimits.MaxTransactions) => _limits = limits;

    /// <summary>What a message that is compressed ends with (RFC 7692 §7.2.2).</summary>
    private static ReadOnlySpan<byte> MessageTail => [0, 0, 0xff, 0xff];

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        Way way = context.Direction == Direction.ToServer ? _toServer : _toClient;
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (way.SkipLeft > 0)
            {
                int skipped = (int)Math.Min(way.SkipLeft, (ulong)rest.Length);
                way.SkipLeft -= (ulong)skipped;
                consumed += skipped;
                continue;
            }

            if (!TryReadHeader(rest, out Header header, out int atLeast))
            {
                return ParseResult.NeedMore(consumed, atLeast);
            }

            int kept = (int)Math.Min(header.PayloadLength, (ulong)_limits.MaxPayloadBytes);
            if (rest.Length < header.Length + kept)
            {
                return ParseResult.NeedMore(consumed, header.Length + kept);
            }

            way.SkipLeft = header.PayloadLength - (ulong)kept;
            ReadFrame(header, rest.Slice(header.Length, kept), way, in context);
            ulong transactionId = Transactions[Transactions.Count - 1].Id + 1;
            context.OpenFrame(WebSocketFrames.Header, consumed, header.Length, transactionId);
            context.OpenFrame(WebSocketFrames.Pdu, consumed, header.Length + kept, transactionId);
            context.OpenFrame(WebSocketFrames.Data, consumed + header.Length, kept, transactionId);
            consumed += header.Length + kept;
        }

        return ParseResult.Done(consumed);
    }

    /// <summary>The upgrade says whether compressed messages refer to earlier ones.</summary>
    public override void Inherit(ProtocolState previous, in ParseContext context)
    {
        if (previous is Http1Parser { Upgraded: { } exchange }
            && exchange.Response.Fields.TryGet("sec-websocket-extensions"u8, out ReadOnlySpan<byte> extensions))
        {
            _toServer.ForgetsHistory = Http1Text.ContainsLenient(extensions, "client_no_context_takeover"u8);
            _toClient.ForgetsHistory = Http1Text.ContainsLenient(extensions, "server_no_context_takeover"u8);
        }
    }

    public override void Reset()
    {
        base.Reset();
        _toServer.Reset();
        _toClient.Reset();
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> rest, out Header header, out int atLeast)
    {
        header = default;
        atLeast = 2;
        if (rest.Length < atLeast)
        {
            return false;
        }

        bool isMasked = (rest[1] & MaskFlag) != 0;
        ulong length = (ulong)(rest[1] & 0x7f);
        int extended = length == 126 ? sizeof(ushort) : length == 127 ? sizeof(ulong) : 0;
        atLeast += extended + (isMasked ? sizeof(uint) : 0);
        if (rest.Length < atLeast)
        {
            return false;
        }

        length = extended switch
        {
            0 => length,
            sizeof(ushort) => BinaryPrimitives.ReadUInt16BigEndian(rest[2..]),
            _ => BinaryPrimitives.ReadUInt64BigEndian(rest[2..]),
        };
        uint mask = isMasked ? BinaryPrimitives.ReadUInt32BigEndian(rest[(2 + extended)..]) : 0;
        header = new Header(rest[0], isMasked, mask, atLeast, length);
        return true;
    }

    private void ReadFrame(Header header, ReadOnlySpan<byte> payload, Way way, in ParseContext context)
    {
        WebSocketTransaction transaction = NewTransaction(context.Direction);
        transaction.Flags = (byte)(header.First & 0xf0);
        transaction.Opcode = (byte)(header.First & 0x0f);
        transaction.IsMasked = header.IsMasked;
        transaction.Mask = header.Mask;
        transaction.Payload.Append(payload);
        if (header.IsMasked)
        {
            Unmask(transaction.Payload.Writable(new Slice(0, payload.Length)), header.Mask);
        }

        if (way.SkipLeft > 0)
        {
            transaction.Raise(WebSocketAnomaly.SkipEndOfPayload);
        }

        if (transaction.Opcode < FirstControlOpcode)
        {
            Assemble(transaction, way);
        }

        Add(transaction);
    }

    private static void Unmask(Span<byte> payload, uint mask)
    {
        Span<uint> words = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, uint>(payload);
        uint key = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(mask) : mask;
        for (int i = 0; i < words.Length; i++)
        {
            words[i] ^= key;
        }

        for (int i = words.Length * sizeof(uint); i < payload.Length; i++)
        {
            payload[i] ^= (byte)(mask >> (24 - (8 * (i & 3))));
        }
    }

    /// <summary>The last fragment shows the whole message; what lies between fragments is not disturbed by control frames.</summary>
    private void Assemble(WebSocketTransaction transaction, Way way)
    {
        if (transaction.Opcode != 0)
        {
            way.IsInMessage = !transaction.IsFinal;
            way.IsCompressed = (transaction.Flags & CompressedFlag) != 0;
            way.Message.Reset();
        }

        if (way.IsInMessage || transaction.Opcode == 0)
        {
            int room = _limits.MaxPayloadBytes - way.Message.Length;
            if (transaction.Payload.Length > room)
            {
                transaction.Raise(WebSocketAnomaly.ReassemblyLimitReached);
            }

            way.Message.Append(transaction.Payload.Span[..Math.Min(room, transaction.Payload.Length)]);
        }

        if (!transaction.IsFinal)
        {
            return;
        }

        if (transaction.Opcode == 0)
        {
            transaction.Payload.Reset();
            transaction.Payload.Append(way.Message.Span);
            way.Message.Reset();
            way.IsInMessage = false;
        }

        if (way.IsCompressed)
        {
            way.IsCompressed = false;
            Inflate(transaction.Payload, way);
        }
    }

    /// <summary>Replaces a compressed message by what it says; one that cannot be decompressed stays as it is.</summary>
    private void Inflate(ByteBuffer payload, Way way)
    {
        Inflater inflater = way.Inflater ??= new Inflater();
        if (!way.HasHistory || way.ForgetsHistory)
        {
            inflater.Reset();
            way.HasHistory = true;
        }

        payload.Append(MessageTail);
        int compressed = payload.Length;
        ReadOnlySpan<byte> input = payload.Span;
        way.Message.Reset();
        InflateStatus status;
        do
        {
            // The limit holds for what is kept; the rest is still decoded, later messages may refer to it.
            Span<byte> output = way.Message.Reserve(4096);
            status = inflater.Run(ref input, output, out int written);
            way.Message.Commit(Math.Min(written, Math.Max(0, _limits.MaxPayloadBytes - way.Message.Length)));
        }
        while (status == InflateStatus.OutputFull && inflater.Produced < (long)compressed * ContentDecoder.BombRatio);

        if (status == InflateStatus.NeedInput || way.Message.Length > 0)
        {
            payload.Reset();
            payload.Append(way.Message.Span);
        }
        else
        {
            payload.Truncate(compressed - MessageTail.Length);
        }

        way.HasHistory = status == InflateStatus.NeedInput;
        way.Message.Reset();
    }

    private WebSocketTransaction NewTransaction(Direction direction)
    {
        WebSocketTransaction transaction = Rent();
        transaction.Reset();
        transaction.Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        return transaction;
    }
}
