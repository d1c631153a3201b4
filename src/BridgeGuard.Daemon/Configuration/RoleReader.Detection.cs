using System.Text;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Encrypted;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Daemon.Configuration;

/// <content>The sections about what guests do on the wire: link guard, behaviour, encrypted traffic.</content>
internal sealed partial class RoleReader
{
    private static LinkGuardModel Links(YamlSection role)
    {
        if (role.Section("l2-guard") is not { } section)
        {
            return LinkGuardModel.None;
        }

        LinkGuardModel model = new()
        {
            MacSpoofing = section.Choice("mac-spoofing", GuardAction.Off),
            AddressSpoofing = section.Choice("address-spoofing", GuardAction.Off),
            Arp = section.Choice("arp", GuardAction.Off),
            NeighborDiscovery = section.Choice("neighbor-discovery", GuardAction.Off),
            RouterAdvertisement = section.Choice("router-advertisement", GuardAction.Off),
            DhcpServer = section.Choice("dhcp-server", GuardAction.Off),
            Protected = [.. section.Texts("protected").Select(t => GuestReader.Address(section, "protected", t))],
            ProtectSeen = Word(section, "protect", "given", ["given", "seen"]) == "seen",
        };
        section.RejectUnknownKeys();
        return model.Complete();
    }

    private static BehaviourModel Behaviour(YamlSection role)
    {
        if (role.Section("behaviour") is not { } section)
        {
            return BehaviourModel.None;
        }

        int jitter = 15;
        BehaviourModel model = new()
        {
            PortScan = Threshold(section, "port-scan", 500),
            HostSweep = Threshold(section, "host-sweep", 500),
            ConnectionFlood = Threshold(section, "connection-flood", 10_000_000),
            Beacon = Threshold(section, "beacon", 1000, s => jitter = s.Integer("jitter-percent", 15, 0, 100)),
            DnsTunnel = Threshold(section, "dns-tunnel", 500),
            IcmpTunnel = Threshold(section, "icmp-tunnel", 1_000_000),
        };
        section.RejectUnknownKeys();
        return model with { BeaconJitterPercent = jitter };
    }

    /// <summary>Counts of different things are sketches that are exact enough up to 500.</summary>
    private static BehaviourThreshold Threshold(YamlSection behaviour, string key, int maximum, Action<YamlSection>? more = null)
    {
        if (behaviour.Section(key) is not { } section)
        {
            return default;
        }

        if (!section.Has("count"))
        {
            section.Error(null, $"'count' is missing, expected a number up to {maximum}");
        }

        var threshold = new BehaviourThreshold(
            section.Integer("count", 1, 2, maximum), section.Integer("seconds", 60, 1, 86_400), Action(section, "action", RoleAction.Alert), section.Integer("for-seconds", 300, 0, 86_400));
        more?.Invoke(section);
        section.RejectUnknownKeys();
        return threshold;
    }

    private static EncryptedModel Encrypted(YamlSection role)
    {
        if (role.Section("encrypted") is not { } section)
        {
            return EncryptedModel.None;
        }

        (byte[][] denied, byte[][] allowed, RoleAction nameAction) = Lists(section, "names", hasAllow: true);
        (byte[][] ja4, _, RoleAction ja4Action) = Lists(section, "ja4", hasAllow: false);
        (byte[][] certificates, _, RoleAction certificateAction) = Lists(section, "certificates", hasAllow: false);
        ushort version = 0;
        RoleAction versionAction = RoleAction.AsRule;
        if (section.Section("old-tls") is { } old)
        {
            version = Word(old, "below", "1.2", ["1.0", "1.1", "1.2", "1.3"]) switch
            {
                "1.0" => 0x0301,
                "1.1" => 0x0302,
                "1.3" => 0x0304,
                _ => 0x0303,
            };
            versionAction = Action(old, "action", RoleAction.Alert);
            old.RejectUnknownKeys();
        }

        EncryptedModel model = new()
        {
            DeniedNames = denied,
            AllowedNames = allowed,
            NameAction = nameAction,
            DeniedJa4 = ja4,
            Ja4Action = ja4Action,
            DeniedCertificates = certificates,
            CertificateAction = certificateAction,
            MinimumVersion = version,
            VersionAction = versionAction,
            DnsOverHttps = Action(section, "dns-over-https", RoleAction.AsRule),
            EncryptedHello = Action(section, "encrypted-hello", RoleAction.AsRule),
        };
        section.RejectUnknownKeys();
        return model;
    }

    private static (byte[][] Denied, byte[][] Allowed, RoleAction Action) Lists(YamlSection encrypted, string key, bool hasAllow)
    {
        if (encrypted.Section(key) is not { } section)
        {
            return ([], [], RoleAction.AsRule);
        }

        byte[][] Read(string list) => [.. section.Texts(list).Select(Encoding.UTF8.GetBytes)];
        byte[][] denied = Read("deny");
        byte[][] allowed = hasAllow ? Read("allow") : [];
        RoleAction action = Action(section, "action", RoleAction.Drop);
        section.RejectUnknownKeys();
        return (denied, allowed, action);
    }
}
