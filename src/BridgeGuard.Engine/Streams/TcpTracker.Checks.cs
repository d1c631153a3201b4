using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>The tests that a segment has to pass in more than one state, and what every accepted segment does.</summary>
public sealed partial class TcpTracker
{
    /// <summary>RFC 7323 §2.3.</summary>
    private const int MaxWindowScale = 14;

    /// <summary>RFC 7323 §5.5: a timestamp older than 24 days says nothing, the clock may have gone round.</summary>
    private const long TimestampLifetimeUs = 24L * 24 * 3600 * 1_000_000;

    /// <summary>Sequence numbers are compared modulo 2^32 (RFC 9293 §3.4).</summary>
    private static bool After(uint a, uint b) => (int)(a - b) > 0;

    private static bool AtOrAfter(uint a, uint b) => (int)(a - b) >= 0;

    /// <summary>Bytes of sequence space that the payload takes.</summary>
    private static uint EndOf(Packet packet) => packet.Tcp.Sequence + (uint)packet.PayloadLength;

    /// <summary>PAWS, RFC 7323 §5: a segment with a timestamp older than the last accepted one is an old duplicate, or pretends to be.</summary>
    private static bool HasValidTimestamp(Packet packet, TcpSession session, TcpStream sender)
    {
        if (!session.Has(TcpSessionFlags.Timestamps) || !packet.Tcp.HasTimestamp || !sender.Has(TcpStreamFlags.Timestamps))
        {
            return true;
        }

        uint value = packet.Tcp.TimestampValue;

        // Some systems send 0 in the handshake and mean nothing by it.
        if (sender.LastTimestamp == 0)
        {
            return true;
        }

        if ((int)(value - sender.LastTimestamp) >= 0 || packet.TimeUs - sender.LastTimestampUs > TimestampLifetimeUs)
        {
            return true;
        }

        packet.Events.Add(PacketEvent.StreamPacketInvalidTimestamp);
        return false;
    }

    private static void NoteTimestamp(Packet packet, TcpStream sender)
    {
        // A FIN moves no clock: systems that send it along with the last acknowledgement stamp the two in either order.
        if (!packet.Tcp.HasTimestamp || packet.Tcp.Has(TcpFlags.Fin))
        {
            return;
        }

        if (!sender.Has(TcpStreamFlags.Timestamps))
        {
            sender.Flags |= TcpStreamFlags.Timestamps;
            sender.LastTimestamp = packet.Tcp.TimestampValue;
            sender.LastTimestampUs = packet.TimeUs;
            return;
        }

        // RFC 7323 §4.3: only a segment at the left edge moves the clock, so that reordering does not.
        if (!After(packet.Tcp.Sequence, sender.LastAck) && (int)(packet.Tcp.TimestampValue - sender.LastTimestamp) >= 0)
        {
            sender.LastTimestamp = packet.Tcp.TimestampValue;
            sender.LastTimestampUs = packet.TimeUs;
        }
    }

    /// <summary>An acknowledgement must lie between what was acknowledged before, less a window, and what was sent.</summary>
    private bool HasValidAck(Packet packet, TcpSession session, TcpStream receiver)
    {
        if (!packet.Tcp.Has(TcpFlags.Ack) || session.Has(TcpSessionFlags.Async))
        {
            return true;
        }

        uint ack = packet.Tcp.Acknowledgement;
        if (receiver.Has(TcpStreamFlags.FinSeen) && ack == receiver.FinSequence + 1)
        {
            return true;
        }

        if (After(ack, receiver.NextSequence))
        {
            // Beyond what was seen but within what was allowed: packets were lost on the way to us.
            if (After(ack, receiver.NextWindow))
            {
                packet.Events.Add(PacketEvent.StreamPacketInvalidAck);
                return false;
            }

            _counters.Increment(Counter.TcpAckUnseenData);
            return true;
        }

        // RFC 5961 §5.2: SND.UNA - MAX.SND.WND is the oldest acceptable one.
        if (!session.Has(TcpSessionFlags.Midstream) && After(receiver.LastAck - Math.Max(receiver.Window, 65_535), ack))
        {
            packet.Events.Add(PacketEvent.StreamPacketInvalidAck);
            return false;
        }

        return true;
    }

    /// <summary>RFC 5961 §3: a reset must lie in the window of its receiver. Otherwise it is the guess of somebody who cannot see the connection.</summary>
    private bool HasValidReset(Packet packet, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (!HasValidTimestampOfReset(packet, session, sender))
        {
            return false;
        }

        if (tcp.Has(TcpFlags.Ack) && tcp.Acknowledgement != 0 && !HasValidAck(packet, session, receiver))
        {
            packet.Events.Add(PacketEvent.StreamRstInvalidAck);
            return false;
        }

        if (sender.Has(TcpStreamFlags.Carried))
        {
            // Its next number is not known; what was acknowledged and what may be sent is.
            return AtOrAfter(tcp.Sequence, sender.LastAck) && !After(tcp.Sequence, sender.NextWindow);
        }

        // Exactly the next number (RFC 5961 §3.2 rule 1). A host that takes any number in its window can be reset by guessing; if it is, the
        // connection stays open here and nothing is missed.
        // A FIN took a number of its own, acknowledged or not.
        bool isFinOpen = sender.Has(TcpStreamFlags.FinSeen) && sender.FinSequence == sender.NextSequence;
        return session.Has(TcpSessionFlags.Async) || packet.Tcp.Sequence == sender.NextSequence + (isFinOpen ? 1U : 0);
    }

    private static bool HasValidTimestampOfReset(Packet packet, TcpSession session, TcpStream sender) =>
        !packet.Tcp.HasTimestamp || HasValidTimestamp(packet, session, sender);

    private static uint Max(uint a, uint b) => After(a, b) ? a : b;

    /// <summary>What every accepted segment does: the other side's data is acknowledged, its window updated, own bytes go into the stream.</summary>
    private void TakeData(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        NoteTimestamp(packet, sender);
        if (packet.Tcp.Has(TcpFlags.Ack))
        {
            TakeAck(packet, flow, session, sender, receiver);
        }

        int length = packet.PayloadLength;
        if (length > 0)
        {
            if (!After(EndOf(packet), sender.NextSequence))
            {
                packet.Flags |= PacketFlags.Retransmission;
            }
            else
            {
                sender.NextSequence = EndOf(packet);
            }

            TakePayload(packet, flow, session, sender, isDelivered: _inline || session.Has(TcpSessionFlags.Async));
        }

        if (session.Has(TcpSessionFlags.Async))
        {
            sender.LastAck = sender.NextSequence;
            Reassembler.Acknowledge(sender, sender.NextSequence);
        }

        if ((_inline || session.Has(TcpSessionFlags.Async)) && length > 0)
        {
            Reassembler.Deliver(flow, packet, sender);
            Reassembler.EndLoan(flow, sender);
        }
    }

    private void TakeAck(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        uint ack = packet.Tcp.Acknowledgement;
        uint window = (uint)packet.Tcp.Window << sender.WindowScale;
        if (After(ack, receiver.LastAck) || window != receiver.Window)
        {
            packet.Flags |= PacketFlags.MovesWindow;
        }

        if (AtOrAfter(ack, receiver.LastAck))
        {
            receiver.Window = window;
        }

        if (After(ack, receiver.LastAck))
        {
            receiver.LastAck = ack;

            // The FIN's number counts. Bytes that only the receiver has seen do not passively, as in Suricata; inline they went another way, not lost.
            if (After(ack, receiver.NextSequence) && (_inline || receiver.Has(TcpStreamFlags.FinSeen)))
            {
                receiver.NextSequence = ack;
            }

            Reassembler.Acknowledge(receiver, ack);
        }

        receiver.NextWindow = Max(receiver.NextWindow, ack + window);
        Reassembler.Deliver(flow, packet, receiver);
        // Inline the receiver's program must get the end when its last byte is judged; else, as in Suricata, the connection's end is both directions' end.
        if (_inline && receiver.Has(TcpStreamFlags.FinSeen) && AtOrAfter(ack, receiver.FinSequence + 1))
        {
            Reassembler.Finish(flow, packet, receiver);
        }
    }

    /// <summary>Puts the payload into the stream, less urgent bytes that the receiver's program would not read there (RFC 6093 §3).</summary>
    private void TakePayload(Packet packet, Flow flow, TcpSession session, TcpStream sender, bool isDelivered = false)
    {
        uint sequence = packet.Tcp.Sequence;
        if (packet.Tcp.Has(TcpFlags.Syn))
        {
            sequence++;
        }

        Span<byte> payload = packet.Payload;
        if (packet.Tcp.Has(TcpFlags.Urg) && !TakeUrgent(packet, session, sender, sequence, payload.Length))
        {
            return;
        }

        int urgent = packet.Tcp.UrgentPointer - 1;
        if (_settings.Urgent == UrgentPolicy.Gap && packet.Tcp.Has(TcpFlags.Urg) && (uint)urgent < (uint)payload.Length)
        {
            Reassembler.Insert(flow, sender, packet, sequence, payload[..urgent]);
            Reassembler.Insert(flow, sender, packet, sequence + (uint)urgent + 1, payload[(urgent + 1)..]);
            return;
        }

        // A repeated segment without the urgent flag still carries the bytes that were taken out.
        while (sender.UrgentCount > 0 && TryFindUrgent(sender, sequence, payload.Length, out int at))
        {
            Reassembler.Insert(flow, sender, packet, sequence, payload[..at]);
            sequence += (uint)at + 1;
            payload = payload[(at + 1)..];
        }

        Reassembler.Insert(flow, sender, packet, sequence, payload, isLent: isDelivered && payload.Length == packet.PayloadLength);
    }

    /// <summary>Applies the urgent policy; false when the segment must not be taken.</summary>
    private bool TakeUrgent(Packet packet, TcpSession session, TcpStream sender, uint sequence, int length)
    {
        if (_settings.Urgent is UrgentPolicy.Inline or UrgentPolicy.Gap)
        {
            return true;
        }

        if (_settings.Urgent == UrgentPolicy.Drop)
        {
            packet.Flags |= PacketFlags.NoPayloadInspection;
            packet.Drop(DropReason.StreamUrgent);
            return false;
        }

        // The pointer names the byte behind the urgent one, as all systems in use read it (RFC 6093 §2.2).
        int at = packet.Tcp.UrgentPointer - 1;
        if (at < 0 || at >= length)
        {
            return true;
        }

        if (sender.UrgentOobBytes >= (uint)_settings.UrgentOobLimit)
        {
            packet.Events.Add(PacketEvent.StreamReassemblyUrgentOutOfBandLimitReached);
            packet.Flags |= PacketFlags.NoPayloadInspection;
            packet.Drop(DropReason.StreamUrgent);
            return false;
        }

        if (sender.TryTakeOut(sequence + (uint)at, _settings.UrgentOobLimit))
        {
            _counters.Increment(Counter.TcpUrgentOobData);
        }

        return true;
    }

    private static bool TryFindUrgent(TcpStream sender, uint sequence, int length, out int at)
    {
        at = length;
        for (int i = 0; i < sender.UrgentCount; i++)
        {
            uint distance = sender.Urgent![i] - sequence;
            if (distance < (uint)at)
            {
                at = (int)distance;
            }
        }

        return at < length;
    }

    /// <summary>A FIN takes the number behind the payload; <see cref="TcpStream.NextSequence"/> counts it when it is acknowledged.</summary>
    private static void TakeFin(Packet packet, TcpStream sender)
    {
        sender.FinSequence = EndOf(packet);
        sender.NextSequence = Max(sender.NextSequence, sender.FinSequence);
        sender.Flags |= TcpStreamFlags.FinSeen;
    }

    /// <summary>The connection is over. What was never acknowledged is handed over when the flow ends.</summary>
    private void Close(TcpSession session)
    {
        session.State = TcpState.Closed;
        ReleaseQueue(session);
    }

    private bool TakeReset(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        if (!HasValidReset(packet, session, sender, receiver))
        {
            return false;
        }

        if (packet.PayloadLength > 0)
        {
            packet.Events.Add(PacketEvent.StreamRstWithData);
        }

        session.Flags |= TcpSessionFlags.Reset;
        Close(session);
        TriggerRaw(session);

        TellSilence(packet, flow, sender, receiver, packet.Direction);

        // Nothing will follow from its sender; the other side may not have stopped yet, and what it sent may not have arrived.
        if (_inline || sender.EndOffset > 0)
        {
            Reassembler.Finish(flow, packet, sender);
        }

        return true;
    }

    /// <summary>The last acknowledgement: both directions are over, unless one never began or misses bytes, which the flow's end settles.</summary>
    private void EndBoth(Packet packet, Flow flow, TcpStream sender, TcpStream receiver)
    {
        TellSilence(packet, flow, sender, receiver, _inline ? packet.Direction : null);
        EndIfWhole(packet, flow, receiver);
        EndIfWhole(packet, flow, sender);
    }

    private void TellSilence(Packet packet, Flow flow, TcpStream sender, TcpStream receiver, Direction? end)
    {
        if (sender.EndOffset == 0 && receiver.EndOffset == 0)
        {
            Reassembler.TellSilence(flow, packet, end);
        }
    }

    private void EndIfWhole(Packet packet, Flow flow, TcpStream stream)
    {
        if (stream.EndOffset > 0 && !stream.Has(TcpStreamFlags.DepthReached) && stream.AckedOffset >= stream.EndOffset && (stream.Segments?.Count ?? 0) <= stream.PlacedCount)
        {
            // Its bytes have been shown to rules as they were acknowledged; that no more will come does not show them again.
            TcpStreamFlags shown = stream.Flags & TcpStreamFlags.RawTriggered;
            PacketFlags ends = packet.Flags & PacketFlags.StreamEnd;
            Reassembler.Finish(flow, packet, stream);
            stream.Flags = (stream.Flags & ~TcpStreamFlags.RawTriggered) | shown;
            packet.Flags = (packet.Flags & ~PacketFlags.StreamEnd) | ends;
        }
    }
}
