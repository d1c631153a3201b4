using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>A rule whose fast pattern is looked for in payloads.</summary>
internal readonly record struct PayloadRule(int Rule, OpModel Content, int Header);

/// <summary>Divides the patterns of one kind of payload into searches of which a packet needs few.</summary>
/// <remarks>
/// Half of the payload rules of Emerging Threats are for one service's ports, most of the others in answers for one protocol, and their short patterns are what
/// makes a search dear: there is no need to look for a DCE/RPC operation on port 80. One search holds what may be anywhere; rules of a protocol, and rules of
/// ports that rules name together, get searches of their own where they are enough to pay for the additional look.
/// </remarks>
internal sealed class PayloadPlan
{
    /// <summary>A group's searches are bits of one word.</summary>
    private const int MostParts = 64;

    /// <summary>Fewer rules than this share a search with others that are as rare.</summary>
    private const int LeastRules = 8;

    /// <summary>Searches for rules of rare ports, by port: a packet needs one of them at most most of the time.</summary>
    private const int RareParts = 8;

    /// <summary>An expression of more ports than this is no single service.</summary>
    private const int MostPorts = 32;

    private readonly List<(PayloadRule Rule, ProtocolId App, int Port)> _rules = [];

    /// <summary>Which ports rules name together: each port's representative.</summary>
    private readonly Dictionary<int, int> _services = [];

    public void Add(int rule, OpModel content, RuleModel model, int header)
    {
        int port = -1;
        if (Service(model.DestinationPorts) is { } destination)
        {
            port = destination;
        }
        else if (Service(model.SourcePorts) is { } source)
        {
            port = source;
        }

        _rules.Add((new PayloadRule(rule, content, header), model.App, port));
    }

    /// <summary>The searches; rules ascending in each.</summary>
    public List<(ProtocolId App, List<PayloadRule> Rules)> Parts()
    {
        var parts = new Dictionary<(ProtocolId App, int Service), List<PayloadRule>>();
        foreach ((PayloadRule rule, ProtocolId app, int port) in _rules)
        {
            var key = app != ProtocolId.Unknown ? (app, -1) : (app, port < 0 ? -1 : Find(port));
            if (!parts.TryGetValue(key, out List<PayloadRule>? part))
            {
                parts.Add(key, part = []);
            }

            part.Add(rule);
        }

        // Small parts go together; a rule for a protocol may stand among rules for any, as it is judged alone afterwards.
        const int general = -1;
        var merged = new Dictionary<(ProtocolId App, int Service), List<PayloadRule>>();
        int own = 0;
        foreach (((ProtocolId app, int service), List<PayloadRule> rules) in parts.OrderByDescending(part => part.Value.Count).ThenBy(part => part.Value[0].Rule))
        {
            bool isOwn = rules.Count >= LeastRules && own < MostParts - RareParts - 1;
            own += isOwn ? 1 : 0;
            var key = isOwn ? (app, service) : service < 0 ? (ProtocolId.Unknown, general) : (ProtocolId.Unknown, -2 - (service % RareParts));
            if (!merged.TryGetValue(key, out List<PayloadRule>? all))
            {
                merged.Add(key, all = []);
            }

            all.AddRange(rules);
        }

        var result = new List<(ProtocolId App, List<PayloadRule> Rules)>();
        foreach (((ProtocolId app, _), List<PayloadRule> rules) in merged.OrderBy(part => part.Value.Min(rule => rule.Rule)))
        {
            rules.Sort((left, right) => left.Rule.CompareTo(right.Rule));
            result.Add((app, rules));
        }

        return result;
    }

    /// <summary>A port of a short expression, after all its ports are known to belong together; null for any and for wide ones.</summary>
    private int? Service(IReadOnlyList<(ushort First, ushort Last)>? ports)
    {
        if (ports is null || ports.Count == 0 || ports.Sum(range => range.Last - range.First + 1) > MostPorts)
        {
            return null;
        }

        int first = ports[0].First;
        foreach ((ushort from, ushort to) in ports)
        {
            for (int port = from; port <= to; port++)
            {
                _services[Find(port)] = Find(first);
            }
        }

        return first;
    }

    private int Find(int port)
    {
        while (_services.TryGetValue(port, out int next) && next != port)
        {
            port = next;
        }

        return port;
    }
}
