namespace BridgeGuard.Engine.Packets;

/// <summary>The inner packets of one frame, outermost first. Reused for every frame; owned by a worker.</summary>
/// <remarks>Bounded by <see cref="Capacity"/>: a tunnel in a tunnel beyond it is not opened. The packets share the outer one's buffer.</remarks>
public sealed class PacketQueue
{
    /// <summary>Tunnels within one another that are opened; more than any layer limit in use allows.</summary>
    public const int Capacity = 32;

    private readonly Packet[] _packets = new Packet[Capacity];

    public PacketQueue()
    {
        for (int i = 0; i < Capacity; i++)
        {
            _packets[i] = new Packet();
        }
    }

    public int Count { get; private set; }

    /// <summary>The packet at <paramref name="index"/>, below <see cref="Count"/>; valid until <see cref="Clear"/>.</summary>
    public Packet this[int index] => _packets[index];

    /// <summary>Prepares the next inner packet over the bytes [start, start + length) of <paramref name="outer"/>; false when full.</summary>
    public bool TryAdd(Packet outer, int start, int length, PacketSource source, uint tunnelId, out Packet inner)
    {
        if (Count == Capacity)
        {
            inner = outer;
            return false;
        }

        inner = _packets[Count++];
        inner.Reset(outer.Buffer, start, length, outer.Info);
        inner.TimeUs = outer.TimeUs;
        inner.Number = outer.Number;
        inner.Flags = PacketFlags.Tunneled;
        inner.TunnelDepth = (byte)(outer.TunnelDepth + 1);
        inner.TunnelId = tunnelId;
        inner.Source = source;
        inner.Outer = outer;
        inner.VlanCount = outer.VlanCount;
        inner.Vlan0 = outer.Vlan0;
        inner.Vlan1 = outer.Vlan1;
        inner.Vlan2 = outer.Vlan2;
        return true;
    }

    public void Clear() => Count = 0;

    /// <summary>Takes back the packets from <paramref name="count"/> on.</summary>
    internal void CutTo(int count) => Count = count;
}
