using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;

namespace BridgeGuard.Engine.Policy.Links;

/// <summary>Compares what a frame claims with what its guest is: Ethernet and IP addresses, ARP, neighbour discovery, router and DHCP server messages.</summary>
/// <remarks>
/// Works on decoded packets: every offset it follows was checked by the decoder or is checked here. A guest whose addresses nobody gave (only
/// Ethernet addresses are known) may use any that belongs to no other guest. Pure functions; any thread.
/// </remarks>
public static class LinkGuard
{
    private const int TargetOffset = 8;
    private const int TargetEnd = TargetOffset + 16;
    private const byte LinkLayerOption = 2;
    private const ushort DhcpServerPort = 67;
    private const ushort Dhcp6ServerPort = 547;

    /// <summary>What is wrong with a frame that came in by a guest's port.</summary>
    /// <param name="packet">The outermost packet of the frame.</param>
    /// <param name="self">Index of the guest behind the port.</param>
    /// <param name="guests">The guests in force.</param>
    /// <param name="model">What its role asks for; kinds that are off are not looked for.</param>
    public static LinkViolation Check(Packet packet, ushort self, GuestSet guests, LinkGuardModel model)
    {
        if (guests.Get(self) is not { } guest || packet.EthernetOffset < 0)
        {
            return LinkViolation.None;
        }

        if (model.MacSpoofing != GuardAction.Off && guest.Macs.Length > 0 && Array.IndexOf(guest.Macs, ReadMac(packet.Buffer.AsSpan(packet.EthernetOffset + 6))) < 0)
        {
            return LinkViolation.MacSpoofing;
        }

        if (packet.ArpOffset >= 0)
        {
            return model.Arp != GuardAction.Off && !IsArpHonest(packet, guest, self, guests, model) ? LinkViolation.Arp : LinkViolation.None;
        }

        if (packet.IpVersion == 0)
        {
            return LinkViolation.None;
        }

        LinkViolation message = CheckMessage(packet, guest, self, guests, model);
        return message == LinkViolation.None && model.AddressSpoofing != GuardAction.Off && !MayUse(packet.SourceAddress, guest, self, guests, model)
            ? LinkViolation.AddressSpoofing
            : message;
    }

    /// <summary>An address that a frame shows to be its guest's, by protocols in which a station speaks of itself.</summary>
    /// <param name="packet">A frame that came in by a guest's port and was not dropped.</param>
    /// <param name="address">The address; never unspecified or multicast.</param>
    public static bool TryLearn(Packet packet, out IpAddress address)
    {
        address = default;
        if (packet.ArpOffset >= 0)
        {
            if (ArpView.TryCreate(packet.Buffer.AsSpan(packet.ArpOffset), out ArpView arp) && packet.EthernetOffset >= 0
                && arp.SenderHardware.SequenceEqual(packet.Buffer.AsSpan(packet.EthernetOffset + 6, 6)))
            {
                address = arp.SenderAddress;
            }

            return IsStation(address);
        }

        if (packet.Protocol != IpProtocols.IcmpV6 || packet.TransportOffset < 0 || packet.TransportBytes.Length < TargetEnd)
        {
            return false;
        }

        address = packet.IcmpType switch
        {
            IcmpTypes.V6NeighborAdvertisement => IpAddress.ReadV6(packet.TransportBytes[TargetOffset..]),
            IcmpTypes.V6NeighborSolicitation => packet.SourceAddress,
            _ => default,
        };
        return IsStation(address);
    }

    /// <summary>A lease that a DHCP server grants (RFC 2131 DHCPACK, RFC 8415 Reply): whose Ethernet address gets which IP address.</summary>
    public static bool TryReadLease(Packet packet, out ulong mac, out IpAddress address)
    {
        const int addressAt = 16;
        const int hardwareAt = 28;
        const int optionsAt = 240;
        mac = 0;
        address = default;
        if (packet.IsUdp && packet.SourcePort == Dhcp6ServerPort)
        {
            return Dhcp6Lease.TryRead(packet, out mac, out address) && IsStation(address);
        }

        if (!packet.IsUdp || packet.SourcePort != DhcpServerPort)
        {
            return false;
        }

        ReadOnlySpan<byte> message = packet.Payload;
        if (message.Length < optionsAt + 3 || message[0] != 2 || message[1] != 1 || message[2] != 6 || !IsAcknowledgement(message[optionsAt..]))
        {
            return false;
        }

        mac = ReadMac(message[hardwareAt..]);
        address = IpAddress.ReadV4(message[addressAt..]);
        return mac != 0 && IsStation(address);
    }

    private static bool IsAcknowledgement(ReadOnlySpan<byte> options)
    {
        while (options.Length >= 3 && options[0] != 255)
        {
            if (options[0] == 0)
            {
                options = options[1..];
                continue;
            }

            if (options[0] == 53)
            {
                return options[1] == 1 && options[2] == 5;
            }

            int next = 2 + options[1];
            options = next < options.Length ? options[next..] : default;
        }

        return false;
    }

    private static LinkViolation CheckMessage(Packet packet, GuestModel guest, ushort self, GuestSet guests, LinkGuardModel model)
    {
        if (packet.Protocol == IpProtocols.IcmpV6)
        {
            return CheckIcmp(packet, guest, self, guests, model);
        }

        if (model.DhcpServer != GuardAction.Off && packet.IsUdp
            && (packet.SourcePort == Dhcp6ServerPort || (packet.SourcePort == DhcpServerPort && packet.PayloadLength > 0 && packet.Payload[0] == 2)))
        {
            return LinkViolation.DhcpServer;
        }

        return LinkViolation.None;
    }

    private static LinkViolation CheckIcmp(Packet packet, GuestModel guest, ushort self, GuestSet guests, LinkGuardModel model)
    {
        // Nobody has reason to fragment neighbour discovery (RFC 6980 §5); what a fragment hides cannot be judged.
        if (packet.FragmentHeaderOffset >= 0 && (packet.MoreFragments || packet.FragmentOffset != 0))
        {
            bool isKnownOther = packet.FragmentOffset == 0 && packet.TransportOffset >= 0 && packet.IcmpType is < IcmpTypes.V6RouterSolicitation or > IcmpTypes.V6Redirect;
            return isKnownOther || packet.FragmentOffset != 0 ? LinkViolation.None
                : model.RouterAdvertisement >= model.NeighborDiscovery ? LinkViolation.RouterAdvertisement : LinkViolation.NeighborDiscovery;
        }

        if (packet.TransportOffset < 0)
        {
            return LinkViolation.None;
        }

        if (packet.IcmpType is IcmpTypes.V6RouterAdvertisement or IcmpTypes.V6Redirect)
        {
            return model.RouterAdvertisement != GuardAction.Off ? LinkViolation.RouterAdvertisement : LinkViolation.None;
        }

        if (model.NeighborDiscovery == GuardAction.Off || packet.IcmpType is not (IcmpTypes.V6NeighborSolicitation or IcmpTypes.V6NeighborAdvertisement))
        {
            return LinkViolation.None;
        }

        ReadOnlySpan<byte> message = packet.TransportBytes;
        if (message.Length < TargetEnd)
        {
            return LinkViolation.NeighborDiscovery;
        }

        // An advertisement, or a duplicate-address probe (RFC 4862 §5.4.2), claims its target.
        bool claims = packet.IcmpType == IcmpTypes.V6NeighborAdvertisement || packet.SourceAddress == default;
        bool isHonest = (!claims || MayUse(IpAddress.ReadV6(message[TargetOffset..]), guest, self, guests, model)) && IsLinkLayerHonest(message[TargetEnd..], guest);
        return isHonest ? LinkViolation.None : LinkViolation.NeighborDiscovery;
    }

    /// <summary>Link-layer address options (RFC 4861 §4.6.1) must name the guest.</summary>
    private static bool IsLinkLayerHonest(ReadOnlySpan<byte> options, GuestModel guest)
    {
        while (options.Length >= 8)
        {
            int length = options[1] * 8;
            if (length == 0 || length > options.Length)
            {
                return false;
            }

            if (options[0] <= LinkLayerOption && guest.Macs.Length > 0 && Array.IndexOf(guest.Macs, ReadMac(options[2..])) < 0)
            {
                return false;
            }

            options = options[length..];
        }

        return true;
    }

    private static bool IsArpHonest(Packet packet, GuestModel guest, ushort self, GuestSet guests, LinkGuardModel model)
    {
        if (!ArpView.TryCreate(packet.Buffer.AsSpan(packet.ArpOffset), out ArpView arp))
        {
            return false;
        }

        // A probe before an address is taken has no sender address (RFC 5227 §1.1).
        return (guest.Macs.Length == 0 || Array.IndexOf(guest.Macs, ReadMac(arp.SenderHardware)) >= 0)
            && (arp.SenderAddress.V4 == 0 || MayUse(arp.SenderAddress, guest, self, guests, model));
    }

    private static bool MayUse(IpAddress address, GuestModel guest, ushort self, GuestSet guests, LinkGuardModel model)
    {
        if (address == default || (address.IsV4 && address.V4 == 0) || Array.IndexOf(guest.Addresses, address) >= 0)
        {
            return true;
        }

        if (Array.IndexOf(model.Protected, address) >= 0)
        {
            return false;
        }

        if (IsLinkLocal(address))
        {
            // Every station makes its own; it is another's only where that one was seen with it.
            ushort other = guests.FindByAddress(address);
            return other == 0 || other == self;
        }

        if (HasFamily(guest.Addresses, address.IsV4))
        {
            return false;
        }

        ushort owner = guests.FindByAddress(address);
        return owner == 0 || owner == self || (!model.ProtectSeen && Array.IndexOf(guests.Get(owner)!.Addresses, address) < 0);
    }

    private static bool HasFamily(IpAddress[] addresses, bool isV4)
    {
        foreach (IpAddress address in addresses)
        {
            if (address.IsV4 == isV4 && !IsLinkLocal(address))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsLinkLocal(IpAddress address) => !address.IsV4 && address.High >> 54 == 0xfe80 >> 6;

    /// <summary>An address that one station can have: neither unspecified nor multicast nor broadcast.</summary>
    public static bool IsStation(IpAddress address) =>
        address != default && (address.IsV4 ? address.V4 != 0 && address.V4 >> 28 != 0xe && address.V4 != uint.MaxValue : address.High >> 56 != 0xff && address.High != 0);

    private static ulong ReadMac(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);
}
