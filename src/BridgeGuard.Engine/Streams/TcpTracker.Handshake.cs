using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>The handshake: three-way, simultaneous open, Fast Open, repeated and competing SYNs and SYN/ACKs.</summary>
public sealed partial class TcpTracker
{
    private const TcpFlags KindMask = TcpFlags.Syn | TcpFlags.Ack;

    private bool InSynSent(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (!HasValidEcho(packet, session))
        {
            packet.Events.Add(PacketEvent.StreamPacketInvalidTimestamp);
            return false;
        }

        if (tcp.Has(TcpFlags.Rst))
        {
            return ResetInSynSent(packet, flow, session);
        }

        bool toServer = packet.Direction == Direction.ToServer;
        switch (tcp.Flags & KindMask)
        {
            case TcpFlags.Syn | TcpFlags.Ack:
                return session.Has(TcpSessionFlags.FourWay) && toServer
                    ? SynAckOfFourWay(packet, flow, session, sender, receiver)
                    : SynAckInSynSent(packet, flow, session, sender, receiver);
            case TcpFlags.Syn:
                return toServer ? RepeatedSyn(packet, session) : SimultaneousSyn(packet, session);
            case TcpFlags.Ack:
                return AckInSynSent(packet, flow, session, sender, receiver);
            default:
                return true;
        }
    }

    /// <summary>
    /// RFC 7323 §3.2: the server echoes a timestamp of the SYN; who cannot see the SYN cannot. Later SYNs have later ones. Not asked of SYN/ACKs,
    /// where many systems are careless.
    /// </summary>
    private static bool HasValidEcho(Packet packet, TcpSession session)
    {
        if (packet.Direction == Direction.ToServer || !packet.Tcp.HasTimestamp || (packet.Tcp.Flags & KindMask) != TcpFlags.Ack
            || !session.Client.Has(TcpStreamFlags.Timestamps) || session.Client.LastTimestamp == 0)
        {
            return true;
        }

        uint echo = packet.Tcp.TimestampEcho;
        return AtOrAfter(echo, session.SynTimestamp) && AtOrAfter(session.Client.LastTimestamp, echo);
    }

    private bool ResetInSynSent(Packet packet, Flow flow, TcpSession session)
    {
        if (flow.Has(FlowFlags.Split))
        {
            // The client ends a connection that another worker has seen opened.
            session.State = TcpState.Closed;
            return true;
        }

        // RFC 9293 §3.10.7.3: in SYN-SENT a reset counts only when it acknowledges the SYN; a closed port answers with number 0.
        if (packet.Direction == Direction.ToServer)
        {
            if (!packet.Tcp.Has(TcpFlags.Ack) || packet.Tcp.Acknowledgement == 0)
            {
                return true;
            }

            // Nothing of the server was there to be acknowledged.
            packet.Events.Add(PacketEvent.StreamPacketInvalidAck);
            packet.Events.Add(PacketEvent.StreamRstInvalidAck);
            return false;
        }

        if (packet.Tcp.Has(TcpFlags.Ack) && packet.Tcp.Acknowledgement != session.Client.InitialSequence + 1
            && !AcknowledgesSynData(packet, session))
        {
            packet.Events.Add(PacketEvent.StreamPacketInvalidAck);
            packet.Events.Add(PacketEvent.StreamRstInvalidAck);
            return false;
        }

        if (packet.Tcp.Sequence != session.Server.NextSequence)
        {
            return false;
        }

        // Nothing was exchanged yet, so nothing is handed over: should the reset prove forged, the connection goes on.
        session.Flags |= TcpSessionFlags.Reset;
        session.State = TcpState.Closed;
        return true;
    }

    private static bool AcknowledgesSynData(Packet packet, TcpSession session) =>
        session.FastOpenBytes > 0 && packet.Tcp.Acknowledgement == session.Client.InitialSequence + 1 + session.FastOpenBytes;

    private bool SynAckInSynSent(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        if (packet.Direction == Direction.ToServer)
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynAckInWrongDirection);
            return false;
        }

        if (!IsAckOfSyn(packet, session, out bool ignoredData))
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynAckWithWrongAck);
            return false;
        }

        if (ignoredData)
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynAckFastOpenDataIgnored);
        }

        AcceptSynAck(packet, flow, session, sender, receiver);
        return true;
    }

    /// <summary>The acknowledgement fits the SYN, or one of the competing SYNs, which then counts.</summary>
    private static bool IsAckOfSyn(Packet packet, TcpSession session, out bool ignoredData)
    {
        ignoredData = false;
        uint ack = packet.Tcp.Acknowledgement;
        TcpStream client = session.Client;
        if (ack == client.InitialSequence + 1)
        {
            ignoredData = session.FastOpenBytes > 0;
            return true;
        }

        if (AcknowledgesSynData(packet, session))
        {
            return true;
        }

        if (session.Queue is not { } queue)
        {
            return false;
        }

        foreach (ref readonly HandshakeVariant syn in queue.Syns)
        {
            if (ack == syn.Sequence + 1)
            {
                UseSyn(in syn, session);
                return true;
            }
        }

        return false;
    }

    private static void UseSyn(in HandshakeVariant syn, TcpSession session)
    {
        TcpStream client = session.Client;
        client.InitialSequence = syn.Sequence;
        client.NextSequence = client.LastAck = syn.Sequence + 1;
        client.Anchor(syn.Sequence + 1);
        client.WindowScale = syn.WindowScale;
        client.Flags &= ~(TcpStreamFlags.Timestamps | TcpStreamFlags.Sack);
        client.Flags |= (syn.HasTimestamp ? TcpStreamFlags.Timestamps : 0) | (syn.SackPermitted ? TcpStreamFlags.Sack : 0);
        client.LastTimestamp = syn.TimestampValue;
    }

    private void AcceptSynAck(Packet packet, Flow flow, TcpSession session, TcpStream server, TcpStream client)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        session.State = TcpState.SynReceived;
        TakeSyn(packet, session, server);

        // RFC 7323 §2.2: scales count only when both sides offered one.
        bool scaled = tcp.WindowScale >= 0 && client.Has(TcpStreamFlags.Synchronized) && session.SynOfferedScale;
        if (!scaled)
        {
            server.WindowScale = client.WindowScale = 0;
        }

        if (server.Has(TcpStreamFlags.Timestamps) && client.Has(TcpStreamFlags.Timestamps))
        {
            session.Flags |= TcpSessionFlags.Timestamps;
        }
        else
        {
            server.Flags &= ~TcpStreamFlags.Timestamps;
            client.Flags &= ~TcpStreamFlags.Timestamps;
        }

        if (server.Has(TcpStreamFlags.Sack) && client.Has(TcpStreamFlags.Sack))
        {
            session.Flags |= TcpSessionFlags.Sack;
        }

        // Windows in a SYN/ACK are never scaled.
        client.Window = tcp.Window;
        client.LastAck = tcp.Acknowledgement;
        client.NextSequence = Max(client.NextSequence, tcp.Acknowledgement);
        client.NextWindow = tcp.Acknowledgement + tcp.Window;
        server.Window = session.SynWindow;
        server.NextWindow = server.LastAck + session.SynWindow;
        ChoosePolicies(packet, session, flow);
        if (session.FastOpenBytes > 0)
        {
            Reassembler.Acknowledge(client, tcp.Acknowledgement);
            Reassembler.Deliver(flow, packet, client);
        }

        if (packet.PayloadLength > 0 && session.Has(TcpSessionFlags.FastOpen))
        {
            server.NextSequence += (uint)packet.PayloadLength;
            TakePayload(packet, flow, session, server);
            if (_inline)
            {
                Reassembler.Deliver(flow, packet, server);
            }
        }
    }

    private bool RepeatedSyn(Packet packet, TcpSession session)
    {
        session.SynCount = (byte)Math.Min(255, session.SynCount + 1);
        TcpStream client = session.Client;
        if (packet.Tcp.Sequence == client.InitialSequence && packet.Tcp.TimestampValue == client.LastTimestamp)
        {
            return true;
        }

        // Which of them the server answers is not known yet: keep the first in the queue and judge by the newest.
        HandshakeQueue queue = QueueOf(session);
        HandshakeVariant first = new()
        {
            Sequence = client.InitialSequence,
            TimestampValue = client.LastTimestamp,
            HasTimestamp = client.Has(TcpStreamFlags.Timestamps),
            WindowScale = client.WindowScale,
            HasWindowScale = session.SynOfferedScale,
            SackPermitted = client.Has(TcpStreamFlags.Sack),
            Window = session.SynWindow,
        };
        if (!queue.TryAddSyn(in first))
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynFlood);
            return true;
        }

        if (packet.Tcp.Sequence != first.Sequence)
        {
            // Another connection's first byte: what the SYN before carried is none of its data.
            session.FastOpenBytes = 0;
            session.Flags &= ~TcpSessionFlags.FastOpen;
        }

        TakeSyn(packet, session, client);
        NoteSyn(packet, session);
        return true;
    }

    private static void NoteSyn(Packet packet, TcpSession session)
    {
        session.SynWindow = packet.Tcp.Window;
        if (session.SynCount == 0)
        {
            session.SynTimestamp = packet.Tcp.TimestampValue;
        }

        session.SynOfferedScale = packet.Tcp.WindowScale >= 0;
        if (packet.Tcp.FastOpen)
        {
            session.Flags |= TcpSessionFlags.FastOpen;
        }
    }

    /// <summary>Data on a SYN counts only under Fast Open (RFC 7413 §4.2); the server's acknowledgement says whether it took it.</summary>
    private void TakeSynData(Packet packet, Flow flow, TcpSession session)
    {
        if (!packet.Tcp.FastOpen)
        {
            session.Flags |= TcpSessionFlags.DataOnSyn;
            return;
        }

        session.FastOpenBytes = (uint)packet.PayloadLength;
        session.Client.NextSequence = packet.Tcp.Sequence + 1 + session.FastOpenBytes;
        TakePayload(packet, flow, session, session.Client);
    }

    /// <summary>A SYN from the server before any SYN/ACK: simultaneous open (RFC 9293 §3.5).</summary>
    private static bool SimultaneousSyn(Packet packet, TcpSession session)
    {
        session.Flags |= TcpSessionFlags.FourWay;
        TakeSyn(packet, session, session.Server);
        session.Server.Window = packet.Tcp.Window;
        return true;
    }

    private bool SynAckOfFourWay(Packet packet, Flow flow, TcpSession session, TcpStream client, TcpStream server)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (tcp.Acknowledgement != server.InitialSequence + 1)
        {
            packet.Events.Add(PacketEvent.Stream4WhsSynAckWithWrongAck);
            return false;
        }

        if (tcp.Sequence != client.InitialSequence)
        {
            packet.Events.Add(PacketEvent.Stream4WhsSynAckWithWrongSyn);
            return false;
        }

        session.State = TcpState.SynReceived;
        server.LastAck = tcp.Acknowledgement;
        server.NextWindow = tcp.Acknowledgement + tcp.Window;
        server.Window = tcp.Window;
        client.Window = server.Window;
        client.NextWindow = client.LastAck + Math.Max(client.Window, 65_535u);
        if (server.Has(TcpStreamFlags.Timestamps) && client.Has(TcpStreamFlags.Timestamps))
        {
            session.Flags |= TcpSessionFlags.Timestamps;
        }

        ChoosePolicies(packet, session, flow);
        return true;
    }

    private bool AckInSynSent(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (!ShowsOneSide(flow) || packet.Direction != Direction.ToServer)
        {
            // No server answers what it has not accepted; rules see the payload of the packet itself.
            return true;
        }

        // Only the client's side is seen: its next segment shows that the server has answered.
        if (tcp.Sequence != sender.NextSequence)
        {
            packet.Events.Add(PacketEvent.Stream3WhsAsyncWrongSeq);
            return false;
        }

        session.Flags |= TcpSessionFlags.Async;
        session.State = TcpState.Established;
        receiver.InitialSequence = tcp.Acknowledgement - 1;
        receiver.NextSequence = receiver.LastAck = tcp.Acknowledgement;
        receiver.Anchor(tcp.Acknowledgement);
        receiver.Window = tcp.Window;
        receiver.NextWindow = tcp.Acknowledgement + tcp.Window;
        sender.Window = 65_535u << MaxWindowScale;
        sender.NextWindow = sender.LastAck + sender.Window;
        if (sender.Has(TcpStreamFlags.Timestamps) && tcp.HasTimestamp)
        {
            session.Flags |= TcpSessionFlags.Timestamps;
        }

        ChoosePolicies(packet, session, flow);
        TakeData(packet, flow, session, sender, receiver);
        return true;
    }

    private bool InSynReceived(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (tcp.Has(TcpFlags.Rst))
        {
            return TakeReset(packet, flow, session, sender, receiver);
        }

        bool toServer = packet.Direction == Direction.ToServer;
        switch (tcp.Flags & KindMask)
        {
            case TcpFlags.Syn | TcpFlags.Ack:
                return RepeatedSynAck(packet, flow, session, sender, receiver);
            case TcpFlags.Syn when !toServer:
                packet.Events.Add(PacketEvent.Stream3WhsSynToclientOnSynRecv);
                return false;
            case TcpFlags.Syn:
                if (tcp.Sequence != sender.InitialSequence)
                {
                    packet.Events.Add(PacketEvent.Stream3WhsSynResendDifferentSeqOnSynRecv);
                    return false;
                }

                return true;
            case TcpFlags.Ack:
                return AckInSynReceived(packet, flow, session, sender, receiver);
            default:
                return true;
        }
    }

    private bool RepeatedSynAck(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (packet.Direction == Direction.ToServer && !session.Has(TcpSessionFlags.FourWay))
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynAckToserverOnSynRecv);
            return false;
        }

        if (tcp.Acknowledgement != receiver.LastAck)
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynAckResendWithDifferentAck);
            return false;
        }

        if (tcp.Sequence == sender.InitialSequence && tcp.Window == receiver.Window)
        {
            return true;
        }

        HandshakeVariant known = new()
        {
            Sequence = sender.InitialSequence,
            Acknowledgement = receiver.LastAck,
            TimestampValue = sender.LastTimestamp,
            HasTimestamp = sender.Has(TcpStreamFlags.Timestamps),
            WindowScale = sender.WindowScale,
            SackPermitted = sender.Has(TcpStreamFlags.Sack),
            Window = receiver.Window,
        };
        if (!QueueOf(session).TryAddSynAck(in known))
        {
            packet.Events.Add(PacketEvent.Stream3WhsSynAckFlood);
            return false;
        }

        AcceptSynAck(packet, flow, session, sender, receiver);
        return true;
    }

    private bool AckInSynReceived(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        bool fromServer = packet.Direction == Direction.ToClient;
        if (!HasValidTimestamp(packet, session, sender))
        {
            return false;
        }

        if (fromServer && !session.Has(TcpSessionFlags.FourWay | TcpSessionFlags.Midstream) && (_inline || !tcp.Has(TcpFlags.Fin)))
        {
            return ServerAckInSynReceived(packet, flow, session, sender, receiver);
        }

        if (fromServer && session.Has(TcpSessionFlags.MidstreamSynAck) && tcp.Sequence == sender.NextSequence)
        {
            // That the server goes on shows that the client has answered, seen or not.
            if (ShowsOneSide(flow))
            {
                session.Flags |= TcpSessionFlags.Async;
            }

            Establish(packet, flow, session);
            TakeData(packet, flow, session, sender, receiver);
            return !tcp.Has(TcpFlags.Fin) || FinInEstablished(packet, flow, session, sender, receiver, dataTaken: true);
        }

        if (tcp.Has(TcpFlags.Fin) && !session.Has(TcpSessionFlags.FourWay) && (!_inline || !fromServer))
        {
            UseQueuedSynAck(packet, session, sender, receiver);
            return FinInSynReceived(packet, flow, session, sender, receiver);
        }

        UseQueuedSynAck(packet, session, sender, receiver);
        bool rightSequence = tcp.Sequence == sender.NextSequence || session.Has(TcpSessionFlags.Midstream) || tcp.Sequence == sender.LastAck;
        bool rightAck = tcp.Acknowledgement == receiver.NextSequence || tcp.Acknowledgement == receiver.InitialSequence + 1;
        if (rightAck && (rightSequence || IsInWindow(packet, sender)))
        {
            Establish(packet, flow, session);
            TakeData(packet, flow, session, sender, receiver);
            if (tcp.Has(TcpFlags.Fin))
            {
                return FinInEstablished(packet, flow, session, sender, receiver, dataTaken: true);
            }

            return true;
        }

        if (session.Has(TcpSessionFlags.FourWay) && fromServer)
        {
            packet.Events.Add(rightSequence ? PacketEvent.Stream4WhsInvalidAck : PacketEvent.Stream4WhsWrongSeq);
            if (rightSequence)
            {
                packet.Events.Add(PacketEvent.StreamPacketInvalidAck);
            }

            return false;
        }

        if (rightSequence)
        {
            packet.Events.Add(PacketEvent.Stream3WhsRightSeqWrongAckEvasion);
        }
        else
        {
            packet.Events.Add(PacketEvent.Stream3WhsWrongSeqWrongAck);
        }

        return false;
    }

    /// <summary>A side says goodbye with the segment that completes the handshake, or that one was lost to us.</summary>
    private bool FinInSynReceived(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        if (!HasValidAck(packet, session, receiver))
        {
            packet.Events.Add(PacketEvent.StreamFinInvalidAck);
            return false;
        }

        if (After(sender.LastAck, packet.Tcp.Sequence) || After(EndOf(packet), sender.NextWindow))
        {
            packet.Events.Add(PacketEvent.StreamFinOutOfWindow);
            return false;
        }

        Establish(packet, flow, session);
        return FinInEstablished(packet, flow, session, sender, receiver, dataTaken: false);
    }

    /// <summary>A segment from the server before the client's acknowledgement was seen: that packet was lost to us, or somebody speaks for the server.</summary>
    private bool ServerAckInSynReceived(Packet packet, Flow flow, TcpSession session, TcpStream sender, TcpStream receiver)
    {
        ref readonly TcpHeaderInfo tcp = ref packet.Tcp;
        if (session.Has(TcpSessionFlags.FastOpen))
        {
            Establish(packet, flow, session);
            TakeData(packet, flow, session, sender, receiver);
            return true;
        }

        if (AtOrAfter(tcp.Acknowledgement, receiver.LastAck) && !After(tcp.Acknowledgement, receiver.NextWindow) && tcp.Sequence == sender.NextSequence)
        {
            if (_inline)
            {
                // Inline every packet passes here, so the client's acknowledgement is not lost: this one is early or forged.
                packet.Events.Add(packet.PayloadLength > 0 ? PacketEvent.Stream3WhsAckDataInjection : PacketEvent.Stream3WhsAckInWrongDirection);
                return false;
            }

            Establish(packet, flow, session);
            TakeData(packet, flow, session, sender, receiver);
            return true;
        }

        packet.Events.Add(tcp.Sequence == sender.NextSequence ? PacketEvent.Stream3WhsAckInWrongDirection : PacketEvent.Stream3WhsWrongSeqWrongAck);
        return false;
    }

    private void Establish(Packet packet, Flow flow, TcpSession session)
    {
        session.State = TcpState.Established;
        session.Flags |= TcpSessionFlags.HandshakeConfirmed;
        ReleaseQueue(session);
        _table.SetState(flow, FlowState.Established);
    }

    /// <summary>Of several SYN/ACKs the one counts that the client acknowledges.</summary>
    private static void UseQueuedSynAck(Packet packet, TcpSession session, TcpStream client, TcpStream server)
    {
        if (session.Queue is not { } queue || packet.Tcp.Acknowledgement == server.InitialSequence + 1)
        {
            return;
        }

        foreach (ref readonly HandshakeVariant variant in queue.SynAcks)
        {
            if (variant.Sequence + 1 != packet.Tcp.Acknowledgement)
            {
                continue;
            }

            server.InitialSequence = variant.Sequence;
            server.NextSequence = server.LastAck = variant.Sequence + 1;
            server.Anchor(variant.Sequence + 1);
            server.WindowScale = variant.WindowScale;
            server.LastTimestamp = variant.TimestampValue;
            client.Window = variant.Window;
            client.NextWindow = client.LastAck + variant.Window;
            return;
        }
    }

    private static bool IsInWindow(Packet packet, TcpStream sender) =>
        AtOrAfter(packet.Tcp.Sequence, sender.LastAck) && !After(EndOf(packet), sender.NextWindow);
}
