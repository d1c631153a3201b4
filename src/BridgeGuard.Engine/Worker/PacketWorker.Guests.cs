using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Links;
using BridgeGuard.Engine.Policy.Roles;

namespace BridgeGuard.Engine.Worker;

/// <summary>Who is at the ends of a flow or frame, and whether a frame tells the truth about it.</summary>
public sealed partial class PacketWorker
{
    /// <summary>Alerts of one guest and kind in a second; the frames that follow are dropped in silence.</summary>
    private const long GuardQuietUs = 1_000_000;

    /// <summary>Addresses remembered as told, so that a guest's every ARP is not an event; forgotten together now and then.</summary>
    private const int MaxToldAddresses = 1024;

    private const long ToldUs = 60_000_000;

    private readonly Dictionary<(ushort Guest, IpAddress Address), long> _toldAddresses = new(MaxToldAddresses);
    private readonly long[] _guardToldUs = new long[512];

    /// <summary>By port: what its station last said of itself (LLDP), and when that was told. As many as a bridge has ports (<c>MAX_PORTS</c>); then forgotten together.</summary>
    private readonly Dictionary<ushort, (ulong Said, long ToldUs)> _toldStations = new(64);

    private const int MaxToldStations = 4096;

    /// <summary>
    /// Places for stations whose last frame was honest, by port and IP version: the next one with the same addresses is too, and 32 KiB are read sooner than
    /// guest, role and their lists. More ports than half of it share places, which costs them the comparison.
    /// </summary>
    private readonly HonestStation[] _honest = new HonestStation[HonestPlaces];

    private const int HonestPlaces = 1024;

    /// <summary>What honest stations were judged by: other ports, guests or roles, and nobody is known.</summary>
    private object? _honestPorts;
    private ushort _honestGeneration;

    /// <summary>Guests, when they are known at all: link frames are looked at only then.</summary>
    private int _guarded;

    /// <summary>Some role has a link guard: every frame is compared with its guest. Without, only those that teach something are looked at.</summary>
    private bool _guardsLinks;

    /// <summary>Counts exchanges of the program; flows judged under another number are judged anew.</summary>
    private ushort _policyGeneration = 1;

    /// <summary>A flow's first packet: its Ethernet addresses are its ends' for good.</summary>
    private void Introduce(Flow flow, Packet packet)
    {
        if (packet.Has(PacketFlags.Restored))
        {
            IntroduceAnswers(flow, packet);
            return;
        }

        if (packet.EthernetOffset >= 0)
        {
            flow.SourceMac = Mac(packet, 6);
            flow.DestinationMac = Mac(packet, 0);
        }

        flow.FirstPacketNumber = packet.Number;
        flow.ClientPortId = packet.Info.PortId;
        Judge(flow, packet, isNew: true);
    }

    /// <summary>
    /// A target's first answer in a flow whose client's half another worker has: it is that flow, in its direction, and was judged there. (Taken for a flow
    /// of its own it would be the server's that calls its client: against its contract, and so many ports a scan.)
    /// </summary>
    private void IntroduceAnswers(Flow flow, Packet packet)
    {
        flow.Key = flow.Key.Reversed();
        packet.Direction = Direction.ToClient;
        if (packet.EthernetOffset >= 0)
        {
            flow.SourceMac = Mac(packet, 0);
        }

        flow.FirstPacketNumber = packet.Number;
        _redirector.Join(flow);
        NameEnds(flow);
        flow.Restriction = RoleAction.Redirect;
    }

    /// <summary>Guests and roles of both ends.</summary>
    private void Identify(Flow flow)
    {
        GuestSet guests = _current.Guests;
        flow.ClientGuest = guests.Find(_ports.Find(flow.ClientPortId, guests), flow.SourceMac, flow.Key.Source);
        flow.ServerGuest = guests.Find(_ports.Find(flow.ServerPortId, guests), flow.DestinationMac, flow.Key.Destination);
        flow.ClientRole = guests.RoleOf(flow.ClientGuest);
        flow.ServerRole = guests.RoleOf(flow.ServerGuest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private void NotePort(Flow flow, Packet packet)
    {
        ushort port = packet.Info.PortId;
        if (packet.Direction == Direction.ToServer)
        {
            flow.ClientPortId = port;
        }
        else if (flow.ServerPortId != port && !flow.Has(FlowFlags.Redirected))
        {
            // (A moved flow's answers come from the target; the flow remains the one that was begun.)
            LearnServerPort(flow, port);
        }
    }

    /// <summary>The server's port shows who it is, where its address told nothing or something old.</summary>
    private void LearnServerPort(Flow flow, ushort port)
    {
        flow.ServerPortId = port;
        ushort guest = _ports.Find(port, _current.Guests);
        if (guest != 0 && guest != flow.ServerGuest)
        {
            // Judged with this packet.
            flow.PolicyGeneration = 0;
        }
    }

    /// <summary>A frame of a guest's port: false when it lies and its role wants that stopped. Honest ones teach addresses.</summary>
    private bool PassesLinkGuard(Packet packet)
    {
        if (packet.TunnelDepth != 0 || packet.Has(PacketFlags.Defragmented))
        {
            return true;
        }

        // Only addresses are looked at of these; what speaks of others' is compared each time.
        bool isPlain = _guardsLinks && packet.EthernetOffset >= 0 && (packet.IsTcp || (packet.IsUdp && packet.SourcePort is not (67 or 547)));
        if (isPlain && IsKnownHonest(packet))
        {
            return true;
        }

        GuestSet guests = _current.Guests;
        ushort guest = _ports.Find(packet.Info.PortId, guests);
        if (guest == 0 && packet.EthernetOffset >= 0)
        {
            guest = guests.FindByMac(Mac(packet, 6));
        }

        LinkGuardModel model = Model.Roles[guests.RoleOf(guest)].Links;
        if (guest != 0 && model.IsOn)
        {
            LinkViolation violation = LinkGuard.Check(packet, guest, guests, model);
            GuardAction action = model.ActionOf(violation);
            if (action != GuardAction.Off)
            {
                bool drops = action == GuardAction.Drop && Enforces(packet);
                ReportLie(packet, guest, violation, action == GuardAction.Drop ? RoleAction.Drop : RoleAction.Alert);
                if (drops)
                {
                    packet.Drop(DropReason.LinkGuard);
                }

                return !drops;
            }
        }

        if (isPlain)
        {
            _honest[HonestPlace(packet)] = new HonestStation(Mac(packet, 6), packet.SourceAddress, packet.Info.PortId);
        }
        else if (packet.ArpOffset >= 0 || packet.Protocol == IpProtocols.IcmpV6 || (packet.IsUdp && packet.SourcePort is 67 or 547))
        {
            LearnAddress(packet, guest);
        }
        else if (packet.IpVersion == 0 && packet.EthernetOffset >= 0)
        {
            LearnStation(packet, guest);
        }

        return true;
    }

    private static int HonestPlace(Packet packet) => ((packet.Info.PortId << 1) | (packet.IpVersion == 6 ? 1 : 0)) & (HonestPlaces - 1);

    private bool IsKnownHonest(Packet packet)
    {
        object ports = _ports.Version;
        if (_honestGeneration != _policyGeneration || !ReferenceEquals(ports, _honestPorts))
        {
            _honestGeneration = _policyGeneration;
            _honestPorts = ports;
            Array.Clear(_honest);
            return false;
        }

        ref readonly HonestStation known = ref _honest[HonestPlace(packet)];
        return known.Port == packet.Info.PortId && known.Address == packet.SourceAddress && known.Mac == Mac(packet, 6);
    }

    private readonly record struct HonestStation(ulong Mac, IpAddress Address, ushort Port);

    private void ReportLie(Packet packet, ushort guest, LinkViolation violation, RoleAction action)
    {
        ref long told = ref _guardToldUs[((guest << 3) | (int)violation) & (_guardToldUs.Length - 1)];
        if (packet.TimeUs - told < GuardQuietUs && packet.TimeUs >= told)
        {
            return;
        }

        told = packet.TimeUs;
        AddFinding(
            violation switch
            {
                LinkViolation.MacSpoofing => PolicyRules.MacSpoofing,
                LinkViolation.AddressSpoofing => PolicyRules.AddressSpoofing,
                LinkViolation.Arp => PolicyRules.Arp,
                LinkViolation.NeighborDiscovery => PolicyRules.NeighborDiscovery,
                LinkViolation.RouterAdvertisement => PolicyRules.RouterAdvertisement,
                _ => PolicyRules.DhcpServer,
            },
            action,
            Model.Roles[_current.Guests.RoleOf(guest)],
            null);
    }

    private void LearnAddress(Packet packet, ushort guest)
    {
        ulong mac = 0;
        if (LinkGuard.TryReadLease(packet, out ulong leased, out IpAddress address))
        {
            guest = _current.Guests.FindByMac(leased);
            mac = leased;
        }
        else if (guest == 0 || !LinkGuard.TryLearn(packet, out address))
        {
            return;
        }

        if (guest == 0 || _current.Guests.Get(guest) is not { } known || known.Owns(address)
            || (_toldAddresses.TryGetValue((guest, address), out long told) && packet.TimeUs - told < ToldUs))
        {
            return;
        }

        if (_toldAddresses.Count == MaxToldAddresses)
        {
            _toldAddresses.Clear();
        }

        _toldAddresses[(guest, address)] = packet.TimeUs;
        _events.AddressSeen(packet, guest, address, mac != 0 ? "dhcp"u8 : packet.ArpOffset >= 0 ? "arp"u8 : "nd"u8);
    }

    /// <summary>LLDP: who the station behind a port says it is. A change is told, at most once a second, and the same again now and then.</summary>
    private void LearnStation(Packet packet, ushort guest)
    {
        ushort port = packet.Info.PortId;
        ReadOnlySpan<byte> frame = packet.Buffer.AsSpan(packet.EthernetOffset, packet.Start + packet.Length - packet.EthernetOffset);
        if (!LldpView.TryFind(frame, out LldpView station))
        {
            return;
        }

        bool isKnown = _toldStations.TryGetValue(port, out (ulong Said, long ToldUs) told);
        long sinceUs = packet.TimeUs - told.ToldUs;
        if (isKnown && sinceUs is >= 0 and < GuardQuietUs)
        {
            return;
        }

        ulong said = station.Digest();
        if (isKnown && said == told.Said && sinceUs is >= 0 and < ToldUs)
        {
            return;
        }

        if (!isKnown && _toldStations.Count == MaxToldStations)
        {
            _toldStations.Clear();
        }

        _toldStations[port] = (said, packet.TimeUs);
        _events.StationSeen(packet, guest, in station);
        LearnStated(packet, guest, station.ManagementV4);
        LearnStated(packet, guest, station.ManagementV6);
    }

    /// <summary>An address that a guest names as its own. That is said, not used: one that is known as another's stays there.</summary>
    private void LearnStated(Packet packet, ushort guest, IpAddress address)
    {
        if (_current.Guests.Get(guest) is { } known && LinkGuard.IsStation(address) && !known.Owns(address) && _current.Guests.FindByAddress(address) == 0)
        {
            _events.AddressSeen(packet, guest, address, "lldp"u8);
        }
    }

    private void NoteMacs(Flow flow, Packet packet)
    {
        if (packet.EthernetOffset < 0)
        {
            return;
        }

        MacSet macs = flow.Macs ??= new MacSet();
        bool toServer = packet.Direction == Direction.ToServer;
        macs.AddClient(Mac(packet, toServer ? 6 : 0));
        macs.AddServer(Mac(packet, toServer ? 0 : 6));
        Counters.Max(Counter.DecoderMaxMacAddressesSource, macs.Client.Length);
        Counters.Max(Counter.DecoderMaxMacAddressesDestination, macs.Server.Length);
    }

    private static ulong Mac(Packet packet, int at)
    {
        ReadOnlySpan<byte> bytes = packet.Buffer.AsSpan(packet.EthernetOffset + at, 6);
        return ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32)
            | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);
    }
}
