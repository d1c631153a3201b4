using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary><c>firewall.policies</c>: what each hook does with what no rule accepts.</summary>
internal sealed class FirewallPolicyReader(SectionReader section)
{
    public FirewallPolicies Read()
    {
        var app = new Dictionary<(ProtocolId, Direction, byte), FirewallAction>();
        foreach (ConfigNode hooks in section.Root.Find("firewall.policies.app")?.Children ?? [])
        {
            Protocol protocol = ProtocolCatalog.Find(hooks.Name)
                ?? throw new ConfigException(hooks.Position, $"firewall.policies.app: \"{hooks.Name}\" is not a protocol");
            foreach (ConfigNode actions in hooks.Children)
            {
                AddHook(app, protocol, actions.Name, actions);
            }
        }

        return new FirewallPolicies
        {
            PacketFilter = section.Root.Find("firewall.policies.packet.filter") is { } filter ? ReadAction(filter) : FirewallAction.DropPacket,
            App = app,
        };
    }

    private static void AddHook(Dictionary<(ProtocolId, Direction, byte), FirewallAction> app, Protocol protocol, string hook, ConfigNode actions)
    {
        FirewallAction action = ReadAction(actions);
        string name = hook.Replace('-', '_');
        bool isKnown = false;
        foreach (Direction direction in new[] { Direction.ToServer, Direction.ToClient })
        {
            int progress = FirewallHooks.Find(protocol, direction, name);
            if (progress >= 0)
            {
                app[(protocol.Id, direction, (byte)progress)] = action;
                isKnown = true;
            }
        }

        if (!isKnown)
        {
            throw new ConfigException(actions.Position, $"firewall.policies.app.{protocol.Name}: \"{hook}\" is not a hook of the protocol");
        }
    }

    private static FirewallAction ReadAction(ConfigNode node)
    {
        string text = string.Join(',', node.Values());
        return FirewallAction.TryParse(text, out FirewallAction? action, out string error)
            ? action!
            : throw new ConfigException(node.Position, $"firewall policy \"{text}\": {error}");
    }
}
