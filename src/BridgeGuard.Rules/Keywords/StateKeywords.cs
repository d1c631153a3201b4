using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Where a transaction or TCP session stands, and variables that expressions captured.</summary>
internal static class StateKeywords
{
    private static readonly string[] Phases = ["setup", "established", "closing"];

    public static readonly Keyword[] All =
    [
        new()
        {
            Name = "app-layer-state",
            Argument = ArgumentRule.Required,
            Help = "[<|>]hook: the transaction stands at, before or behind that progress",
            Apply = ApplyState,
        },
        new()
        {
            Name = "tcp.session",
            Argument = ArgumentRule.Required,
            Help = "setup, established or closing, or several: the phase of the TCP session",
            Apply = ApplySession,
        },
        Variable("flowvar", ConditionKind.FlowVariable, "name,content: a variable captured on the flow contains it"),
        Variable("pktvar", ConditionKind.PacketVariable, "name,content: a variable captured on this packet contains it"),
    ];

    private static void ApplyState(BindContext context)
    {
        string text = context.Argument;
        int comparison = text[0] switch
        {
            '<' => StateComparison.Before,
            '>' => StateComparison.Behind,
            _ => StateComparison.At,
        };
        string hook = comparison == StateComparison.At ? text : text[1..];
        var variants = new List<EngineVariant>();
        foreach (Protocol protocol in context.Environment.Keywords.Protocols.Where(protocol => protocol.Id == context.Rule.App))
        {
            foreach (Direction direction in new[] { Direction.ToServer, Direction.ToClient })
            {
                int progress = FirewallHooks.FindState(protocol, direction, hook);
                if (progress >= 0)
                {
                    var mask = (DirectionMask)(1 << (int)direction);
                    variants.Add(new EngineVariant(protocol.Id, mask, (byte)progress, (byte)progress, comparison, false, null));
                }
            }
        }

        if (variants.Count == 0)
        {
            context.Fail(DiagnosticCode.BadArgument, $"app-layer-state: the rule's protocol has no hook «{hook}»", "[<|>]hook of the rule's protocol");
            return;
        }

        context.Rule.Engines.Add(new EngineModel { Kind = EngineKind.State, Variants = variants });
    }

    private static void ApplySession(BindContext context)
    {
        int phases = 0;
        if (context.Rule.Protocols is { } protocols && (protocols[0] & (1UL << IpProtocols.Tcp)) == 0)
        {
            context.Fail(DiagnosticCode.ConflictingProtocol, "tcp.session is for rules on TCP");
            return;
        }

        foreach (string part in context.Argument.Split(','))
        {
            int phase = Array.IndexOf(Phases, part);
            if (phase < 0 || (phases & (1 << phase)) != 0)
            {
                context.Fail(DiagnosticCode.BadArgument, $"tcp.session: «{part}» is no phase", "setup, established, closing");
                return;
            }

            phases |= 1 << phase;
        }

        context.Rule.Conditions.Add(new ConditionModel(new PacketCondition { Kind = ConditionKind.TcpSession, A = phases }) { NeedsPacket = true });
    }

    private static Keyword Variable(string name, ConditionKind kind, string help) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context =>
        {
            int comma = context.Argument.IndexOf(',');
            if (comma < 0)
            {
                context.FailArgument("name,content");
                return;
            }

            string text = context.Argument[(comma + 1)..].Trim();
            const bool isNegated = false;
            text = text.Length >= 2 && text[0] == '"' && text[^1] == '"' ? text[1..^1] : text;
            if (!ContentText.TryUnescape(context, text, comma + 1, out byte[] content))
            {
                return;
            }

            if (content.Length == 0)
            {
                context.Fail(DiagnosticCode.BadContent, $"{name}: the content is empty");
                return;
            }

            context.Rule.Conditions.Add(new ConditionModel(new PacketCondition
            {
                Kind = kind,
                A = context.Environment.Names.Intern(context.Argument[..comma].Trim()),
                Negated = isNegated,
            })
            {
                Content = content,
            });
        },
    };
}
