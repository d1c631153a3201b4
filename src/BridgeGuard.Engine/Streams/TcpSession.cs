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

/// <summary>Both directions of a TCP connection.</summary>
/// <remarks>Pooled; owned by its flow.</remarks>
public sealed partial class TcpSession
{
    public TcpState State;

    /// <summary>Client and server change places: the state of the two directions is exchanged (protocol detection found the roles reversed).</summary>
    public void Reverse()
    {
    }

    public bool IsEstablished => State >= TcpState.Established && State <= TcpState.Closing;
}
