using System.Globalization;
using System.Text;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Contracts;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Policies;

/// <summary>A compiled role as option and value, in the words of role files: what explanations print and policy tables compare with.</summary>
public static class RoleDescription
{
    /// <summary>Everything that holds for a role, what its file leaves to defaults too.</summary>
    public static IReadOnlyList<(string Option, string Value)> Of(RoleModel role, PolicyModel policy)
    {
        var lines = new List<(string, string)>
        {
            ("home", role.HomeIsGuest ? "guest" : "configured"),
            ("server-groups", string.Join(",", role.ServerGroups)),
            ("host-os", role.HostOs is { } os ? Word(os) : "as configured"),
            ("redirect-to", role.RedirectTarget >= 0 && role.RedirectTarget < policy.Targets.Length ? policy.Targets[role.RedirectTarget].Name : "none"),
            ("sinkhole", role.Sinkhole?.ToString() ?? "no such name"),
            ("fail", role.FailOpen is { } open ? open ? "open" : "closed" : "as the bridge"),
            ("files.delivery", Word(role.Files)),
            ("files.hold-ms", Number(role.FileHoldMs)),
            ("files.fail", role.FilesFailOpen ? "open" : "closed"),
            ("rate-limit", string.Create(CultureInfo.InvariantCulture, $"{role.RateLimit.PacketsPerSecond} packets/s {role.RateLimit.BytesPerSecond} bytes/s by {Word(role.RateLimit.By)}")),
        };
        if (role.Mark != 0)
        {
            lines.Add(("mark", string.Create(CultureInfo.InvariantCulture, $"0x{role.Mark:x}")));
        }

        if (role.LatencyBudgetUs != 0)
        {
            lines.Add(("latency-budget-us", Number(role.LatencyBudgetUs)));
        }

        for (int i = 0; i < role.Rules.Length; i++)
        {
            lines.Add(($"rules.{Number(i + 1)}", Of(role.Rules[i])));
        }

        Contract(lines, role.Contract, policy);
        Links(lines, role);
        Behaviour(lines, role.Behaviour);
        Encrypted(lines, role);
        for (int i = 0; i < (role.Exceptions?.Length ?? 0); i++)
        {
            if (role.Exceptions![i] is { } answer)
            {
                lines.Add(($"exceptions.{Word((ExceptionCause)i)}", Word(answer)));
            }
        }

        return lines;
    }

    /// <summary>An enum's value as configuration writes it.</summary>
    public static string Word<T>(T value)
        where T : struct, Enum => YamlSection.Hyphenated(value.ToString());

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Of(RoleRule rule)
    {
        var text = new StringBuilder();
        void Add(string name, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}={value} ");
            }
        }

        Add("classtype", rule.Classtype);
        Add("file", rule.File);
        Add(rule.MetadataKey ?? "metadata", rule.MetadataKey is null ? null : rule.MetadataValues.Length == 0 ? "any" : string.Join("|", rule.MetadataValues));
        Add("sid", rule.Sid == 0 ? null : rule.Sid.ToString(CultureInfo.InvariantCulture));
        Add("from", rule.From);
        Add("severity", rule.MaxSeverity == 0 ? null : rule.MinSeverity == rule.MaxSeverity ? Number(rule.MaxSeverity) : $"{Number(rule.MinSeverity)}-{Number(rule.MaxSeverity)}");
        Add("cve", rule.Cve);
        return text.Append(CultureInfo.InvariantCulture, $"action={Word(rule.Action)}").ToString();
    }

    private static void Contract(List<(string, string)> lines, ServiceContract contract, PolicyModel policy)
    {
        lines.Add(("contract.in.default", Allowed(contract.DefaultIn)));
        Services(lines, "contract.in", contract.In, policy);
        lines.Add(("contract.out.default", Allowed(contract.DefaultOut)));
        Services(lines, "contract.out", contract.Out, policy);
    }

    private static string Allowed(RoleAction action) => action == RoleAction.AsRule ? "allow" : Word(action);

    private static void Services(List<(string, string)> lines, string prefix, ServiceRule[] services, PolicyModel policy)
    {
        for (int i = 0; i < services.Length; i++)
        {
            ServiceRule service = services[i];
            var text = new StringBuilder(ProtocolName(service.Protocol));
            if (service.Ports.Length > 0)
            {
                text.Append(' ').AppendJoin(',', service.Ports.Select(p => p.First == p.Last ? Number(p.First) : $"{Number(p.First)}-{Number(p.Last)}"));
            }

            if (service.PeerRoles.Length > 0)
            {
                text.Append(" roles ").AppendJoin(',', service.PeerRoles.Select(r => r < 0 ? "outside" : policy.Roles[r].Name));
            }

            if (service.Peers.Length > 0)
            {
                text.Append(" peers ").AppendJoin(',', service.Peers.Select(p => $"{p.Network}/{Number(p.Network.IsV4 ? p.PrefixLength - 96 : p.PrefixLength)}"));
            }

            lines.Add(($"{prefix}.services.{Number(i + 1)}", $"{text} {Allowed(service.Action)}"));
        }
    }

    private static string ProtocolName(byte protocol) => protocol switch
    {
        0 => "any",
        IpProtocols.Tcp => "tcp",
        IpProtocols.Udp => "udp",
        IpProtocols.Icmp => "icmp",
        IpProtocols.Sctp => "sctp",
        IpProtocols.Esp => "esp",
        _ => "gre",
    };

    private static void Links(List<(string, string)> lines, RoleModel role)
    {
        lines.Add(("l2-guard.mac-spoofing", Word(role.Links.MacSpoofing)));
        lines.Add(("l2-guard.address-spoofing", Word(role.Links.AddressSpoofing)));
        lines.Add(("l2-guard.arp", Word(role.Links.Arp)));
        lines.Add(("l2-guard.neighbor-discovery", Word(role.Links.NeighborDiscovery)));
        lines.Add(("l2-guard.router-advertisement", Word(role.Links.RouterAdvertisement)));
        lines.Add(("l2-guard.dhcp-server", Word(role.Links.DhcpServer)));
        lines.Add(("l2-guard.protect", role.Links.ProtectSeen ? "seen" : "given"));
    }

    private static void Behaviour(List<(string, string)> lines, BehaviourModel model)
    {
        void Add(string name, BehaviourThreshold threshold, string more = "")
        {
            if (threshold.IsOn)
            {
                lines.Add(($"behaviour.{name}", string.Create(CultureInfo.InvariantCulture, $"{threshold.Count} in {threshold.Seconds} s {Word(threshold.Action)} for {threshold.ForSeconds} s{more}")));
            }
        }

        Add("port-scan", model.PortScan);
        Add("host-sweep", model.HostSweep);
        Add("connection-flood", model.ConnectionFlood);
        Add("beacon", model.Beacon, $" jitter {Number(model.BeaconJitterPercent)} %");
        Add("dns-tunnel", model.DnsTunnel);
        Add("icmp-tunnel", model.IcmpTunnel);
    }

    private static void Encrypted(List<(string, string)> lines, RoleModel role)
    {
        static string List(byte[][] items) => string.Join(",", items.Select(Encoding.UTF8.GetString));
        void Add(string name, string value, RoleAction action)
        {
            if (action != RoleAction.AsRule)
            {
                lines.Add(($"encrypted.{name}", $"{value} {Word(action)}".Trim()));
            }
        }

        Add("names", $"deny {List(role.Encrypted.DeniedNames)} allow {List(role.Encrypted.AllowedNames)}", role.Encrypted.NameAction);
        Add("ja4", List(role.Encrypted.DeniedJa4), role.Encrypted.Ja4Action);
        Add("certificates", List(role.Encrypted.DeniedCertificates), role.Encrypted.CertificateAction);
        Add("old-tls", string.Create(CultureInfo.InvariantCulture, $"below 1.{role.Encrypted.MinimumVersion - 0x0301}"), role.Encrypted.VersionAction);
        Add("dns-over-https", "", role.Encrypted.DnsOverHttps);
        Add("encrypted-hello", "", role.Encrypted.EncryptedHello);
    }
}
