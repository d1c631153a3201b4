using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Streams;

/// <summary>Data transfer and the ways a connection ends.</summary>
public sealed partial class TcpTracker
{
    private bool InEstablished(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (tcp.Has(TcpFlags.Rst))
        {
            return TakeReset(packet, flow, session, sender, receiver);
        }

        switch (tcp.Flags & KindMask)
        {
            case TcpFlags.Syn | TcpFlags.Ack:
                return SynAckInEstablished(packet, sender, receiver);
            case TcpFlags.Syn:
                return SynInEstablished(packet);
            case TcpFlags.None when !tcp.Has(TcpFlags.Fin):
                // RFC 9293 §3.10.7.4: no ACK, no effect.
                return false;
        }

        if (!HasValidTimestamp(packet, session, sender))
        {
            return false;
        }

        if (!HasValidAck(packet, session, receiver))
        {
            if (packet.Events.Contains(PacketEvent.StreamPacketInvalidAck))
            {
                packet.Events.Add(tcp.Has(TcpFlags.Fin) ? PacketEvent.StreamFinInvalidAck : PacketEvent.StreamEstablishedInvalidAck);
            }

            // Without payload or FIN there is nothing in it that could be taken for more than it is.
            return packet.PayloadLength == 0 && !tcp.Has(TcpFlags.Fin);
        }

        return tcp.Has(TcpFlags.Fin)
            ? FinInEstablished(packet, flow, session, sender, receiver, dataTaken: false)
            : DataInEstablished(packet, flow, session, sender, receiver);
    }

    private bool DataInEstablished(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        if (IsKeepAlive(packet, sender))
        {
            NoteTimestamp(packet, sender);
            TakeAck(packet, flow, session, sender, receiver);
            return true;
        }

        if (packet.PayloadLength == 0 && After(sender.LastAck, packet.Tcp.Sequence) && !session.Has(TcpSessionFlags.Async))
        {
            return BeforeLastAck(packet);
        }

        if (packet.PayloadLength == 0 && !IsWithinWindow(packet, session, sender))
        {
            packet.Events.Add(PacketEvent.StreamEstablishedPacketOutOfWindow);
            return false;
        }

        if (packet.PayloadLength > 0 && !session.Has(TcpSessionFlags.Async))
        {
            if (IsSpurious(packet, sender) && After(sender.LastAck, EndOf(packet)))
            {
                // Where selective acknowledgements are in use what it acknowledges counts all the same.
                return session.Has(TcpSessionFlags.Sack) ? AckOnly(packet, flow, session, sender, receiver) : BeforeLastAck(packet);
            }

            if (!IsWithinWindow(packet, session, sender))
            {
                packet.Events.Add(PacketEvent.StreamEstablishedPacketOutOfWindow);
                return false;
            }
        }

        TakeData(packet, flow, session, sender, receiver);
        return true;
    }

    /// <summary>All of the payload was acknowledged before.</summary>
    private static bool IsSpurious(Packet packet, TcpStream sender)
    {
        if (After(EndOf(packet), sender.LastAck))
        {
            return false;
        }

        packet.Flags |= PacketFlags.Retransmission;
        packet.Events.Add(PacketEvent.StreamPacketSpuriousRetransmission);
        return true;
    }

    /// <summary>Old bytes that the receiver has and will ignore: they pass, and are not taken.</summary>
    private static bool BeforeLastAck(Packet packet)
    {
        packet.Events.Add(PacketEvent.StreamEstablishedPacketBeforeLastAck);
        return true;
    }

    /// <summary>The payload is old, but what the segment acknowledges counts.</summary>
    private bool AckOnly(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        NoteTimestamp(packet, sender);
        if (packet.Tcp.Has(TcpFlags.Ack))
        {
            TakeAck(packet, flow, session, sender, receiver);
        }

        return BeforeLastAck(packet);
    }

    /// <summary>RFC 9293 §3.8.4: one byte or none at the number before the next.</summary>
    private static bool IsKeepAlive(Packet packet, TcpStream sender) =>
        packet.PayloadLength <= 1 && packet.Tcp.Sequence == sender.LastAck - 1
        && !packet.Tcp.Has(TcpFlags.Fin);

    private static bool IsWithinWindow(Packet packet, TcpSession session, TcpStream sender)
    {
        if (session.Has(TcpSessionFlags.Async | TcpSessionFlags.Liberal))
        {
            return true;
        }

        // A zero-window probe carries one byte beyond the window (RFC 9293 §3.8.6.1).
        if (packet.PayloadLength == 1 && sender.Window == 0 && packet.Tcp.Sequence == sender.NextSequence)
        {
            return true;
        }

        return !After(EndOf(packet), sender.NextWindow);
    }

    private static bool SynAckInEstablished(Packet packet, TcpStream sender, TcpStream receiver)
    {
        if (packet.Direction == Direction.ToServer)
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynAckToserver);
            return false;
        }

        if (packet.Tcp.Acknowledgement != receiver.LastAck)
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynAckResendWithDifferentAck);
            return false;
        }

        if (packet.Tcp.Sequence != sender.InitialSequence)
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynAckResendWithDifferentSeq);
            return false;
        }

        if (receiver.LastAck != receiver.InitialSequence + 1)
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynAckResend);
            return false;
        }

        return true;
    }

    private static bool SynInEstablished(Packet packet)
    {
        if (packet.Direction == Direction.ToClient)
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynToclient);
            return false;
        }

        packet.Events.Add(PacketEvent.StreamEstablishedSynResendDifferentSeq);
        return false;
    }

    private bool FinInEstablished(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver, bool dataTaken)
    {
        bool loose = session.Has(TcpSessionFlags.Async | TcpSessionFlags.Liberal);
        if (!loose && (After(sender.LastAck, packet.Tcp.Sequence) && After(sender.LastAck, EndOf(packet)) || After(EndOf(packet), sender.NextWindow)))
        {
            packet.Events.Add(PacketEvent.StreamFinOutOfWindow);
            return false;
        }

        if (!dataTaken)
        {
            TakeData(packet, flow, session, sender, receiver);
        }

        if (session.Has(TcpSessionFlags.Async) && !session.Has(TcpSessionFlags.Midstream) && sender == session.Client && !flow.Has(FlowFlags.Split))
        {
            // The server was never heard of, so no window says that this is the end: its bytes count, the state does not move.
            packet.Events.Add(PacketEvent.StreamFinOutOfWindow);
            return true;
        }

        TakeFin(packet, sender);

        // Observed of Suricata 8: after the client's FIN what is acknowledged and was not shown is shown with each side's next packet, be it this one.
        if (packet.Direction == Direction.ToServer)
        {
            TriggerRaw(session);
        }

        // States are the server's: the client's FIN leaves it waiting for its own program to close.
        session.State = packet.Direction == Direction.ToServer ? TcpState.CloseWait : TcpState.FinWait1;
        AfterFin(packet, flow, sender);
        return true;
    }

    private static void TriggerRaw(TcpSession session)
    {
        session.Client.Flags |= TcpStreamFlags.RawTriggered;
        session.Server.Flags |= TcpStreamFlags.RawTriggered;
    }

    private void AfterFin(Packet packet, Flow flow, TcpStream sender)
    {
        Reassembler.Deliver(flow, packet, sender);
        if (_inline && sender.EndOffset >= sender.OffsetOf(sender.FinSequence))
        {
            Reassembler.Finish(flow, packet, sender);
        }
    }

    private bool InShutdown(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (tcp.Has(TcpFlags.Rst))
        {
            return session.State == TcpState.Closed || TakeReset(packet, flow, session, sender, receiver);
        }

        if (session.State == TcpState.Closed)
        {
            return AfterClose(packet, flow, session, sender, receiver);
        }

        if (tcp.Has(TcpFlags.Syn))
        {
            packet.Events.Add(PacketEvent.StreamShutdownSynResend);
            return false;
        }

        if (!HasValidTimestamp(packet, session, sender))
        {
            return false;
        }

        if (tcp.Has(TcpFlags.Fin) && session.State is (TcpState.LastAck or TcpState.TimeWait))
        {
            // Both have said that they are done; whoever says it again changes nothing.
            return true;
        }

        if (!IsShutdownSequenceValid(packet, session, sender))
        {
            return false;
        }

        if (!HasValidAck(packet, session, receiver))
        {
            packet.Events.Add(InvalidAckEvent(session.State));
            return false;
        }

        return tcp.Has(TcpFlags.Fin) ? FinInShutdown(packet, flow, session, sender, receiver) : AckInShutdown(packet, flow, session, sender, receiver);
    }

    /// <summary>A closed connection stays closed, but for a reset that was answered by the server's SYN/ACK all the same: it was forged.</summary>
    private bool AfterClose(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        if (!session.Has(TcpSessionFlags.Reset) || session.Has(TcpSessionFlags.HandshakeConfirmed) || packet.Direction != Direction.ToClient
            || (packet.Tcp.Flags & KindMask) != KindMask || packet.Tcp.Acknowledgement != session.Client.InitialSequence + 1)
        {
            // A reset that only we have taken (it was for another station, or got lost behind us) must not open a way past inspection.
            return !_inline || !session.Has(TcpSessionFlags.Reset) || packet.PayloadLength == 0;
        }

        packet.Events.Add(PacketEvent.StreamSuspectedRstInjection);
        session.State = TcpState.SynSent;
        session.Flags &= ~TcpSessionFlags.Reset;
        return InSynSent(packet, flow, session, sender, receiver);
    }

    private static PacketEvent InvalidAckEvent(TcpState state) => state switch
    {
        TcpState.FinWait1 => PacketEvent.StreamFin1InvalidAck,
        TcpState.FinWait2 => PacketEvent.StreamFin2InvalidAck,
        TcpState.Closing => PacketEvent.StreamClosingInvalidAck,
        TcpState.CloseWait => PacketEvent.StreamClosewaitInvalidAck,
        TcpState.LastAck => PacketEvent.StreamLastackInvalidAck,
        _ => PacketEvent.StreamTimewaitInvalidAck,
    };

    private static bool IsShutdownSequenceValid(Packet packet, TcpSession session, TcpStream sender)
    {
        if (session.Has(TcpSessionFlags.Async | TcpSessionFlags.Liberal))
        {
            return true;
        }

        bool fin = packet.Tcp.Has(TcpFlags.Fin);
        if (fin && session.State == TcpState.CloseWait && packet.PayloadLength == 0 && After(sender.NextSequence, packet.Tcp.Sequence))
        {
            packet.Events.Add(PacketEvent.StreamClosewaitFinOutOfWindow);
            return false;
        }

        NoteRetransmission(packet, session, sender);
        if (session.State == TcpState.TimeWait && !fin && !packet.Has(PacketFlags.Retransmission) && IsForeignInTimeWait(packet, sender))
        {
            packet.Events.Add(PacketEvent.StreamTimewaitAckWrongSeq);
            return false;
        }

        if (!After(EndOf(packet), Max(sender.NextWindow, sender.NextSequence)))
        {
            return true;
        }

        packet.Events.Add(session.State switch
        {
            TcpState.FinWait1 => fin ? PacketEvent.StreamFin1FinWrongSeq : PacketEvent.StreamFin1AckWrongSeq,
            TcpState.FinWait2 => fin ? PacketEvent.StreamFin2FinWrongSeq : PacketEvent.StreamFin2AckWrongSeq,
            TcpState.Closing => PacketEvent.StreamClosingAckWrongSeq,
            TcpState.CloseWait => fin ? PacketEvent.StreamClosewaitFinOutOfWindow : PacketEvent.StreamClosewaitAckOutOfWindow,
            TcpState.LastAck => PacketEvent.StreamLastackAckWrongSeq,
            _ => PacketEvent.StreamTimewaitAckWrongSeq,
        });
        return false;
    }

    /// <summary>Both sides have said all they had: only the numbers around the FIN are left.</summary>
    private static bool IsForeignInTimeWait(Packet packet, TcpStream sender) =>
        packet.Tcp.Sequence - sender.NextSequence > 1 && (!sender.Has(TcpStreamFlags.FinSeen) || packet.Tcp.Sequence - sender.FinSequence > 1);

    private static void NoteRetransmission(Packet packet, TcpSession session, TcpStream sender)
    {
        if (packet.PayloadLength == 0 || After(EndOf(packet), sender.NextSequence))
        {
            return;
        }

        if (IsSpurious(packet, sender))
        {
            if (session.State == TcpState.LastAck && packet.Direction == Direction.ToClient)
            {
                return;
            }

            if (session.State == TcpState.CloseWait)
            {
                packet.Events.Add(PacketEvent.StreamClosewaitPacketBeforeLastAck);
            }
        }

        packet.Flags |= PacketFlags.Retransmission;
        packet.Events.Add(PacketEvent.StreamPacketRetransmission);
    }

    private bool FinInShutdown(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        bool repeated = sender.Has(TcpStreamFlags.FinSeen);
        TakeData(packet, flow, session, sender, receiver);
        if (repeated)
        {
            packet.Flags |= PacketFlags.Retransmission;
        }
        else
        {
            TakeFin(packet, sender);
            if (packet.Direction == Direction.ToServer)
            {
                // As in an open session, whoever closed first.
                TriggerRaw(session);
            }

            session.State = session.State switch
            {
                TcpState.CloseWait => TcpState.LastAck,
                // As in Suricata: whatever it acknowledges, the other FIN has been answered.
                TcpState.FinWait1 => packet.Tcp.Has(TcpFlags.Ack) ? TcpState.TimeWait : TcpState.Closing,
                TcpState.FinWait2 => TcpState.TimeWait,
                _ => session.State,
            };
            AfterFin(packet, flow, sender);
        }

        return true;
    }

    private bool AckInShutdown(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        TakeData(packet, flow, session, sender, receiver);
        if (session.State == TcpState.LastAck && packet.Direction == Direction.ToServer && packet.PayloadLength == 0)
        {
            // Both have closed. That this one lacks the last bytes changes nothing any more.
            Close(session);
            EndBoth(packet, flow, sender, receiver);
            return true;
        }

        bool finAcked = receiver.Has(TcpStreamFlags.FinSeen) && AtOrAfter(packet.Tcp.Acknowledgement, receiver.FinSequence + 1);
        if (!finAcked)
        {
            return true;
        }

        switch (session.State)
        {
            case TcpState.FinWait1 when packet.Direction == Direction.ToServer:
                session.State = TcpState.FinWait2;
                break;
            case TcpState.Closing:
                session.State = TcpState.TimeWait;
                break;
            case TcpState.TimeWait when sender.Has(TcpStreamFlags.FinSeen):
                Close(session);
                EndBoth(packet, flow, sender, receiver);
                break;
        }

        return true;
    }
}
