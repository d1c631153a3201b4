using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Detection.Reputation;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Loading;

/// <summary>Reads the categories file (<c>number,short name,description</c>) and lists (<c>address[/prefix],category,score</c>) of <c>iprep</c>.</summary>
internal static class ReputationFiles
{
    /// <summary>Category numbers are below this (Suricata's limit).</summary>
    public const int MaxCategories = 60;

    public static Dictionary<string, int> ParseCategories(string content, string file, List<RuleDiagnostic> diagnostics)
    {
        string?[] names = new string?[MaxCategories];
        foreach ((string line, int number) in ConfigLines.Read(content))
        {
            // Blanks belong to the name: " bad" is not the "bad" of a rule.
            string[] parts = line.Split(',', 3);
            if (parts.Length < 2 || !int.TryParse(parts[0].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int category) || category >= MaxCategories)
            {
                diagnostics.Add(ConfigLines.Bad(file, number, line, $"number below {MaxCategories},name,description"));
                continue;
            }

            names[category] = parts[1];
        }

        // Number 0 stands for no category. A name given to two numbers is the lower one's.
        var categories = new Dictionary<string, int>();
        for (int category = 1; category < MaxCategories; category++)
        {
            if (names[category] is { } name)
            {
                categories.TryAdd(name, category);
            }
        }

        return categories;
    }

    /// <summary>Reads lists into one table; unreadable files and bad lines become diagnostics.</summary>
    public static ReputationTable Read(IReadOnlyList<string> files, List<RuleDiagnostic> diagnostics)
    {
        if (files.Count == 0)
        {
            return ReputationTable.Empty;
        }

        var hosts = new Dictionary<IpAddress, byte[]>();
        var networks = new Dictionary<(IpAddress Network, byte Prefix), byte[]>();
        foreach (string file in files)
        {
            try
            {
                ParseList(File.ReadAllText(file, Encoding.Latin1), file, hosts, networks, diagnostics);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                diagnostics.Add(new RuleDiagnostic(DiagnosticSeverity.Error, DiagnosticCode.FileNotFound, file, 0, 0, 0, $"the file cannot be read: {error.Message}"));
            }
        }

        return Build(hosts, networks);
    }

    public static void ParseList(
        string content,
        string file,
        Dictionary<IpAddress, byte[]> hosts,
        Dictionary<(IpAddress Network, byte Prefix), byte[]> networks,
        List<RuleDiagnostic> diagnostics)
    {
        foreach ((string line, int number) in ConfigLines.Read(content))
        {
            string[] parts = line.Split(',', StringSplitOptions.TrimEntries);
            if (parts.Length < 3
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int category) || category >= MaxCategories
                || !byte.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out byte score) || score > 127)
            {
                diagnostics.Add(ConfigLines.Bad(file, number, line, "address,category,score from 0 to 127"));
                continue;
            }

            int slash = parts[0].IndexOf('/');
            byte prefix = 0;
            if (!IpAddress.TryParse(slash < 0 ? parts[0] : parts[0][..slash], out IpAddress address)
                || (slash >= 0 && (!byte.TryParse(parts[0].AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out prefix) || prefix > (address.IsV4 ? 32 : 128))))
            {
                diagnostics.Add(ConfigLines.Bad(file, number, line, "an address or network"));
                continue;
            }

            byte[] scores = slash < 0
                ? GetOrAdd(hosts, address)
                : GetOrAdd(networks, (address, (byte)(prefix + (address.IsV4 ? 96 : 0))));
            scores[category] = (byte)(score + 1);
        }
    }

    public static ReputationTable Build(Dictionary<IpAddress, byte[]> hosts, Dictionary<(IpAddress Network, byte Prefix), byte[]> networks) =>
        new(hosts, networks.Select(pair => (pair.Key.Network, pair.Key.Prefix, pair.Value)));

    private static byte[] GetOrAdd<TKey>(Dictionary<TKey, byte[]> table, TKey key)
        where TKey : notnull
    {
        if (!table.TryGetValue(key, out byte[]? scores))
        {
            table.Add(key, scores = new byte[MaxCategories]);
        }

        return scores;
    }
}
