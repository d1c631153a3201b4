using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>Which port of which bridge a device is, and what came by it. Looked at anew about once a second.</summary>
/// <remarks>Thread: <see cref="Refresh"/> one; the rest any, without locks.</remarks>
internal sealed class NfqueuePorts(IReadOnlyList<string> bridges, PortTable table, FailMode fail)
{
    private const int MaxIndex = 1 << 16;

    private readonly long[] _frames = new long[4096];
    private readonly long[] _bytes = new long[4096];
    private ushort[] _idByIndex = [];

    /// <summary>The number of a port by its device; 0 for one of no bridge of ours.</summary>
    public ushort IdOf(int ifIndex)
    {
        ushort[] ids = Volatile.Read(ref _idByIndex);
        return (uint)ifIndex < (uint)ids.Length ? ids[ifIndex] : (ushort)0;
    }

    public ushort BridgeOf(int ifIndex) => table.Find(IdOf(ifIndex))?.BridgeId ?? 0;

    public int IndexOf(ushort portId) => table.Find(portId)?.IfIndex ?? 0;

    /// <summary>The only other port of the same bridge; 0 when there are several.</summary>
    public int OtherThan(ushort portId)
    {
        PortInfo? port = table.Find(portId);
        int found = 0;
        IReadOnlyList<PortInfo> all = table.All;
        for (int i = 0; port is not null && i < all.Count; i++)
        {
            if (all[i].BridgeId == port.BridgeId && all[i].PortId != portId && all[i].Role != PortRole.Host)
            {
                if (found != 0)
                {
                    return 0;
                }

                found = all[i].IfIndex;
            }
        }

        return found;
    }

    public void Count(int ifIndex, int bytes)
    {
        ushort id = IdOf(ifIndex);
        Interlocked.Increment(ref _frames[id]);
        Interlocked.Add(ref _bytes[id], bytes);
    }

    public TrafficCount Inspected(ushort portId) => new(Volatile.Read(ref _frames[portId]), Volatile.Read(ref _bytes[portId]));

    /// <summary>Reads the devices of this namespace.</summary>
    public AttachmentError? Refresh()
    {
        List<LinkRecord> links = [];
        AttachmentError? error = PortWatcher.Snapshot(links);
        if (error is not null)
        {
            return error;
        }

        Dictionary<int, string> bridgeByIndex = links.Where(link => link.Kind == "bridge" && bridges.Contains(link.Name)).ToDictionary(link => link.IfIndex, link => link.Name);
        foreach (PortInfo gone in table.All.Where(port => !links.Exists(link => link.IfIndex == port.IfIndex && bridgeByIndex.ContainsKey(link.Master))).ToArray())
        {
            table.Remove(gone);
        }

        ushort[] ids = new ushort[Math.Min(links.Max(link => link.IfIndex) + 1, MaxIndex)];
        foreach (LinkRecord link in links.Where(link => link.IfIndex < MaxIndex && bridgeByIndex.ContainsKey(link.Master)))
        {
            ids[link.IfIndex] = Know(link, bridgeByIndex[link.Master]);
        }

        Volatile.Write(ref _idByIndex, ids);
        return null;
    }

    private ushort Know(LinkRecord link, string bridge)
    {
        PortInfo? known = table.FindByIfIndex(link.IfIndex);
        ushort id = known?.PortId ?? table.NextId();
        if (id == 0)
        {
            return 0;
        }

        if (known is null)
        {
            Volatile.Write(ref _frames[id], 0);
            Volatile.Write(ref _bytes[id], 0);
        }

        table.Set(new PortInfo
        {
            PortId = id,
            IfIndex = link.IfIndex,
            Name = link.Name,
            Mac = link.Mac,
            Bridge = bridge,
            BridgeId = (ushort)(bridges.TakeWhile(name => name != bridge).Count() + 1),
            Role = PortAttacher.RoleOf(link.Kind),
            Mode = PortMode.Inline,
            WhenStale = fail,
            WhenOverloaded = fail,
        });
        return id;
    }
}
