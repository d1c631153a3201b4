using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Events;

// What all records have in common: who talked to whom, when, in which packet.
public sealed partial class EventEmitter
{
    private const int MacTextLength = 17;

    /// <summary>Opens a record of a packet.</summary>
    /// <param name="output">Whose settings apply.</param>
    /// <param name="eventType">EVE <c>event_type</c>.</param>
    /// <param name="packet">The packet that brought it.</param>
    /// <param name="flow">Its flow, if any.</param>
    /// <param name="asFlow">Source and destination are the flow's client and server, not the packet's.</param>
    /// <param name="asServer">The other way round: the flow's server is the source.</param>
    private void BeginPacketRecord(EveOutput output, ReadOnlySpan<byte> eventType, Packet packet, Flow? flow, bool asFlow = false, bool asServer = false)
    {
        _writer.Begin();
        _writer.Timestamp("timestamp"u8, packet.TimeUs);
        FlowIds(flow);
        if (packet.Number != 0 && packet.TunnelDepth == 0 && !packet.Has(PacketFlags.Pseudo) && packet.Source != PacketSource.Defragmentation)
        {
            _writer.Number("pcap_cnt"u8, packet.Number);
        }

        _writer.Text("event_type"u8, eventType);
        Vlans(packet);
        if (packet.IpVersion != 0)
        {
            bool useFlow = asFlow && flow is not null;
            FlowKey key = useFlow ? flow!.Key : asServer && flow is not null ? flow.Key.Reversed() : PacketKey(packet);
            if (_client is { } client && flow is not null)
            {
                bool isFromClient = key.Source == flow.Key.Source && key.SourcePort == flow.Key.SourcePort;
                key = isFromClient ? key with { Source = client } : key with { Destination = client };
            }

            FiveTuple(in key, packet.TransportOffset >= 0 || packet.Has(PacketFlags.Pseudo) || !packet.Has(PacketFlags.Fragment));
            if (packet.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6 && packet.TransportOffset >= 0)
            {
                _writer.Number("icmp_type"u8, packet.IcmpType);
                _writer.Number("icmp_code"u8, packet.IcmpCode);
            }
            else if (packet.Protocol == IpProtocols.Esp && packet.TransportOffset >= 0 && packet.NetworkEnd - packet.TransportOffset >= 4)
            {
                _writer.Number("spi"u8, BinaryPrimitives.ReadUInt32BigEndian(packet.TransportBytes));
            }

            _writer.Number("ip_v"u8, (long)packet.IpVersion);
        }

        _writer.Text("pkt_src"u8, SourceName(packet.Source));
        PacketEther(output, packet, flow);
        Tail(output, flow, packet);
    }

    /// <summary>Opens a record of a flow as a whole or of one of its ways, seen from its client or (reversed) its server.</summary>
    private void BeginFlowRecord(EveOutput output, ReadOnlySpan<byte> eventType, Flow flow, bool reversed, bool isOneWay)
    {
        _writer.Begin();
        _writer.Timestamp("timestamp"u8, flow.LastUs);
        FlowIds(flow);
        _writer.Text("event_type"u8, eventType);
        if (flow.Key.Vlan0 != 0)
        {
            _writer.StartArray("vlan"u8);
            _writer.NumberValue((long)flow.Key.Vlan0);
            if (flow.Key.Vlan1 != 0)
            {
                _writer.NumberValue((long)flow.Key.Vlan1);
            }

            if (flow.Key.Vlan2 != 0)
            {
                _writer.NumberValue((long)flow.Key.Vlan2);
            }

            _writer.EndArray();
        }

        FlowKey key = reversed ? flow.Key.Reversed() : flow.Key;
        FiveTuple(in key, hasTransport: true);
        if (key.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6)
        {
            _writer.Number("icmp_type"u8, reversed ? flow.IcmpTypeToClient : flow.IcmpTypeToServer);
            _writer.Number("icmp_code"u8, reversed ? flow.IcmpCodeToClient : flow.IcmpCodeToServer);
            if (flow.PacketsToClient > 0 && !isOneWay)
            {
                _writer.Number("response_icmp_type"u8, flow.IcmpTypeToClient);
                _writer.Number("response_icmp_code"u8, flow.IcmpCodeToClient);
            }
        }

        if (output.Settings.Ethernet && (flow.SourceMac | flow.DestinationMac) != 0)
        {
            _writer.StartObject("ether"u8);
            MacArray("dest_macs"u8, reversed ? flow.SourceMac : flow.DestinationMac, MacsOf(flow, ofClient: reversed));
            MacArray("src_macs"u8, reversed ? flow.DestinationMac : flow.SourceMac, MacsOf(flow, ofClient: !reversed));
            _writer.EndObject();
        }

        Tail(output, flow, null);
    }

    private void FlowIds(Flow? flow)
    {
        if (flow is null)
        {
            return;
        }

        _writer.Number("flow_id"u8, flow.Id);
        if (flow.ParentId != 0)
        {
            _writer.Number("parent_id"u8, flow.ParentId);
        }
    }

    private void FiveTuple(in FlowKey key, bool hasTransport)
    {
        bool isV4 = key.IpVersion == 4;
        bool hasPorts = hasTransport && key.Protocol is IpProtocols.Tcp or IpProtocols.Udp or IpProtocols.Sctp;
        _writer.Address("src_ip"u8, key.Source, isV4);
        if (hasPorts)
        {
            _writer.Number("src_port"u8, key.SourcePort);
        }

        _writer.Address("dest_ip"u8, key.Destination, isV4);
        if (hasPorts)
        {
            _writer.Number("dest_port"u8, key.DestinationPort);
        }

        _writer.Text("proto"u8, ProtocolNames.Of(key.Protocol));
    }

    private static FlowKey PacketKey(Packet packet) => new(
        packet.SourceAddress,
        packet.DestinationAddress,
        packet.SourcePort,
        packet.DestinationPort,
        packet.Protocol,
        packet.IpVersion,
        packet.Vlan0,
        packet.Vlan1,
        packet.Vlan2,
        packet.TunnelId,
        0);

    private void Vlans(Packet packet)
    {
        if (packet.VlanCount == 0)
        {
            return;
        }

        _writer.StartArray("vlan"u8);
        _writer.NumberValue((long)packet.Vlan0);
        if (packet.VlanCount > 1)
        {
            _writer.NumberValue((long)packet.Vlan1);
        }

        if (packet.VlanCount > 2)
        {
            _writer.NumberValue((long)packet.Vlan2);
        }

        _writer.EndArray();
    }

    private void PacketEther(EveOutput output, Packet packet, Flow? flow)
    {
        if (!output.Settings.Ethernet)
        {
            return;
        }

        // A header of 14 bytes: destination, source, type.
        if (packet.EthernetOffset < 0 || packet.EthernetOffset + 14 > packet.Buffer.Length)
        {
            if (packet.Has(PacketFlags.Pseudo) && flow is { SourceMac: not 0 })
            {
                FlowEther(flow);
            }

            return;
        }

        ReadOnlySpan<byte> header = packet.Buffer.AsSpan(packet.EthernetOffset, 14);
        _writer.StartObject("ether"u8);
        _writer.Number("ether_type"u8, BinaryPrimitives.ReadUInt16BigEndian(header[12..]));
        _writer.HexText("src_mac"u8, header.Slice(6, 6), (byte)':');
        _writer.HexText("dest_mac"u8, header[..6], (byte)':');
        _writer.EndObject();
    }

    /// <summary>A packet of our own has no header: the addresses are those of the flow's first packet, client to server.</summary>
    private void FlowEther(Flow flow)
    {
        Span<byte> text = stackalloc byte[MacTextLength];
        _writer.StartObject("ether"u8);
        FormatMac(flow.SourceMac, text);
        _writer.Text("src_mac"u8, text);
        FormatMac(flow.DestinationMac, text);
        _writer.Text("dest_mac"u8, text);
        _writer.EndObject();
    }

    private static ReadOnlySpan<ulong> MacsOf(Flow flow, bool ofClient) => flow.Macs is not { } macs ? [] : ofClient ? macs.Client : macs.Server;

    /// <summary>All that are known, or else the first packet's.</summary>
    private void MacArray(ReadOnlySpan<byte> name, ulong first, ReadOnlySpan<ulong> all)
    {
        _writer.StartArray(name);
        Span<byte> text = stackalloc byte[MacTextLength];
        if (all.IsEmpty && first != 0)
        {
            FormatMac(first, text);
            _writer.TextValue(text);
        }

        foreach (ulong mac in all)
        {
            FormatMac(mac, text);
            _writer.TextValue(text);
        }

        _writer.EndArray();
    }

    private static void FormatMac(ulong mac, Span<byte> text)
    {
        for (int i = 0; i < 6; i++)
        {
            int value = (int)(mac >> (40 - (8 * i))) & 0xff;
            text[i * 3] = "0123456789abcdef"u8[value >> 4];
            text[(i * 3) + 1] = "0123456789abcdef"u8[value & 0xf];
            if (i != 5)
            {
                text[(i * 3) + 2] = (byte)':';
            }
        }
    }

    /// <summary>Fields that configuration adds to every record, and the guests at both ends.</summary>
    private void Tail(EveOutput output, Flow? flow, Packet? packet)
    {
        if (output.Settings.CommunityId && (flow is not null || packet is { IpVersion: not 0 }))
        {
            Span<byte> text = stackalloc byte[CommunityId.TextLength];
            bool ofPacket = packet is { IpVersion: not 0 };
            FlowKey key = flow?.Key ?? PacketKey(packet!);
            byte type = ofPacket ? packet!.IcmpType : flow!.IcmpTypeToServer;
            byte code = ofPacket ? packet!.IcmpCode : flow!.IcmpCodeToServer;
            if (ofPacket)
            {
                key = PacketKey(packet!);
            }

            CommunityId.Format(in key, type, code, output.Settings.CommunityIdSeed, text);
            _writer.Text("community_id"u8, text);
        }

        if (output.Settings.HostName is { } host)
        {
            _writer.Text("host"u8, host);
        }

        if (output.Settings.PcapFile is { } file)
        {
            _writer.Text("pcap_filename"u8, file);
        }

        if (output.Settings.FormatVersion)
        {
            _writer.Text("suricata_version"u8, "8.0.8"u8);
        }

        Guests(flow, packet);
        if (flow is not null)
        {
            if (output.Settings.Metadata)
            {
                Variables?.WriteFlow(_writer, flow, packet is { IpVersion: not 0 } ? PacketVariables : null);
            }
        }
    }

    /// <summary><c>vm</c> is the client's guest, <c>peer_vm</c> the server's. Without a flow the sender takes the client's place.</summary>
    private void Guests(Flow? flow, Packet? packet)
    {
        ushort client = flow?.ClientGuest ?? 0;
        ushort server = flow?.ServerGuest ?? 0;
        if (flow is null && packet is { EthernetOffset: >= 0 } && packet.EthernetOffset + 14 <= packet.Buffer.Length)
        {
            ReadOnlySpan<byte> macs = packet.Buffer.AsSpan(packet.EthernetOffset, 12);
            client = _guests.Find(packet.Info.PortId, ReadMac(macs[6..]), packet.SourceAddress);
            server = _guests.Find(0, ReadMac(macs), packet.DestinationAddress);
        }

        Guest("vm"u8, client);
        Guest("peer_vm"u8, server);
    }

    private static ulong ReadMac(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    private void Guest(ReadOnlySpan<byte> name, ushort index)
    {
        if (index == 0 || _guests.Get(index) is not { } guest)
        {
            return;
        }

        _writer.StartObject(name);
        _writer.Text("name"u8, guest.Name);
        TextIfAny("uuid"u8, guest.Uuid);
        TextIfAny("role"u8, guest.Role);
        TextIfAny("tenant"u8, guest.Tenant);
        TextIfAny("port"u8, guest.Port);
        TextIfAny("bridge"u8, guest.Bridge);
        if (guest.Vlan != 0)
        {
            _writer.Number("vlan"u8, (long)guest.Vlan);
        }

        if (guest.Tags.Length > 0)
        {
            _writer.StartArray("tags"u8);
            foreach (string tag in guest.Tags)
            {
                _writer.TextValue(tag);
            }

            _writer.EndArray();
        }

        if (guest.Mac != 0)
        {
            Span<byte> text = stackalloc byte[MacTextLength];
            FormatMac(guest.Mac, text);
            _writer.Text("mac"u8, text);
        }

        _writer.EndObject();
    }

    private void TextIfAny(ReadOnlySpan<byte> name, string value)
    {
        if (value.Length > 0)
        {
            _writer.Text(name, value);
        }
    }

    private static ReadOnlySpan<byte> SourceName(PacketSource source) => source switch
    {
        PacketSource.Gre => "gre tunnel"u8,
        PacketSource.Ipv4 => "ipv4 tunnel"u8,
        PacketSource.Ipv6 => "ipv6 tunnel"u8,
        PacketSource.Teredo => "teredo tunnel"u8,
        PacketSource.Defragmentation => "defrag"u8,
        PacketSource.StreamDetectEnd => "stream (detect/log)"u8,
        PacketSource.FlowTimeout => "stream (flow timeout)"u8,
        PacketSource.FlowShutdown => "shutdown flush"u8,
        PacketSource.FlowForced => "stream (flow timeout)"u8,
        PacketSource.Erspan => "erspan tunnel"u8,
        PacketSource.Vxlan => "vxlan encapsulation"u8,
        PacketSource.Geneve => "geneve encapsulation"u8,
        PacketSource.GtpU => "gtpu encapsulation"u8,
        _ => "wire/pcap"u8,
    };

    private static ReadOnlySpan<byte> DirectionName(Direction direction) =>
        direction == Direction.ToServer ? "to_server"u8 : "to_client"u8;

    /// <summary>The verdict as the attachment will carry it out (<c>verdict: yes</c>).</summary>
    private void WriteVerdict(Packet packet, Flow? flow)
    {
        _writer.StartObject("verdict"u8);
        if (packet.Action == VerdictAction.Drop || (packet.Reject != RejectTarget.None && !packet.Has(PacketFlags.PolicyReject)))
        {
            _writer.Text("action"u8, "drop"u8);
        }
        else if (_settings.FirewallMode)
        {
            _writer.Text("action"u8, "accept"u8);
        }
        else if (packet.Has(PacketFlags.NoInspection) || (flow is not null && flow.Has(FlowFlags.Passed)))
        {
            _writer.Text("action"u8, "pass"u8);
        }
        else
        {
            _writer.Text("action"u8, "alert"u8);
        }

        if (packet.Reject != RejectTarget.None)
        {
            _writer.Text("reject-target"u8, RejectName(packet));
            _writer.StartArray("reject"u8);
            _writer.TextValue(packet.IsTcp ? "tcp-reset"u8 : "icmp-prohib"u8);
            _writer.EndArray();
        }

        _writer.EndObject();
    }

    private static ReadOnlySpan<byte> RejectName(Packet packet)
    {
        if (packet.Reject == RejectTarget.Both)
        {
            return "both"u8;
        }

        bool towardsClient = (packet.Reject == RejectTarget.Source) == (packet.Direction == Direction.ToServer);
        return towardsClient ? "to_client"u8 : "to_server"u8;
    }
}
