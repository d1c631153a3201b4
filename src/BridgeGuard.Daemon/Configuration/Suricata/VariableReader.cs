using System.Globalization;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>The <c>vars</c> section: address and port groups by name.</summary>
internal sealed class VariableReader
{
    public VariableReader(ConfigNode root)
    {
        Addresses = Read(root.Find("vars.address-groups"));
        Ports = Read(root.Find("vars.port-groups"));
    }

    public Dictionary<string, string> Addresses { get; }

    public Dictionary<string, string> Ports { get; }

    /// <summary>The single ports and ranges that a list or variable of ports names; negations are not for this use and are left out.</summary>
    public ushort[] PortList(ConfigNode? node, ushort[] otherwise)
    {
        if (node is null || (node.Value is null && node.Children.Count == 0))
        {
            return otherwise;
        }

        List<ushort> ports = [];
        foreach (string value in node.Values())
        {
            AddPorts(value, ports, 0);
        }

        return [.. ports];
    }

    private void AddPorts(string text, List<ushort> ports, int depth)
    {
        // Variables may name variables; eight deep is far beyond any real file and ends circles.
        const int MaxDepth = 8;
        foreach (string part in text.Trim('[', ']', ' ').Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.StartsWith('$') && depth < MaxDepth)
            {
                if (Ports.TryGetValue(part[1..], out string? value))
                {
                    AddPorts(value, ports, depth + 1);
                }
            }
            else if (ushort.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
            {
                ports.Add(port);
            }
        }
    }

    private static Dictionary<string, string> Read(ConfigNode? section)
    {
        Dictionary<string, string> variables = [];
        foreach (ConfigNode child in section?.Children ?? [])
        {
            variables[child.Name] = child.IsSequence ? $"[{string.Join(',', child.Values())}]" : child.Value ?? "";
        }

        return variables;
    }
}
