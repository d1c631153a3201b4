using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection.Firewall;

/// <summary>How far a firewall action reaches.</summary>
public enum FirewallScope : byte
{
    Packet,
    Flow,

    /// <summary>This hook only; the next one asks again.</summary>
    Hook,

    /// <summary>The rest of the transaction.</summary>
    Transaction,
}

/// <summary>What else a firewall action says to threat detection.</summary>
public enum FirewallPass : byte
{
    None,
    Packet,
    Flow,
}

/// <summary>What a firewall rule or policy does: <c>accept:hook,alert</c>. Immutable.</summary>
/// <param name="Action">Accept, drop or one of the rejects.</param>
/// <param name="Scope">How far it reaches.</param>
/// <param name="Pass">Threat detection is to pass the packet or flow.</param>
/// <param name="Alerts">A match is written.</param>
public sealed record FirewallAction(RuleAction Action, FirewallScope Scope, FirewallPass Pass, bool Alerts)
{
    public static readonly FirewallAction DropPacket = new(RuleAction.Drop, FirewallScope.Packet, FirewallPass.None, false);

    public static readonly FirewallAction DropFlow = new(RuleAction.Drop, FirewallScope.Flow, FirewallPass.None, false);

    /// <summary>As EVE <c>firewall.policy</c> writes it.</summary>
    public string Text => Write(Action, Scope, Pass, Alerts);

    /// <summary>Reads <c>accept:hook,alert</c> and the like; false with what is wrong.</summary>
    public static bool TryParse(string text, out FirewallAction? action, out string error)
    {
        string[] parts = text.Split(',');
        action = null;
        if (!TryParsePrimary(parts[0].Trim(), out RuleAction verb, out FirewallScope scope, out error))
        {
            return false;
        }

        var pass = FirewallPass.None;
        bool alerts = false;
        for (int i = 1; i < parts.Length; i++)
        {
            switch (parts[i].Trim())
            {
                case "alert":
                    alerts = true;
                    break;
                case "pass:flow" when scope == FirewallScope.Flow:
                    pass = FirewallPass.Flow;
                    break;
                case "pass:packet" when scope == FirewallScope.Packet:
                    pass = FirewallPass.Packet;
                    break;
                case "pass:flow" or "pass:packet":
                    error = "the actions of one rule cannot have different scopes";
                    return false;
                default:
                    error = $"«{parts[i].Trim()}» cannot be a second action: alert, pass:packet or pass:flow can";
                    return false;
            }
        }

        action = new FirewallAction(verb, scope, pass, alerts);
        return true;
    }

    private static bool TryParsePrimary(string text, out RuleAction verb, out FirewallScope scope, out string error)
    {
        int colon = text.IndexOf(':');
        string name = colon < 0 ? text : text[..colon];
        (verb, bool isKnown) = name switch
        {
            "accept" => (RuleAction.Accept, true),
            "drop" => (RuleAction.Drop, true),
            "reject" or "rejectsrc" => (RuleAction.Reject, true),
            "rejectdst" => (RuleAction.RejectDestination, true),
            "rejectboth" => (RuleAction.RejectBoth, true),
            _ => (RuleAction.Alert, false),
        };
        scope = FirewallScope.Packet;
        if (!isKnown)
        {
            error = $"«{name}» cannot be a firewall rule's first action: accept, drop and reject can";
            return false;
        }

        if (colon < 0)
        {
            error = "a firewall rule needs the scope of its action";
            return false;
        }

        FirewallScope? found = text[(colon + 1)..] switch
        {
            "packet" => FirewallScope.Packet,
            "flow" => FirewallScope.Flow,
            "hook" when verb == RuleAction.Accept => FirewallScope.Hook,
            "tx" when verb == RuleAction.Accept => FirewallScope.Transaction,
            _ => null,
        };
        scope = found ?? FirewallScope.Packet;
        error = found is null ? $"«{text[(colon + 1)..]}» is not a scope of {name}" : "";
        return found is not null;
    }

    private static string Write(RuleAction action, FirewallScope scope, FirewallPass pass, bool alerts)
    {
        string verb = action switch
        {
            RuleAction.Accept => "accept",
            RuleAction.Reject => "rejectsrc",
            RuleAction.RejectDestination => "rejectdst",
            RuleAction.RejectBoth => "rejectboth",
            _ => "drop",
        };
        string reach = scope switch
        {
            FirewallScope.Packet => "packet",
            FirewallScope.Flow => "flow",
            FirewallScope.Hook => "hook",
            _ => "tx",
        };
        string passed = pass switch
        {
            FirewallPass.Flow => ",pass:flow",
            _ => "", // Suricata does not write pass:packet.
        };
        return verb + ":" + reach + passed + (alerts ? ",alert" : "");
    }
}

/// <summary>What a hook does with what no rule accepts (<c>firewall.policies</c>).</summary>
public sealed class FirewallPolicies
{
    /// <summary>Of <c>packet:filter</c>.</summary>
    public FirewallAction PacketFilter { get; init; } = FirewallAction.DropPacket;

    /// <summary>Of the hooks of protocols, where not <see cref="FirewallAction.DropFlow"/>.</summary>
    public IReadOnlyDictionary<(ProtocolId Protocol, Direction Direction, byte Progress), FirewallAction> App { get; init; } =
        new Dictionary<(ProtocolId, Direction, byte), FirewallAction>();
}
