using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Worker;

/// <summary>Packets that carry others: each is inspected, and what is dropped within drops the frame.</summary>
public sealed partial class PacketWorker
{
    /// <summary>The flow of the frame's own packet, which may carry others.</summary>
    private Flow? _carrier;

    private void HandleWithInner(Packet packet)
    {
        _carrier = null;
        Handle(packet);
        Flow? carrier = _carrier;
        ulong carrierId = carrier?.Id ?? 0;
        bool isOpen = packet.Action != VerdictAction.Drop;

        // A queue that grows while it is read: a rebuilt fragment may carry a tunnel.
        for (int i = 0; i < _inner.Count; i++)
        {
            Packet inner = _inner[i];
            Handle(inner);
            packet.Flags |= inner.Flags & PacketFlags.Modified;
            packet.SetMark(inner.Mark, inner.MarkMask);
            if (inner.Action == VerdictAction.Drop)
            {
                packet.Reject |= inner.Reject;
                packet.Drop(DropReason.TunnelPacketDrop);
            }
        }

        if (isOpen && packet.Action == VerdictAction.Drop)
        {
            // What is carried may have ended the carrier's flow by taking its place.
            _events.Drop(packet, carrier?.Id == carrierId ? carrier : null);
        }
    }
}
