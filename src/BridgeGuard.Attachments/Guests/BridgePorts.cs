using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Attachments.Guests;

/// <summary>A device that is a port of a bridge, as the kernel lists it.</summary>
public sealed record BridgePort(string Name, int IfIndex, string Bridge);

/// <summary>The ports of all bridges of this network namespace, without attaching to anything.</summary>
public static class BridgePorts
{
    /// <summary>Empty when the kernel does not say.</summary>
    public static IReadOnlyList<BridgePort> Read()
    {
        var links = new List<LinkRecord>();
        if (PortWatcher.Snapshot(links) is not null)
        {
            return [];
        }

        Dictionary<int, string> bridges = links.Where(l => l.Kind == "bridge").ToDictionary(l => l.IfIndex, l => l.Name);
        return [.. links.Where(l => bridges.ContainsKey(l.Master)).Select(l => new BridgePort(l.Name, l.IfIndex, bridges[l.Master])).OrderBy(p => p.Name, StringComparer.Ordinal)];
    }
}
