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

    /// <param name="model">Roles and guests.</param>
    /// <param name="rules">The rules in the order of the rule set.</param>
    public CompiledPolicy(PolicyModel model, IReadOnlyList<RuleInfo> rules)
    {
        Model = model;
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

    /// <summary>Some role changes some rule; else <see cref="ActionFor"/> need not be asked.</summary>
    public bool ChangesRules { get; }

    /// <summary>What the roles of both ends make of a rule; the stricter end decides. Ends that are no guests have no say unless both are none.</summary>
    public RoleAction ActionFor(int ruleIndex, RuleAction own, Flow? flow)
    {
        byte client = flow?.ClientRole ?? 0;
        byte server = flow?.ServerRole ?? 0;
        bool clientIsGuest = flow is { ClientGuest: not 0 };
        bool serverIsGuest = flow is { ServerGuest: not 0 };
        if (clientIsGuest == serverIsGuest)
        {
            RoleAction first = Lookup(client, ruleIndex);
            RoleAction second = Lookup(server, ruleIndex);
            return first == second ? first : Stricter(first, second, own);
        }

        return Lookup(clientIsGuest ? client : server, ruleIndex);
    }

    /// <summary>The action of a match after the role has spoken.</summary>
    public static RuleAction Apply(RoleAction role, RuleAction own) => role switch
    {
        RoleAction.Alert => RuleAction.Alert,
        RoleAction.Sinkhole => RuleAction.Sinkhole,
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
        _ => RoleAction.Alert,
    };

    private static RoleAction Stricter(RoleAction first, RoleAction second, RuleAction own)
    {
        RoleAction firstRank = first == RoleAction.AsRule ? Rank(own) : first;
        RoleAction secondRank = second == RoleAction.AsRule ? Rank(own) : second;
        return firstRank >= secondRank ? first : second;
    }

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

        if (line.MetadataKey is null)
        {
            return true;
        }

        foreach (RuleMetadata pair in rule.Metadata)
        {
            if (pair.Key.Equals(line.MetadataKey, StringComparison.OrdinalIgnoreCase) && (line.MetadataValue is null || Holds(pair.Values, line.MetadataValue)))
            {
                return true;
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
