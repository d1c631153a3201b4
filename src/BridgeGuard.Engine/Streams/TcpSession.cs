using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Streams;

/// <summary>TCP states of a session as a whole (names of EVE <c>tcp.state</c>).</summary>
public enum TcpState : byte
{
    None,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    TimeWait,
    LastAck,
    CloseWait,
    Closing,
    Closed,
}

/// <summary>What was seen of a session as a whole.</summary>
[Flags]
public enum TcpSessionFlags : ushort
{
    None = 0,

    /// <summary>Picked up without its handshake.</summary>
    Midstream = 1 << 0,

    /// <summary>Picked up at a SYN/ACK.</summary>
    MidstreamSynAck = 1 << 1,

    /// <summary>Only one side is seen: acknowledgements cannot be checked.</summary>
    Async = 1 << 2,

    /// <summary>Both sides sent a SYN (RFC 9293 §3.5, simultaneous open).</summary>
    FourWay = 1 << 3,

    /// <summary>Both sides offered timestamps.</summary>
    Timestamps = 1 << 4,

    /// <summary>Both sides permitted selective acknowledgements.</summary>
    Sack = 1 << 5,

    /// <summary>The SYN carried data under TCP Fast Open.</summary>
    FastOpen = 1 << 6,

    /// <summary>The third packet of the handshake was seen.</summary>
    HandshakeConfirmed = 1 << 7,

    /// <summary>A reset was seen; more packets after it make it suspect.</summary>
    Reset = 1 << 8,

    /// <summary>No more stream data is handed on: both directions gave up, depth, bypass.</summary>
    NoReassembly = 1 << 9,

    /// <summary>The end was handed to the application layer.</summary>
    EndDelivered = 1 << 10,

    /// <summary>A window is huge although no scale was seen: the handshake was missed, so windows are not enforced.</summary>
    Liberal = 1 << 11,

    /// <summary>The session ended in a state that forbids being taken up again by late packets.</summary>
    DataOnSyn = 1 << 12,

    /// <summary>Acknowledged bytes were never seen here: what follows is judged more loosely, as more may be missing.</summary>
    Lossy = 1 << 13,
}

/// <summary>Both directions of a TCP connection.</summary>
/// <remarks>Pooled; owned by its flow. <see cref="Client"/> and <see cref="Server"/> are the data each side sends.</remarks>
public sealed partial class TcpSession
{
    public TcpState State;
    public TcpSessionFlags Flags;

    /// <summary>All TCP flags seen from the client (EVE <c>tcp.tcp_flags_ts</c>).</summary>
    public TcpFlags FlagsToServer => Client.SeenFlags;

    /// <summary>All TCP flags seen from the server (EVE <c>tcp.tcp_flags_tc</c>).</summary>
    public TcpFlags FlagsToClient => Server.SeenFlags;

    /// <summary>What the client sends.</summary>
    public TcpStream Client { get; private set; } = new();

    /// <summary>What the server sends.</summary>
    public TcpStream Server { get; private set; } = new();

    /// <summary>Different SYN and SYN/ACK packets of an unfinished handshake; null until there are two of a kind.</summary>
    internal HandshakeQueue? Queue;

    /// <summary>Bytes of each direction that are reassembled, where the protocol or a kept file says so; 0 all, -1 as for every stream.</summary>
    internal long DepthBytes = -1;

    internal byte SynCount;
    internal byte UrgentOutOfBand;
    internal uint FastOpenBytes;
    internal uint SynWindow;
    internal uint SynTimestamp;
    internal bool SynOfferedScale;

    public bool IsEstablished => State >= TcpState.Established && State <= TcpState.Closing;

    public bool Has(TcpSessionFlags flags) => (Flags & flags) != 0;

    /// <summary>The stream that <paramref name="direction"/> carries.</summary>
    public TcpStream StreamOf(Direction direction) => direction == Direction.ToServer ? Client : Server;

    /// <summary>The direction that <paramref name="stream"/> travels; asked anew after the ends changed places.</summary>
    public Direction DirectionOf(TcpStream stream) => ReferenceEquals(stream, Client) ? Direction.ToServer : Direction.ToClient;

    /// <summary>Client and server change places: the state of the two directions is exchanged (protocol detection found the roles reversed).</summary>
    public void Reverse() => (Client, Server) = (Server, Client);

    internal void Reset()
    {
        State = TcpState.None;
        Flags = TcpSessionFlags.None;
        DepthBytes = -1;
        SynCount = 0;
        UrgentOutOfBand = 0;
        FastOpenBytes = 0;
        SynWindow = 0;
        SynOfferedScale = false;
        Client.Reset();
        Server.Reset();
    }
}
