using BridgeGuard.Engine.Detection;

namespace BridgeGuard.Engine.Policy;

/// <summary>Alerts of roles and actions: what no rule file brings. Their signature ids are stable; playbooks and consumers name them.</summary>
public static class PolicyRules
{
    public static readonly RuleInfo MacSpoofing = Finding(10, "BRIDGEGUARD link guard: Ethernet source is not the guest's", "bad-unknown", 2);
    public static readonly RuleInfo AddressSpoofing = Finding(11, "BRIDGEGUARD link guard: IP source is not the guest's", "bad-unknown", 2);
    public static readonly RuleInfo Arp = Finding(12, "BRIDGEGUARD link guard: ARP claims an address that is not the guest's", "attempted-recon", 2);
    public static readonly RuleInfo NeighborDiscovery = Finding(13, "BRIDGEGUARD link guard: neighbour discovery claims an address that is not the guest's", "attempted-recon", 2);
    public static readonly RuleInfo RouterAdvertisement = Finding(14, "BRIDGEGUARD link guard: router advertisement from a guest", "attempted-recon", 2);
    public static readonly RuleInfo DhcpServer = Finding(15, "BRIDGEGUARD link guard: DHCP server answer from a guest", "attempted-recon", 2);
    public static readonly RuleInfo ContractIn = Finding(20, "BRIDGEGUARD service contract: the guest offers a service that its role does not", "policy-violation", 2);
    public static readonly RuleInfo ContractOut = Finding(21, "BRIDGEGUARD service contract: the guest uses a service that its role does not", "policy-violation", 2);
    public static readonly RuleInfo Quarantine = Finding(22, "BRIDGEGUARD quarantine: traffic of a quarantined guest", "policy-violation", 2);
    public static readonly RuleInfo Blocked = Finding(23, "BRIDGEGUARD action: traffic with a blocked peer", "policy-violation", 3);
    public static readonly RuleInfo PortScan = Finding(30, "BRIDGEGUARD behaviour: port scan", "attempted-recon", 2);
    public static readonly RuleInfo HostSweep = Finding(31, "BRIDGEGUARD behaviour: host sweep", "attempted-recon", 2);
    public static readonly RuleInfo ConnectionFlood = Finding(32, "BRIDGEGUARD behaviour: connection flood", "denial-of-service", 2);
    public static readonly RuleInfo Beacon = Finding(33, "BRIDGEGUARD behaviour: beacon", "command-and-control", 1);
    public static readonly RuleInfo DnsTunnel = Finding(34, "BRIDGEGUARD behaviour: DNS tunnel", "command-and-control", 1);
    public static readonly RuleInfo IcmpTunnel = Finding(35, "BRIDGEGUARD behaviour: ICMP tunnel", "command-and-control", 1);
    public static readonly RuleInfo MarkedPeer = Finding(36, "BRIDGEGUARD behaviour: traffic of a host that was found scanning or flooding", "attempted-recon", 3);
    public static readonly RuleInfo ServerName = Finding(40, "BRIDGEGUARD encrypted traffic: server name is not allowed", "policy-violation", 2);
    public static readonly RuleInfo ClientFingerprint = Finding(41, "BRIDGEGUARD encrypted traffic: client fingerprint (JA4) is not allowed", "policy-violation", 1);
    public static readonly RuleInfo Certificate = Finding(42, "BRIDGEGUARD encrypted traffic: certificate is not allowed", "policy-violation", 1);
    public static readonly RuleInfo OldTls = Finding(43, "BRIDGEGUARD encrypted traffic: TLS version is too old", "policy-violation", 2);
    public static readonly RuleInfo DnsOverHttps = Finding(44, "BRIDGEGUARD encrypted traffic: DNS over HTTPS or TLS", "policy-violation", 2);
    public static readonly RuleInfo EncryptedHello = Finding(45, "BRIDGEGUARD encrypted traffic: encrypted client hello", "policy-violation", 3);

    /// <summary>All of them, by signature id.</summary>
    public static readonly RuleInfo[] All =
    [
        MacSpoofing, AddressSpoofing, Arp, NeighborDiscovery, RouterAdvertisement, DhcpServer, ContractIn, ContractOut, Quarantine, Blocked,
        PortScan, HostSweep, ConnectionFlood, Beacon, DnsTunnel, IcmpTunnel, MarkedPeer,
        ServerName, ClientFingerprint, Certificate, OldTls, DnsOverHttps, EncryptedHello,
    ];

    private static RuleInfo Finding(uint sid, string message, string classType, byte severity) => new()
    {
        Gid = BuiltInRules.Gid,
        Sid = sid,
        Rev = 1,
        Message = message,
        ClassType = classType,
        Category = classType switch
        {
            "attempted-recon" => "Attempted Information Leak",
            "denial-of-service" => "Detection of a Denial of Service Attack",
            "command-and-control" => "Malware Command and Control Activity Detected",
            "bad-unknown" => "Potentially Bad Traffic",
            _ => "Potential Corporate Privacy Violation",
        },
        Severity = severity,
        Action = RuleAction.Alert,
    };
}
