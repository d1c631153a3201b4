using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>An address or prefix that is asked for or given.</summary>
/// <param name="Address">16 bytes.</param>
/// <param name="PrefixLength">Bits of a prefix; -1: an address.</param>
/// <param name="Preferred">Seconds.</param>
/// <param name="Valid">Seconds.</param>
internal readonly record struct DhcpV6Lease(Slice Address, int PrefixLength, uint Preferred, uint Valid);

/// <summary>One message; of a relayed one, what the innermost relay carries.</summary>
internal sealed class DhcpV6Transaction : Transaction
{
    private readonly DhcpV6Lease[] _leases = new DhcpV6Lease[DhcpV6Limits.MaxLeases];

    public ByteBuffer Bytes { get; } = new();

    public byte MessageType { get; set; }

    public uint TransactionId { get; set; }

    /// <summary>Relays that carry it.</summary>
    public int Relays { get; set; }

    /// <summary>Of the outermost relay: the client's side, and whom it answers.</summary>
    public Slice LinkAddress { get; set; } = Slice.None;

    public Slice PeerAddress { get; set; } = Slice.None;

    public Slice ClientId { get; set; } = Slice.None;

    public Slice ServerId { get; set; } = Slice.None;

    public Slice HostName { get; set; } = Slice.None;

    public Slice VendorClass { get; set; } = Slice.None;

    public Slice Requested { get; set; } = Slice.None;

    public Slice DnsServers { get; set; } = Slice.None;

    public Slice StatusText { get; set; } = Slice.None;

    public int Status { get; set; } = -1;

    /// <summary>T1 and T2 of the first association; -1: none.</summary>
    public long RenewalTime { get; set; } = -1;

    public long RebindingTime { get; set; } = -1;

    public int LeaseCount { get; private set; }

    public ref readonly DhcpV6Lease Lease(int index) => ref _leases[index];

    public bool TryAdd(in DhcpV6Lease lease)
    {
        if (LeaseCount == _leases.Length)
        {
            return false;
        }

        _leases[LeaseCount++] = lease;
        return true;
    }

    public void Raise(DhcpV6Anomaly anomaly) => Note((int)anomaly);

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view) =>
        DhcpV6Buffers.TryGet(this, buffer, direction, index, out view);

    public override bool TryGetField(int field, Direction direction, int index, out ulong value) =>
        DhcpV6Buffers.TryGet(this, field, direction, index, out value);

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        MessageType = 0;
        TransactionId = 0;
        Relays = LeaseCount = 0;
        LinkAddress = PeerAddress = ClientId = ServerId = HostName = VendorClass = Requested = DnsServers = StatusText = Slice.None;
        Status = -1;
        RenewalTime = RebindingTime = -1;
    }
}
