using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>Collects firewall rules by the place where they are asked, in the order written.</summary>
internal sealed class FirewallLayout
{
    private readonly List<FirewallRule>[] _packet = [[], [], [], []];
    private readonly Dictionary<(int Slot, int Progress), List<FirewallRule>> _app = [];

    public void Add(RuleModel rule, int index)
    {
        var made = new FirewallRule { Rule = index, Action = rule.Firewall!, IsUpTo = rule.IsUpToHook };
        if (rule.FirewallTable != FirewallTable.App)
        {
            _packet[(int)rule.FirewallTable].Add(made);
            return;
        }

        foreach (EngineVariant hook in rule.Engines.Where(engine => engine.Kind == EngineKind.Progress).SelectMany(engine => engine.Variants))
        {
            foreach (Direction direction in new[] { Direction.ToServer, Direction.ToClient })
            {
                if (((int)hook.Directions & (1 << (int)direction)) == 0)
                {
                    continue;
                }

                int last = direction == Direction.ToServer ? hook.ProgressToServer : hook.ProgressToClient;
                for (int progress = rule.IsUpToHook ? 0 : last; progress <= last; progress++)
                {
                    var key = (((int)hook.Protocol * 2) + (int)direction, progress);
                    if (!_app.TryGetValue(key, out List<FirewallRule>? rules))
                    {
                        _app.Add(key, rules = []);
                    }

                    rules.Add(made);
                }
            }
        }
    }

    public FirewallTables Build()
    {
        var app = new FirewallRule[(int)ProtocolId.Count * 2][][];
        for (int slot = 0; slot < app.Length; slot++)
        {
            int hooks = _app.Keys.Where(key => key.Slot == slot).Select(key => key.Progress + 1).DefaultIfEmpty(0).Max();
            app[slot] = new FirewallRule[hooks][];
            for (int progress = 0; progress < hooks; progress++)
            {
                app[slot][progress] = _app.TryGetValue((slot, progress), out List<FirewallRule>? rules) ? [.. rules] : [];
            }
        }

        return new FirewallTables { Packet = Array.ConvertAll(_packet, list => list.ToArray()), App = app };
    }
}
