using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Detection.Firewall;

/// <summary>Policies and hook names laid out for look-up. One per worker, made with its first packet.</summary>
internal sealed class FirewallPlan
{
    private const uint PacketPolicySid = 2_201_000;
    private const uint AppPolicySid = 2_201_001;

    private readonly string[][] _hooks = new string[(int)ProtocolId.Count * 2][];
    private readonly (FirewallAction Action, RuleInfo? Alert)[][] _policies = new (FirewallAction, RuleInfo?)[(int)ProtocolId.Count * 2][];

    public FirewallPlan(FirewallPolicies policies)
    {
        PacketFilter = policies.PacketFilter;
        PacketFilterAlert = AlertOf(PacketFilter, PacketPolicySid, "SURICATA FW default packet policy");
        Array.Fill(_hooks, []);
        Array.Fill(_policies, []);
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            for (int direction = 0; direction < 2; direction++)
            {
                int slot = ((int)protocol.Id * 2) + direction;
                _hooks[slot] = FirewallHooks.NamesOf(protocol, (Direction)direction);
                var row = new (FirewallAction, RuleInfo?)[protocol.CompletedProgress((Direction)direction) + 1];
                for (int progress = 0; progress < row.Length; progress++)
                {
                    FirewallAction action = policies.App.GetValueOrDefault((protocol.Id, (Direction)direction, (byte)progress), FirewallAction.DropFlow);
                    row[progress] = (action, AlertOf(action, AppPolicySid, "SURICATA FW default app policy"));
                }

                _policies[slot] = row;
            }
        }
    }

    public FirewallAction PacketFilter { get; }

    /// <summary>What an alert of the policy is about; null when it writes none.</summary>
    public RuleInfo? PacketFilterAlert { get; }

    /// <summary>Null for protocols without states of their own.</summary>
    public string? HookName(ProtocolId protocol, Direction direction, int progress)
    {
        string[] names = _hooks[((int)protocol * 2) + (int)direction];
        return progress < names.Length ? names[progress] : null;
    }

    public (FirewallAction Action, RuleInfo? Alert) AppPolicy(ProtocolId protocol, Direction direction, int progress)
    {
        (FirewallAction, RuleInfo?)[] row = _policies[((int)protocol * 2) + (int)direction];
        return progress < row.Length ? row[progress] : (FirewallAction.DropFlow, null);
    }

    private static RuleInfo? AlertOf(FirewallAction action, uint sid, string message) => action.Alerts
        ? new RuleInfo { Sid = sid, Rev = 1, Message = message, Action = action.Action, IsFirewall = true, FirewallPolicy = action.Text, Index = int.MaxValue }
        : null;
}
