using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Packets;

/// <summary>Bytes of a frame to a <see cref="Packet"/>: link layer, tags, network, transport, and the packets within tunnels.</summary>
/// <remarks>
/// <para>Any bytes are accepted. What is wrong with them becomes a <see cref="PacketEvent"/>; headers that cannot be trusted set
/// <see cref="PacketFlags.Invalid"/> and end the decoding of that packet. Offsets that are set were checked against the frame's end.</para>
/// <para>Owner: one worker, one thread. Allocates nothing after construction.</para>
/// </remarks>
public sealed partial class PacketDecoder
{
    private readonly DecoderSettings _settings;

    /// <summary>LLC for SNAP, and the OUI that stands for an EtherType (RFC 1042).</summary>
    private static ReadOnlySpan<byte> SnapHeader => [0xaa, 0xaa, 3, 0, 0, 0];

    public PacketDecoder(DecoderSettings settings)
    {
        _settings = settings;
    }

    /// <summary>What was seen so far, by layer.</summary>
    public DecoderCounters Counters { get; } = new();

    /// <summary>Decodes the frame in <paramref name="packet"/> (already <see cref="Packet.Reset"/>) from its link layer on.</summary>
    /// <param name="packet">Gets the outermost headers.</param>
    /// <param name="inner">Gets the packets within tunnels, decoded, outermost first; cleared before.</param>
    public void Decode(Packet packet, PacketQueue inner)
    {
        inner.Clear();
        Counters.Packets++;
        Counters.Bytes += packet.Length;
        packet.Layers = 0;
        if (packet.Info.WireLength > packet.Length && packet.Number == 0)
        {
            // Live, the capture has lost the frame's end: nobody cuts what is on a wire.
            packet.Events.Add(PacketEvent.AfPacketTruncatedPacket);
        }

        DecodeLink(packet, inner);
        CountResult(packet);
    }

    /// <summary>
    /// Decodes a datagram that the defragmenter has put together: bytes that begin with the IP header. Keeps VLANs, tunnel and source as
    /// <paramref name="packet"/> has them. Inner packets are added to <paramref name="inner"/> behind those already there.
    /// </summary>
    public void DecodeRebuilt(Packet packet, PacketQueue inner)
    {
        int end = packet.Start + packet.Length;
        int start = packet.NetworkOffset >= 0 ? packet.NetworkOffset : packet.Start;
        packet.NetworkOffset = -1;
        DecodeRaw(packet, inner, start, end);
        CountResult(packet);
    }

    private static bool Fail(Packet packet, PacketEvent packetEvent)
    {
        packet.Events.Add(packetEvent);
        packet.Flags |= PacketFlags.Invalid | PacketFlags.Malformed;
        return false;
    }

    /// <summary>The header is well formed but leads nowhere: as <see cref="Fail"/>, without being counted as invalid.</summary>
    private static void Refuse(Packet packet, PacketEvent packetEvent)
    {
        packet.Events.Add(packetEvent);
        packet.Flags |= PacketFlags.Invalid;
    }

    private static void Mark(Packet packet, PacketEvent packetEvent)
    {
        packet.Events.Add(packetEvent);
        packet.Flags |= PacketFlags.Malformed;
    }

    private static void FailTransport(Packet packet, PacketEvent packetEvent)
    {
        packet.Events.Add(packetEvent);
        packet.Flags |= PacketFlags.BadTransport | PacketFlags.Malformed;
    }

    private static ushort ReadU16(ReadOnlySpan<byte> data, int offset) => BinaryPrimitives.ReadUInt16BigEndian(data[offset..]);

    private static uint ReadU32(ReadOnlySpan<byte> data, int offset) => BinaryPrimitives.ReadUInt32BigEndian(data[offset..]);

    private void CountResult(Packet packet)
    {
        if (packet.Has(PacketFlags.Malformed))
        {
            Counters.Invalid++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private void DecodeLink(Packet packet, PacketQueue inner)
    {
        int start = packet.Start;
        int end = start + packet.Length;
        if (packet.Info.LinkType == LinkType.Ethernet)
        {
            DecodeEthernet(packet, inner, start, end);
            return;
        }

        switch (packet.Info.LinkType)
        {
            case LinkType.LinuxSll:
                DecodeSll(packet, inner, start, end);
                break;
            case LinkType.LinuxSll2:
                DecodeSll2(packet, inner, start, end);
                break;
            case LinkType.Raw or LinkType.RawBsd or LinkType.RawOpenBsd or LinkType.Ipv4 or LinkType.Ipv6:
                Counters.Raw++;
                DecodeRaw(packet, inner, start, end);
                break;
            case LinkType.Null:
                DecodeNull(packet, inner, start, end);
                break;
            case LinkType.Loop:
                DecodeLoop(packet, inner, start, end);
                break;
            case LinkType.Ppp:
                DecodePpp(packet, inner, start, end);
                break;
            case LinkType.CiscoHdlc:
                DecodeChdlc(packet, inner, start, end);
                break;
            default:
                packet.Flags |= PacketFlags.Invalid;
                break;
        }
    }

    /// <summary>One more header; false when there are too many of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Once per packet; pipeline bench.
    private bool EnterLayer(Packet packet)
    {
        if (++packet.Layers < _settings.MaxLayers)
        {
            return true;
        }

        Counters.TooManyLayers++;
        return Fail(packet, PacketEvent.TooManyLayers);
    }

    /// <summary>Decodes what an EtherType announces; false, with an event, when the type is not known.</summary>
    private bool DecodeEtherType(Packet packet, PacketQueue inner, ushort etherType, int offset, int end)
    {
        switch (etherType)
        {
            case EtherTypes.Ipv4:
                DecodeIpv4(packet, inner, offset, end);
                return true;
            case EtherTypes.Ipv6:
                DecodeIpv6(packet, inner, offset, end);
                return true;
            case EtherTypes.Arp:
                DecodeArp(packet, offset, end);
                return true;
            case EtherTypes.Vlan or EtherTypes.ServiceVlan or EtherTypes.OldQinQ:
                DecodeVlan(packet, inner, offset, end);
                return true;
            case EtherTypes.PppoeSession:
                DecodePppoeSession(packet, inner, offset, end);
                return true;
            case EtherTypes.PppoeDiscovery:
                DecodePppoeDiscovery(packet, offset, end);
                return true;
            case EtherTypes.Mpls or EtherTypes.MplsMulticast:
                DecodeMpls(packet, inner, offset, end);
                return true;
            case EtherTypes.BackboneServiceTag:
                DecodeBackboneServiceTag(packet, inner, offset, end);
                return true;
            case EtherTypes.VnTag:
                DecodeVnTag(packet, inner, offset, end);
                return true;
            case EtherTypes.ETag:
                DecodeETag(packet, inner, offset, end);
                return true;
            case EtherTypes.Nsh:
                DecodeNsh(packet, inner, offset, end);
                return true;
            case EtherTypes.DataCenterEthernet:
                DecodeDataCenterEthernet(packet, inner, offset, end);
                return true;
            default:
                return DecodeUnknownEtherType(packet, inner, etherType, offset, end);
        }
    }

    /// <summary>A length instead of a type is IEEE 802.2 LLC, of which the SNAP form with a zero OUI names an EtherType again (RFC 1042).</summary>
    private bool DecodeUnknownEtherType(Packet packet, PacketQueue inner, ushort etherType, int offset, int end)
    {
        if (etherType < EtherTypes.FirstType)
        {
            packet.IsLlc = true;
            ReadOnlySpan<byte> llc = packet.Buffer.AsSpan(offset, end - offset);
            if (llc.Length >= 8 && llc.StartsWith(SnapHeader) && ReadU16(llc, 6) >= EtherTypes.FirstType)
            {
                return EnterLayer(packet) && DecodeEtherType(packet, inner, ReadU16(llc, 6), offset + 8, end);
            }
        }

        Counters.UnknownEtherType++;
        packet.Events.Add(PacketEvent.EthernetUnknownEtherType);
        return false;
    }
}
