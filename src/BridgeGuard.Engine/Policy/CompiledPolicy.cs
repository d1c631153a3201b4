using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Policy;

/// <summary>A policy applied to a rule set: for each role one byte per rule. Immutable; shared by all workers; swapped with the rule set.</summary>
/// <remarks>Roles are tables over one compiled rule set, never copies of it: eight roles over 40,000 rules are 320 kB.</remarks>
public sealed class CompiledPolicy
{
    public static readonly CompiledPolicy Empty = new(PolicyModel.Empty, []);

    private readonly RoleAction[]?[] _byRole;
    private readonly ushort[] _views;

    /// <param name="model">Roles and guests.</param>
    /// <param name="rules">The rules in the order of the rule set.</param>
    public CompiledPolicy(PolicyModel model, IReadOnlyList<RuleInfo> rules)
    {
        Model = model;
        _views = AddressViews.OfRoles(model.Roles);
        foreach (RoleModel role in model.Roles)
        {
            LooksFurther |= role.Encrypted.IsOn || role.Behaviour.DnsTunnel.IsOn || role.Behaviour.IcmpTunnel.IsOn;
            WatchesBehaviour |= role.Behaviour.IsOn;
            WatchesLatency |= role.LatencyBudgetUs > 0;
            GuardsLinks |= role.Links.IsOn;
        }

        _byRole = new RoleAction[]?[model.Roles.Length];
        for (int role = 0; role < model.Roles.Length; role++)
        {
            if (model.Roles[role].Rules.Length > 0)
            {
                _byRole[role] = Compile(model.Roles[role], rules);
                ChangesRules = true;
            }
        }
    }

    public PolicyModel Model { get; }

    /// <summary>Some role looks at handshakes, DNS queries or pings of established flows.</summary>
    public bool LooksFurther { get; }

    /// <summary>Some role has behaviour thresholds.</summary>
    public bool WatchesBehaviour { get; }

    /// <summary>Some role has a layer-2 guard.</summary>
    public bool GuardsLinks { get; }

    /// <summary>Some role has a latency budget.</summary>
    public bool WatchesLatency { get; }

    /// <summary>Some role changes some rule; else <see cref="ActionFor"/> need not be asked.</summary>
    public bool ChangesRules { get; }

    /// <summary>What the roles of both ends make of a rule; the stricter end decides. Ends that are no guests have no say unless both are none.</summary>
    /// <param name="decider">Index of the role that decided.</param>
    public RoleAction ActionFor(int ruleIndex, RuleAction own, Flow? flow, out byte decider)
    {
        byte client = flow?.ClientRole ?? 0;
        byte server = flow?.ServerRole ?? 0;
        bool clientIsGuest = flow is { ClientGuest: not 0 };
        bool serverIsGuest = flow is { ServerGuest: not 0 };
        decider = clientIsGuest || !serverIsGuest ? client : server;
        if (clientIsGuest != serverIsGuest || client == server)
        {
            return Lookup(decider, ruleIndex);
        }

        RoleAction first = Lookup(client, ruleIndex);
        RoleAction second = Lookup(server, ruleIndex);
        RoleAction firstRank = first == RoleAction.AsRule ? Rank(own) : first;
        RoleAction secondRank = second == RoleAction.AsRule ? Rank(own) : second;
        decider = firstRank >= secondRank ? client : server;
        return firstRank >= secondRank ? first : second;
    }

    /// <summary>The address view of a role's guests; 0: as configured.</summary>
    public ushort ViewOf(byte role) => role < _views.Length ? _views[role] : (ushort)0;

    /// <summary>The line of a role that decides about a rule: the last one that selects it; null when none does.</summary>
    public RoleRule? FindLine(byte role, RuleInfo rule)
    {
        RoleRule[] lines = Model.Roles[role].Rules;
        for (int i = lines.Length - 1; i >= 0; i--)
        {
            if (Selects(lines[i], rule))
            {
                return lines[i];
            }
        }

        return null;
    }

    /// <summary>The action of a match after the role has spoken.</summary>
    public static RuleAction Apply(RoleAction role, RuleAction own) => role switch
    {
        RoleAction.Bypass => RuleAction.Bypass,
        RoleAction.Alert => RuleAction.Alert,
        RoleAction.Mark => RuleAction.Mark,
        RoleAction.RateLimit => RuleAction.RateLimit,
        RoleAction.Sinkhole => RuleAction.Sinkhole,
        RoleAction.Tarpit => RuleAction.Tarpit,
        RoleAction.BlockPage => RuleAction.BlockPage,
        RoleAction.Redirect => RuleAction.Redirect,
        RoleAction.Reject => RuleAction.RejectBoth,
        RoleAction.Drop => RuleAction.Drop,
        _ => own,
    };

    /// <summary>The place of a rule's own action in the order of strictness.</summary>
    public static RoleAction Rank(RuleAction own) => own switch
    {
        RuleAction.Drop => RoleAction.Drop,
        RuleAction.Reject or RuleAction.RejectBoth or RuleAction.RejectDestination => RoleAction.Reject,
        RuleAction.Redirect => RoleAction.Redirect,
        RuleAction.BlockPage => RoleAction.BlockPage,
        RuleAction.Tarpit => RoleAction.Tarpit,
        RuleAction.Sinkhole => RoleAction.Sinkhole,
        RuleAction.RateLimit => RoleAction.RateLimit,
        RuleAction.Mark => RoleAction.Mark,
        _ => RoleAction.Alert,
    };

    private static RoleAction[] Compile(RoleModel role, IReadOnlyList<RuleInfo> rules)
    {
        var actions = new RoleAction[rules.Count];
        for (int i = 0; i < rules.Count; i++)
        {
            RuleInfo rule = rules[i];
            foreach (RoleRule line in role.Rules)
            {
                if (Selects(line, rule))
                {
                    actions[i] = line.Action;
                }
            }
        }

        return actions;
    }

    private static bool Selects(RoleRule line, RuleInfo rule)
    {
        if ((line.Sid != 0 && line.Sid != rule.Sid)
            || (line.Classtype is not null && line.Classtype != rule.ClassType)
            || (line.File is not null && line.File != rule.FileCategory)
            || (line.From is not null && !line.From.Equals(rule.Action.ToString(), StringComparison.OrdinalIgnoreCase)))
        {
            return false;
        }

        // An operator's pass is final; a role can only switch the rule off by naming it.
        if (rule.Action == RuleAction.Pass && line.Sid == 0)
        {
            return false;
        }

        if ((line.MaxSeverity != 0 && rule.Severity > line.MaxSeverity) || (line.MinSeverity != 0 && rule.Severity < line.MinSeverity))
        {
            return false;
        }

        return (line.Cve is null || NamesCve(rule, line.Cve)) && (line.MetadataKey is null || HasMetadata(rule, line.MetadataKey, line.MetadataValues));
    }

    /// <summary>Metadata <c>cve</c>, or a reference of that kind.</summary>
    private static bool NamesCve(RuleInfo rule, string cve)
    {
        bool any = cve.Equals("any", StringComparison.OrdinalIgnoreCase);
        foreach (RuleMetadata pair in rule.Metadata)
        {
            if (!pair.Key.Equals("cve", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            foreach (string value in pair.Values)
            {
                if (any || Normalise(value).Equals(Normalise(cve), StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        foreach (string reference in rule.References)
        {
            int at = reference.LastIndexOf("cve", StringComparison.OrdinalIgnoreCase);
            if (at >= 0 && (any || Normalise(reference).Contains(Normalise(cve), StringComparison.OrdinalIgnoreCase)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>CVE-2021-44228, CVE_2021_44228 and 2021-44228 are the same.</summary>
    private static string Normalise(string cve) => cve.Replace('_', '-').Replace("CVE-", "", StringComparison.OrdinalIgnoreCase);

    private static bool HasMetadata(RuleInfo rule, string key, string[] values)
    {
        foreach (RuleMetadata pair in rule.Metadata)
        {
            if (!pair.Key.Equals(key, StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            if (values.Length == 0)
            {
                return true;
            }

            foreach (string value in values)
            {
                if (Holds(pair.Values, value))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool Holds(string[] values, string wanted)
    {
        foreach (string value in values)
        {
            if (value.Equals(wanted, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private RoleAction Lookup(byte role, int ruleIndex) =>
        role < _byRole.Length && _byRole[role] is { } actions && ruleIndex < actions.Length ? actions[ruleIndex] : RoleAction.AsRule;
}
