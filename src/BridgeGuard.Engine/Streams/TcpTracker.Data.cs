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
                return SynAckInEstablished(packet, session, sender, receiver);
            case TcpFlags.Syn:
                return SynInEstablished(packet, session);
            case TcpFlags.None when !tcp.Has(TcpFlags.Fin):
                // RFC 9293 §3.10.7.4: no ACK, no effect.
                return false;
        }

        if (!HasValidTimestamp(packet, session, sender) || !HasValidAck(packet, session, receiver))
        {
            return false;
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

        if (packet.PayloadLength > 0 && !session.Has(TcpSessionFlags.Async))
        {
            if (!After(EndOf(packet), sender.LastAck))
            {
                packet.Flags |= PacketFlags.Retransmission;
                packet.Events.Add(PacketEvent.StreamEstablishedPacketBeforeLastAck);
                packet.Events.Add(PacketEvent.StreamPacketSpuriousRetransmission);
                return false;
            }

            if (!IsWithinWindow(packet, session, sender))
            {
                packet.Events.Add(PacketEvent.StreamEstablishedPacketOutOfWindow);
                return false;
            }
        }

        if (packet.PayloadLength > 0 && !After(EndOf(packet), sender.NextSequence))
        {
            packet.Events.Add(PacketEvent.StreamPacketRetransmission);
        }

        TakeData(packet, flow, session, sender, receiver);
        return true;
    }

    /// <summary>RFC 9293 §3.8.4: one byte or none at the number before the next.</summary>
    private static bool IsKeepAlive(Packet packet, TcpStream sender) =>
        packet.PayloadLength <= 1 && packet.Tcp.Sequence == sender.NextSequence - 1 && sender.LastAck == sender.NextSequence
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

    private static bool SynAckInEstablished(Packet packet, TcpSession session, TcpStream sender, TcpStream receiver)
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

        if (session.Has(TcpSessionFlags.HandshakeConfirmed))
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynAckResend);
            return false;
        }

        return true;
    }

    private static bool SynInEstablished(Packet packet, TcpSession session)
    {
        if (packet.Direction == Direction.ToClient)
        {
            packet.Events.Add(PacketEvent.StreamEstablishedSynToclient);
            return false;
        }

        packet.Events.Add(packet.Tcp.Sequence != session.Client.InitialSequence
            ? PacketEvent.StreamEstablishedSynResendDifferentSeq
            : PacketEvent.StreamEstablishedSynResend);
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

        TakeFin(packet, sender);

        // States are the server's: the client's FIN leaves it waiting for its own program to close.
        session.State = packet.Direction == Direction.ToServer ? TcpState.CloseWait : TcpState.FinWait1;
        AfterFin(packet, flow, sender);
        return true;
    }

    private void AfterFin(Packet packet, Flow flow, TcpStream sender)
    {
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
            return true;
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

        if (!HasValidAck(packet, session, receiver))
        {
            packet.Events.Add(InvalidAckEvent(session.State));
            return false;
        }

        if (!IsShutdownSequenceValid(packet, session, sender))
        {
            return false;
        }

        return tcp.Has(TcpFlags.Fin) ? FinInShutdown(packet, flow, session, sender, receiver) : AckInShutdown(packet, flow, session, sender, receiver);
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
        if (packet.PayloadLength > 0 && !After(EndOf(packet), sender.LastAck))
        {
            packet.Flags |= PacketFlags.Retransmission;
            packet.Events.Add(PacketEvent.StreamPacketSpuriousRetransmission);
            if (session.State == TcpState.CloseWait)
            {
                packet.Events.Add(PacketEvent.StreamClosewaitPacketBeforeLastAck);
            }

            return fin;
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
            bool othersAcked = receiver.Has(TcpStreamFlags.FinSeen) && AtOrAfter(packet.Tcp.Acknowledgement, receiver.FinSequence + 1);
            session.State = session.State switch
            {
                TcpState.CloseWait => TcpState.LastAck,
                TcpState.FinWait1 => othersAcked ? TcpState.TimeWait : TcpState.Closing,
                TcpState.FinWait2 => TcpState.TimeWait,
                _ => session.State,
            };
            AfterFin(packet, flow, sender);
        }

        return true;
    }

    private bool AckInShutdown(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        if (packet.PayloadLength > 0 && !After(EndOf(packet), sender.NextSequence))
        {
            packet.Events.Add(PacketEvent.StreamPacketRetransmission);
        }

        TakeData(packet, flow, session, sender, receiver);
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
            case TcpState.LastAck when packet.Direction == Direction.ToServer:
            case TcpState.TimeWait when sender.Has(TcpStreamFlags.FinSeen):
                Close(packet, flow, session);
                break;
        }

        return true;
    }
}
