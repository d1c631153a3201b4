using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Events;

/// <summary>EVE <c>arp</c>: who asks for whom on the wire.</summary>
public sealed partial class EventEmitter
{
    /// <summary>Records an ARP or RARP packet (RFC 826, RFC 903) for the outputs that want them; other operations are left out.</summary>
    /// <param name="packet">A packet with <see cref="Packet.ArpOffset"/>.</param>
    public void Arp(Packet packet)
    {
        // The decoder has checked the form; only then is there an offset.
        if (!ArpView.TryCreate(packet.Buffer.AsSpan(packet.ArpOffset), out ArpView arp))
        {
            return;
        }

        ReadOnlySpan<byte> operation = arp.Operation switch
        {
            1 => "request"u8,
            2 => "reply"u8,
            3 => "request_reverse"u8,
            4 => "reply_reverse"u8,
            _ => default,
        };
        if (operation.IsEmpty)
        {
            return;
        }

        foreach (EveOutput output in _outputs)
        {
            if (output.Arp)
            {
                BeginPacketRecord(output, "arp"u8, packet, null);
                _writer.StartObject("arp"u8);
                _writer.Text("hw_type"u8, "ethernet"u8);
                _writer.Text("proto_type"u8, "ipv4"u8);
                _writer.Text("opcode"u8, operation);
                _writer.HexText("src_mac"u8, arp.SenderHardware, (byte)':');
                _writer.Address("src_ip"u8, arp.SenderAddress, asV4: true);
                _writer.HexText("dest_mac"u8, arp.TargetHardware, (byte)':');
                _writer.Address("dest_ip"u8, arp.TargetAddress, asV4: true);
                _writer.EndObject();
                Send(output, EventKind.Packet, packet, null);
            }
        }
    }
}
