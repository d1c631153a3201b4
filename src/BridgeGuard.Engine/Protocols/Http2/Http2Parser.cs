using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Protocols.Dns;
using BridgeGuard.Engine.Protocols.Http1;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>HTTP/2 (RFC 9113) with HPACK (RFC 7541), after the client's preface or an upgrade from HTTP/1; and DNS over it (RFC 8484).</summary>
/// <remarks>
/// <code>
/// +-----------------------------------------------+
/// |                 Length (24)                   |
/// +---------------+---------------+---------------+
/// |   Type (8)    |   Flags (8)   |
/// +-+-------------+---------------+-------------------------------+
/// |R|                 Stream Identifier (31)                      |
/// +=+=============================================================+
/// |                   Frame Payload (0...)                        |
/// </code>
/// DATA goes on as it comes in; other frames are read when they are whole. Lost bytes end parsing: the header tables are out of step.
/// Skipped on purpose: flow control, priorities' tree, whether endpoints may send what they send.
/// </remarks>
internal sealed partial class Http2Parser : PooledState<Http2Transaction>
{
    public const int FrameHeaderBytes = 9;

    private readonly Protocol _http2;
    private readonly Http2Limits _limits;
    private readonly Stack<DnsTransaction> _dnsPool = new();
    private readonly Dictionary<uint, Http2Transaction> _streams = [];
    private readonly Http2BodySink _sink;
    private readonly Way _toServer;
    private readonly Way _toClient;

    /// <summary>Whose frame was read last; null: nobody's.</summary>
    private Http2Transaction? _noted;
    private bool _isDns;

    /// <summary>The state of one direction.</summary>
    private sealed class Way(int maxTableBytes)
    {
        public HpackDecoder Hpack { get; } = new(maxTableBytes);

        /// <summary>A header block whose CONTINUATION is awaited, and whose it is.</summary>
        public ByteBuffer Block { get; } = new();

        public Http2Transaction? BlockOwner;
        public bool BlockEndsStream;

        /// <summary>The block became too large; its rest is dropped.</summary>
        public bool BlockIsLost;

        public bool HasPreface;

        /// <summary>The DATA frame being received: bytes to come, of them padding at the end.</summary>
        public uint DataLeft;
        public uint PaddingLeft;
        public bool DataEndsStream;
        public Http2Transaction? DataOwner;

        /// <summary>Bytes of a frame that is not looked at.</summary>
        public uint SkipLeft;

        public void Reset()
        {
            Hpack.Reset();
            Block.Reset();
            BlockOwner = null;
            BlockEndsStream = false;
            BlockIsLost = false;
            HasPreface = false;
            DataLeft = 0;
            PaddingLeft = 0;
            DataEndsStream = false;
            DataOwner = null;
            SkipLeft = 0;
        }
    }

    public Http2Parser(Protocol protocol, Http2Limits limits)
        : base(protocol, Http2Limits.MaxTransactions)
    {
        _http2 = protocol;
        _limits = limits;
        _sink = new Http2BodySink(this);
        _toServer = new Way(limits.MaxTableBytes);
        _toClient = new Way(limits.MaxTableBytes);
        _toServer.Reset();
        _toClient.Reset();
    }

    /// <summary>HTTP/2, or DNS over it once a message was seen.</summary>
    public override Protocol Protocol => _isDns ? ProtocolCatalog.Get(ProtocolId.Doh2)! : _http2;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        Way way = context.Direction == Direction.ToServer ? _toServer : _toClient;
        int consumed = 0;
        if (!way.HasPreface && context.Direction == Direction.ToServer)
        {
            if (input.Length < Http2Protocol.Preface.Length && Http2Protocol.Preface.StartsWith(input))
            {
                return ParseResult.NeedMore(0, Http2Protocol.Preface.Length);
            }

            if (!input.StartsWith(Http2Protocol.Preface))
            {
                NewTransaction(0, in context).Raise(Http2Anomaly.InvalidClientMagic);
                return ParseResult.Stop();
            }

            consumed = Http2Protocol.Preface.Length;
        }

        way.HasPreface = true;
        while (consumed < input.Length)
        {
            int step = ReadPart(input[consumed..], consumed, way, in context, out int atLeast);
            if (step == 0)
            {
                return ParseResult.NeedMore(consumed, atLeast);
            }

            consumed += step;
        }

        return ParseResult.Done(consumed);
    }

    public override void Release(Transaction transaction)
    {
        var released = (Http2Transaction)transaction;
        if (!released.IsConnection && _streams.TryGetValue(released.StreamId, out Http2Transaction? known) && ReferenceEquals(known, released))
        {
            _streams.Remove(released.StreamId);
        }

        Forget(_toServer, released);
        Forget(_toClient, released);
        ReleaseDns(released.DnsRequest);
        ReleaseDns(released.DnsResponse);
        base.Release(released);
    }

    protected override void TouchCurrent(Direction direction)
    {
        _toServer.DataOwner?.Touch();
        _toClient.DataOwner?.Touch();
    }

    public override void Reset()
    {
        base.Reset();
        _streams.Clear();
        _toServer.Reset();
        _toClient.Reset();
        _sink.Reset();
        _isDns = false;
        _noted = null;
    }

    /// <summary>The request that asked for the upgrade is the first stream (RFC 7540 §3.2), its settings a frame of the connection.</summary>
    public override void Inherit(ProtocolState previous, in ParseContext context)
    {
        if (previous is Http1Parser http1 && http1.Upgraded is { } request)
        {
            Http2Upgrade.Take(request, this, in context);
        }
    }

    internal Http2Transaction NewTransaction(uint streamId, in ParseContext context)
    {
        if (streamId != 0 && _streams.Count >= _limits.MaxStreams)
        {
            EndOldest(in context);
        }

        Http2Transaction transaction = Rent();
        transaction.Reset();
        transaction.StreamId = streamId;
        if (streamId == 0)
        {
            transaction.ProgressToServer = Http2Progress.Complete;
            transaction.ProgressToClient = Http2Progress.Complete;
        }
        else
        {
            _streams[streamId] = transaction;
        }

        Add(transaction);
        return transaction;
    }

    /// <summary>The transaction of a frame: its stream's, or a new one for a frame of the connection.</summary>
    private Http2Transaction Owner(uint streamId, in ParseContext context)
    {
        if (streamId == 0 || !_streams.TryGetValue(streamId, out Http2Transaction? known))
        {
            return NewTransaction(streamId, in context);
        }

        known.Touch();
        return known;
    }

    /// <summary>Too many streams: the oldest that is not over is taken for over.</summary>
    private void EndOldest(in ParseContext context)
    {
        int open = OldestOpen();
        if (open < 0)
        {
            return;
        }

        var transaction = (Http2Transaction)Transactions[open];
        transaction.Raise(Http2Anomaly.TooManyStreams);
        EndStream(transaction, Direction.ToServer, in context);
        EndStream(transaction, Direction.ToClient, in context);
        _streams.Remove(transaction.StreamId);
    }

    /// <summary>Takes a frame, or a part of a DATA frame; 0 when more bytes are needed.</summary>
    private int ReadPart(ReadOnlySpan<byte> rest, int at, Way way, in ParseContext context, out int atLeast)
    {
        atLeast = 0;
        if (way.SkipLeft > 0)
        {
            int skipped = (int)Math.Min(way.SkipLeft, (uint)rest.Length);
            way.SkipLeft -= (uint)skipped;
            return skipped;
        }

        if (way.DataOwner is not null)
        {
            return ReadData(rest, way, in context);
        }

        if (rest.Length < FrameHeaderBytes)
        {
            atLeast = FrameHeaderBytes;
            return 0;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(rest) >> 8;
        var frame = new Frame(rest[3], rest[4], BinaryPrimitives.ReadUInt32BigEndian(rest[5..]) & 0x7fffffff);
        if (frame.Type == Http2FrameType.Data)
        {
            int begun = BeginData(rest, length, frame, way, in context, out atLeast);
            if (begun > 0)
            {
                PointOut(at, length, in context);
            }

            return begun;
        }

        int wanted = FrameHeaderBytes + (int)Math.Min(length, Http2Limits.MaxFrameBytes);
        if (rest.Length < wanted)
        {
            atLeast = wanted;
            return 0;
        }

        way.SkipLeft = length - (uint)(wanted - FrameHeaderBytes);
        ReadFrame(frame, rest[FrameHeaderBytes..wanted], way, in context);
        PointOut(at, length, in context);
        return wanted;
    }

    /// <summary>A frame for rules; its transaction's number counts from 1 there. SETTINGS without settings have none.</summary>
    private void PointOut(int at, uint length, in ParseContext context)
    {
        if (context.Frames is not { } frames)
        {
            return;
        }

        Span<uint> ids =
        [
            context.OpenFrame(Http2Frames.Header, at, FrameHeaderBytes),
            context.OpenFrame(Http2Frames.Data, at + FrameHeaderBytes, length),
            context.OpenFrame(Http2Frames.Pdu, at, FrameHeaderBytes + (long)length),
        ];
        foreach (uint id in ids)
        {
            if (_noted is { } owner)
            {
                frames.SetTransaction(id, owner.Id + 1);
            }
        }
    }

    private static void Forget(Way way, Http2Transaction transaction)
    {
        if (ReferenceEquals(way.BlockOwner, transaction))
        {
            way.BlockOwner = null;
            way.BlockIsLost = false;
        }

        if (ReferenceEquals(way.DataOwner, transaction))
        {
            way.SkipLeft = way.DataLeft;
            way.DataOwner = null;
        }
    }

    private void ReleaseDns(DnsTransaction? dns)
    {
        if (dns is not null)
        {
            dns.Reset();
            _dnsPool.Push(dns);
        }
    }

    /// <summary>What a frame's header says, but for the length.</summary>
    private readonly record struct Frame(byte Type, byte Flags, uint StreamId)
    {
        public bool Has(byte flag) => (Flags & flag) != 0;
    }
}
