using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Which guests talk: <c>vm.role:desktop;</c>, <c>vm.tag:!prod;</c>, and the same of the peer. BridgeGuard's own; Suricata has no such keywords.</summary>
internal static class GuestKeywords
{
    public static readonly Keyword[] All =
    [
        Of("peer.role", ConditionKind.GuestRole, isPeer: true, "the other guest has this role"),
        Of("peer.tag", ConditionKind.GuestTag, isPeer: true, "the other guest has this tag"),
        Of("vm.role", ConditionKind.GuestRole, isPeer: false, "the guest (the client, or the server where only that end is a guest) has this role"),
        Of("vm.tag", ConditionKind.GuestTag, isPeer: false, "the guest has this tag"),
    ];

    private static Keyword Of(string name, ConditionKind kind, bool isPeer, string help) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            string text = context.Argument.Trim();
            bool isNegated = text.StartsWith('!');
            string word = isNegated ? text[1..].Trim() : text;
            if (word.Length == 0 || word.AsSpan().ContainsAny(" ,;\""))
            {
                context.FailArgument("one name, which may be negated: desktop or !desktop");
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
            {
                Kind = kind,
                Mode = isPeer ? (byte)1 : (byte)0,
                A = context.Environment.Names.Intern(word),
                Negated = isNegated,
            }));
        },
    };
}
