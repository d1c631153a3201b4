using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;

namespace BridgeGuard.Engine.Events;

/// <summary>Records of BridgeGuard itself: what the wire shows about guests.</summary>
public sealed partial class EventEmitter
{
    /// <summary>An address that was seen with a guest and is not known as its own yet. The registry learns from this record.</summary>
    /// <param name="packet">The frame that showed it.</param>
    /// <param name="guest">Index of the guest.</param>
    /// <param name="address">The address.</param>
    /// <param name="by">The protocol: <c>arp</c>, <c>nd</c>, <c>dhcp</c>, <c>lldp</c>.</param>
    public void AddressSeen(Packet packet, ushort guest, IpAddress address, ReadOnlySpan<byte> by)
    {
        if (_guests.Get(guest) is null)
        {
            return;
        }

        _writer.Begin();
        _writer.Timestamp("timestamp"u8, packet.TimeUs);
        _writer.Text("event_type"u8, "guard"u8);
        _writer.StartObject("guard"u8);
        _writer.Text("event"u8, "address_seen"u8);
        _writer.Number("guest"u8, (long)guest);
        _writer.Address("address"u8, address, address.IsV4);
        _writer.Text("by"u8, by);
        _writer.EndObject();
        Guest("vm"u8, guest);
        EventHeader header = new() { TimestampUs = packet.TimeUs, Kind = EventKind.Guard, WorkerId = _workerId };
        _sink.Write(in header, _writer.End());
    }

    /// <summary>What the station behind a port says it is, by LLDP.</summary>
    /// <param name="packet">The frame that showed it.</param>
    /// <param name="guest">Index of the guest behind the port; 0: nobody known.</param>
    /// <param name="station">What it says. Strangers' bytes: they are written as text, odd ones replaced.</param>
    public void StationSeen(Packet packet, ushort guest, in LldpView station)
    {
        _writer.Begin();
        _writer.Timestamp("timestamp"u8, packet.TimeUs);
        _writer.Text("event_type"u8, "guard"u8);
        _writer.StartObject("guard"u8);
        _writer.Text("event"u8, "station_seen"u8);
        _writer.Number("guest"u8, (long)guest);
        _writer.Number("port"u8, (long)packet.Info.PortId);
        _writer.Text("by"u8, "lldp"u8);
        Identifier("chassis_id"u8, station.Chassis, macSubtype: 4, networkSubtype: 5);
        Identifier("port_id"u8, station.Port, macSubtype: 3, networkSubtype: 4);
        _writer.Number("lifetime"u8, (long)station.LifetimeSeconds);
        if (!station.SystemName.IsEmpty)
        {
            _writer.LossyText("system_name"u8, station.SystemName);
        }

        if (station.ManagementV4 != default || station.ManagementV6 != default)
        {
            _writer.StartArray("management_addresses"u8);
            AddressValue(station.ManagementV4);
            AddressValue(station.ManagementV6);
            _writer.EndArray();
        }

        _writer.EndObject();
        if (_guests.Get(guest) is not null)
        {
            Guest("vm"u8, guest);
        }

        EventHeader header = new() { TimestampUs = packet.TimeUs, Kind = EventKind.Guard, WorkerId = _workerId };
        _sink.Write(in header, _writer.End());
    }

    /// <summary>A frame took longer than its role allows.</summary>
    /// <param name="packet">The frame.</param>
    /// <param name="flow">Its flow.</param>
    /// <param name="tookUs">From its arrival to its verdict, microseconds.</param>
    /// <param name="role">Whose budget it is.</param>
    /// <param name="answer">What became of it.</param>
    public void LatencyExceeded(Packet packet, Flow flow, long tookUs, RoleModel role, ExceptionPolicy answer)
    {
        _writer.Begin();
        _writer.Timestamp("timestamp"u8, packet.TimeUs);
        _writer.Number("flow_id"u8, flow.Id);
        _writer.Text("event_type"u8, "guard"u8);
        _writer.StartObject("guard"u8);
        _writer.Text("event"u8, "latency_exceeded"u8);
        _writer.Number("took_us"u8, tookUs);
        _writer.Number("waited_us"u8, (long)packet.Info.WaitedUs);
        _writer.Number("budget_us"u8, (long)role.LatencyBudgetUs);
        _writer.Text("role"u8, role.Name);
        _writer.Text("policy"u8, ExceptionPolicies.NameOf(answer));
        _writer.EndObject();
        ushort guest = packet.Direction == Direction.ToServer ? flow.ClientGuest : flow.ServerGuest;
        ushort peer = packet.Direction == Direction.ToServer ? flow.ServerGuest : flow.ClientGuest;
        if (_guests.Get(guest) is not null)
        {
            Guest("vm"u8, guest);
        }

        if (_guests.Get(peer) is not null)
        {
            Guest("peer_vm"u8, peer);
        }

        EventHeader header = new() { TimestampUs = packet.TimeUs, Kind = EventKind.Guard, WorkerId = _workerId };
        _sink.Write(in header, _writer.End());
    }

    /// <summary>An Ethernet address with colons, an IP address as such, everything else as text.</summary>
    private void Identifier(ReadOnlySpan<byte> name, ReadOnlySpan<byte> identifier, byte macSubtype, byte networkSubtype)
    {
        byte subtype = identifier[0];
        ReadOnlySpan<byte> value = identifier[1..];
        if (subtype == macSubtype && value.Length == 6)
        {
            _writer.HexText(name, value, (byte)':');
        }
        else if (subtype == networkSubtype && value.Length == 5 && value[0] == 1)
        {
            _writer.Address(name, IpAddress.ReadV4(value[1..]), asV4: true);
        }
        else if (subtype == networkSubtype && value.Length == 17 && value[0] == 2)
        {
            _writer.Address(name, IpAddress.ReadV6(value[1..]), asV4: false);
        }
        else
        {
            _writer.LossyText(name, value);
        }
    }

    private void AddressValue(IpAddress address)
    {
        if (address != default)
        {
            Span<byte> text = stackalloc byte[48];
            _writer.TextValue(text[..address.Format(text, address.IsV4)]);
        }
    }
}
