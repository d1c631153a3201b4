using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Links;

/// <summary>What is done about one kind of lie on the link.</summary>
public enum GuardAction : byte
{
    Off,

    /// <summary>The frame passes, an alert tells of it.</summary>
    Alert,
    Drop,
}

/// <summary>A frame that a guest must not send.</summary>
public enum LinkViolation : byte
{
    None,

    /// <summary>The Ethernet source is not the guest's.</summary>
    MacSpoofing,

    /// <summary>The IP source is not the guest's.</summary>
    AddressSpoofing,

    /// <summary>An ARP sender field claims what is not the guest's (RFC 826; RFC 5227 announcements).</summary>
    Arp,

    /// <summary>A neighbour advertisement or solicitation claims what is not the guest's (RFC 4861), or hides in fragments (RFC 6980).</summary>
    NeighborDiscovery,

    /// <summary>A router advertisement or redirect, also behind extension headers (RFC 6105, RFC 7113).</summary>
    RouterAdvertisement,

    /// <summary>An answer of a DHCP server, IPv4 or IPv6 (RFC 7610).</summary>
    DhcpServer,
}

/// <summary>A role's layer-2 guard. Immutable.</summary>
public sealed record LinkGuardModel
{
    public static readonly LinkGuardModel None = new();

    public GuardAction MacSpoofing { get; init; }

    public GuardAction AddressSpoofing { get; init; }

    public GuardAction Arp { get; init; }

    public GuardAction NeighborDiscovery { get; init; }

    public GuardAction RouterAdvertisement { get; init; }

    public GuardAction DhcpServer { get; init; }

    /// <summary>Addresses that no guest of the role may claim whatever is known of them: the gateway's, the resolver's.</summary>
    public IpAddress[] Protected { get; init; } = [];

    /// <summary>Addresses that were only seen with another guest may not be taken either; off: they may move.</summary>
    public bool ProtectSeen { get; init; }

    /// <summary>Something is asked for.</summary>
    public bool IsOn { get; private init; }

    public GuardAction ActionOf(LinkViolation violation) => violation switch
    {
        LinkViolation.MacSpoofing => MacSpoofing,
        LinkViolation.AddressSpoofing => AddressSpoofing,
        LinkViolation.Arp => Arp,
        LinkViolation.NeighborDiscovery => NeighborDiscovery,
        LinkViolation.RouterAdvertisement => RouterAdvertisement,
        LinkViolation.DhcpServer => DhcpServer,
        _ => GuardAction.Off,
    };

    /// <summary>The same, with <see cref="IsOn"/> worked out.</summary>
    public LinkGuardModel Complete() => this with
    {
        IsOn = (MacSpoofing | AddressSpoofing | Arp | NeighborDiscovery | RouterAdvertisement | DhcpServer) != GuardAction.Off,
    };
}
