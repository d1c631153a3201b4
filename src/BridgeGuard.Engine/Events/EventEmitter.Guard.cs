using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Events;

/// <summary>Records of BridgeGuard itself: what the wire shows about guests.</summary>
public sealed partial class EventEmitter
{
    /// <summary>An address that was seen with a guest and is not known as its own yet. The registry learns from this record.</summary>
    /// <param name="packet">The frame that showed it.</param>
    /// <param name="guest">Index of the guest.</param>
    /// <param name="address">The address.</param>
    /// <param name="by">The protocol: <c>arp</c>, <c>nd</c>, <c>dhcp</c>.</param>
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
}
