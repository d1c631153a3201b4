namespace BridgeGuard.Engine.Flows;

/// <summary>What the flow table counts; one writer, read by statistics. Names follow the peer's <c>flow.*</c> counters.</summary>
public sealed class FlowCounters
{
    public ulong Total;
    public ulong Tcp;
    public ulong Udp;
    public ulong IcmpV4;
    public ulong IcmpV6;

    /// <summary>New TCP flows made by a SYN on an old connection's five-tuple.</summary>
    public ulong TcpReuse;

    /// <summary>Packets for which no flow could be had: cap reached, nothing could be given up.</summary>
    public ulong Memcap;
    public ulong EmergencyEntered;
    public ulong EmergencyLeft;

    /// <summary>Flows ended early to make room.</summary>
    public ulong Forced;
    public ulong EndedByTimeout;
    public ulong EndedAtShutdown;
    public ulong Elephant;

    /// <summary>Flows live now.</summary>
    public long Active;

    /// <summary>Most flows live at once.</summary>
    public long Peak;
}
