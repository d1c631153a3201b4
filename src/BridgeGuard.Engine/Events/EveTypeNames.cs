using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Events;

/// <summary>The names of EVE record types as configurations use them (<c>outputs: eve-log: types</c>).</summary>
public static class EveTypeNames
{
    /// <summary>Types that belong to no protocol; <see cref="EveOutput"/> knows what each means.</summary>
    private static readonly string[] General = ["alert", "anomaly", "arp", "drop", "files", "flow", "frame", "metadata", "netflow", "stats"];

    /// <summary>Every type, sorted by ordinal.</summary>
    public static IReadOnlyList<string> All { get; } = Collect();

    private static string[] Collect()
    {
        var names = new SortedSet<string>(General, StringComparer.Ordinal);
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            foreach (EveLogger logger in protocol.Loggers)
            {
                names.Add(logger.ConfigurationName);
            }
        }

        string[] sorted = new string[names.Count];
        names.CopyTo(sorted);
        return sorted;
    }
}
