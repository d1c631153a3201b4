using System.Globalization;
using System.Text;
using System.Text.Json;

namespace BridgeGuard.Daemon.Policies;

/// <summary>Proposes a service contract from what a guest was seen doing: EVE flow records, as logged or as a replay of a capture gives them.</summary>
/// <remarks>Only answered flows count: what nobody answered is an attempt, not a service. Ports that a client took at random are not services either.</remarks>
public sealed class ContractSuggestion
{
    /// <summary>More ports than this in one direction are a range of dynamic ones.</summary>
    private const int MaxSinglePorts = 24;

    private readonly SortedDictionary<(string Protocol, int Port), long> _in = [];
    private readonly SortedDictionary<(string Protocol, int Port), long> _out = [];

    /// <summary>Flows that were taken into account.</summary>
    public long Flows { get; private set; }

    /// <summary>Takes one EVE record; other types and other guests are passed over.</summary>
    /// <param name="json">One line.</param>
    /// <param name="guest">Name of the guest, or its address.</param>
    public void Add(string json, string guest)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement record = document.RootElement;
        if (Text(record, "event_type") != "flow" || !record.TryGetProperty("flow", out JsonElement flow) || flow.GetProperty("pkts_toclient").GetInt64() == 0)
        {
            return;
        }

        bool isClient = Text(record, "src_ip") == guest || NameOf(record, "vm") == guest;
        bool isServer = Text(record, "dest_ip") == guest || NameOf(record, "peer_vm") == guest;
        if (!isClient && !isServer)
        {
            return;
        }

        string protocol = Text(record, "proto").ToLowerInvariant();
        int port = record.TryGetProperty("dest_port", out JsonElement number) ? number.GetInt32() : 0;
        string name = protocol is "tcp" or "udp" or "sctp" ? protocol : protocol is "icmp" or "ipv6-icmp" ? "icmp" : "any";
        SortedDictionary<(string, int), long> services = isServer ? _in : _out;
        (string, int) key = (name, name is "icmp" or "any" ? 0 : port);
        services[key] = services.GetValueOrDefault(key) + 1;
        Flows++;
    }

    /// <summary>The role as YAML, ready to be a file of <c>roles.d</c>.</summary>
    public string ToYaml(string role, string guest)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Proposed from {Flows} answered flows. Read it before you use it: what a guest did is not always what it should do.\n");
        text.Append(CultureInfo.InvariantCulture, $"name: {role}\nselect:\n  guests: [\"{guest}\"]\ncontract:\n");
        Write(text, "in", _in);
        Write(text, "out", _out);
        return text.ToString();
    }

    private static void Write(StringBuilder text, string direction, SortedDictionary<(string Protocol, int Port), long> services)
    {
        text.Append(CultureInfo.InvariantCulture, $"  {direction}:\n");
        if (services.Count > 0)
        {
            text.Append("    services:\n");
        }

        foreach (IGrouping<string, KeyValuePair<(string Protocol, int Port), long>> group in services.GroupBy(s => s.Key.Protocol))
        {
            int[] ports = [.. group.Select(s => s.Key.Port).Where(p => p != 0)];
            string list = ports.Length == 0 ? "" : $", ports: [{string.Join(", ", Ranges(ports))}]";
            text.Append(CultureInfo.InvariantCulture, $"      - {{protocol: {group.Key}{list}}}   # {group.Sum(s => s.Value)} flows\n");
        }

        text.Append("    default: alert\n");
    }

    /// <summary>Single ports, or, where there are many, the dynamic range (RFC 6335) as one.</summary>
    private static IEnumerable<string> Ranges(int[] ports)
    {
        const int firstDynamic = 49_152;
        bool many = ports.Count(p => p >= firstDynamic) > MaxSinglePorts;
        foreach (int port in ports.Where(p => !many || p < firstDynamic))
        {
            yield return port.ToString(CultureInfo.InvariantCulture);
        }

        if (many)
        {
            yield return "49152-65535";
        }
    }

    private static string Text(JsonElement record, string name) => record.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";

    private static string NameOf(JsonElement record, string name) => record.TryGetProperty(name, out JsonElement guest) ? Text(guest, "name") : "";
}
