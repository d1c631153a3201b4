using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy.Redirects;

/// <summary>Moves flows to a honeypot and back: rewrites addresses, ports, Ethernet destinations and, for a connection moved in its middle, sequence numbers.</summary>
/// <remarks>
/// The source MAC of rewritten answers stays the target's: a bridge would otherwise learn the real server's address on the target's port.
/// A connection that is already established is opened again with the target on the client's behalf (a splice): the target sees a handshake whose
/// first data byte is the segment that triggered the move, and the client never notices. One per worker; the table is shared.
/// </remarks>
public sealed class Redirector(RedirectTable table, RedirectTarget[] targets, FrameInjector injector)
{
    /// <summary>A moved flow is forgotten after so long without the client's packets.</summary>
    public const long IdleUs = 300_000_000;

    private const byte DefaultTtl = 64;

    /// <summary>Fits the MTU of Ethernet with every header, tags included; the target's own maximum is not smaller on one bridge.</summary>
    private const int SegmentBytes = 1380;

    /// <summary>As many segments as the injector has room for beside the handshake's last one.</summary>
    private const int MaxPendingBytes = SegmentBytes * (FrameInjector.Capacity - 2);

    /// <summary>Requests remembered at once, 64 MiB for each worker; flows beyond it are moved with the segment that gives them away.</summary>
    private const int MaxRemembered = 4096;

    /// <summary>Where a client needs another port at the target it gets one of the dynamic ports (RFC 6335 §6: 49152 to 65535), after so many tries none.</summary>
    private const int FirstDynamicPort = 0xC000;
    private const int DynamicPorts = 0x3FFF;
    private const int MaxPortTries = 8;

    private readonly NeighborTable _neighbors = table.NeighborsOf(targets);
    private readonly Stack<RequestMemory> _free = new();
    private int _remembered;

    /// <summary>Entry of the packet that was restored last.</summary>
    private int _restored = -1;

    /// <summary>Nothing to look for: no targets are configured.</summary>
    public bool IsIdle => targets.Length == 0;

    /// <summary>Redirects that could not be carried out (unknown MAC, no slot, other family, no Ethernet).</summary>
    public long Failed { get; private set; }

    /// <summary>Flows moved.</summary>
    public long Moved { get; private set; }

    /// <summary>After the link guard and before flow lookup: a packet of a target to a moved client gets its real server's source back.</summary>
    /// <returns>False when the packet was taken (a handshake answer of a splice) and must not go on.</returns>
    public bool Restore(Packet packet)
    {
        if (packet.IpVersion == 0 || !_neighbors.TryFind(packet.SourceAddress, out int target))
        {
            return true;
        }

        if (packet.EthernetOffset >= 0)
        {
            _neighbors.Learn(target, ReadMac(packet.Buffer.AsSpan(packet.EthernetOffset + 6, 6)));
        }

        if (!packet.IsTcp && !packet.IsUdp)
        {
            return true;
        }

        int index = table.Find(packet.DestinationAddress, packet.DestinationPort, packet.SourceAddress, packet.SourcePort, packet.Protocol);
        if (index < 0)
        {
            return true;
        }

        RedirectEntry entry = table[index];
        if (entry.Phase == (int)RedirectPhase.Opening)
        {
            Answer(packet, entry, index);
            return false;
        }

        _restored = index;
        RewriteSource(packet, entry);
        return true;
    }

    /// <summary>A flow that begins with a restored answer: the client's half of it is another worker's.</summary>
    public void Join(Flow flow)
    {
        RedirectEntry entry = table[_restored];
        flow.RedirectIndex = _restored;
        flow.ClientPortId = entry.ClientPortId;
        flow.Flags |= FlowFlags.Redirected | FlowFlags.Split;
        (flow.Judgement ??= new FlowJudgement()).MovedTo = entry.Goal;
    }

    /// <summary>Before a moved flow's packet is looked at: the worker of the answers tells that of the client's half that it will hear none.</summary>
    public void Meet(Packet packet, Flow flow)
    {
        RedirectEntry entry = table[flow.RedirectIndex];
        bool isAnswer = packet.Has(PacketFlags.Restored);
        if (flow.Has(FlowFlags.Split))
        {
            if (isAnswer)
            {
                // Not only once: the client may use its port again, and the entry is made anew.
                flow.RedirectIndex = _restored;
                Volatile.Write(ref table[_restored].IsSplit, true);
            }
        }
        else if (!isAnswer && Volatile.Read(ref entry.IsSplit) && IsOf(entry, flow))
        {
            flow.Flags |= FlowFlags.Split;
            if (flow.Tcp is { IsEstablished: true } session)
            {
                session.Flags |= Streams.TcpSessionFlags.Async;
            }
        }
    }

    /// <summary>The entry is the flow's still: one that was idle for <see cref="IdleUs"/> may serve another.</summary>
    private static bool IsOf(RedirectEntry entry, Flow flow) => entry.IsOf(in flow.Key);

    /// <summary>Describes a moved flow for a kernel; false while its connection with the target is being opened, and where the client has another port there.</summary>
    public bool TryDescribe(Flow flow, FlowMove move)
    {
        RedirectEntry entry = table[flow.RedirectIndex];
        if (entry.Phase != (int)RedirectPhase.Active || entry.ClientPort != entry.Key.SourcePort)
        {
            return false;
        }

        Name(flow, move);
        move.Target = entry.Target;
        move.TargetPort = entry.TargetPort;
        move.TargetMac = entry.TargetMac;
        move.SequenceDelta = entry.SequenceDelta;
        move.WindowShift = entry.SequenceDelta != 0 ? entry.TargetWindowScale - entry.ServerWindowScale : 0;
        move.ToPort = 0;
        return true;
    }

    /// <summary>The same of a flow that was moved to a port.</summary>
    public static void Describe(Flow flow, ushort toPort, FlowMove move)
    {
        Name(flow, move);
        move.ToPort = toPort;
        move.SequenceDelta = 0;
        move.WindowShift = 0;
    }

    private static void Name(Flow flow, FlowMove move)
    {
        move.Key = flow.Key;
        move.ClientPortId = flow.ClientPortId;
    }

    /// <summary>A kernel has carried packets of a moved flow: its place is kept.</summary>
    public void Keep(Flow flow, long nowUs)
    {
        RedirectEntry entry = table[flow.RedirectIndex];
        if (IsOf(entry, flow))
        {
            entry.ExpiresUs = Math.Max(entry.ExpiresUs, nowUs + IdleUs);
        }
    }

    /// <summary>After the verdict: a client's packet of a moved flow goes to its target.</summary>
    public void Forward(Packet packet, Flow flow)
    {
        RedirectEntry entry = table[flow.RedirectIndex];
        if (packet.Direction == Direction.ToClient)
        {
            // From the real server, which was told to forget the connection: the client must not hear it any more.
            if (!packet.Has(PacketFlags.Modified))
            {
                packet.Drop(DropReason.Redirect);
            }

            return;
        }

        if (entry.Phase == (int)RedirectPhase.Opening || !IsOf(entry, flow))
        {
            packet.Drop(DropReason.Redirect);
            return;
        }

        entry.ExpiresUs = packet.TimeUs + IdleUs;
        RewriteDestination(packet, entry);
    }

    /// <summary>A packet of a flow that may be moved later has passed: what the client sends is remembered until it is answered.</summary>
    public void Remember(Packet packet, Flow flow)
    {
        if (!packet.IsTcp || packet.PayloadLength == 0 || packet.TunnelDepth != 0 || flow.RedirectIndex >= 0)
        {
            return;
        }

        if (packet.Direction == Direction.ToClient)
        {
            flow.Request?.Clear();
            return;
        }

        if (flow.Request is null && (_free.Count > 0 || _remembered < MaxRemembered))
        {
            _remembered += _free.Count > 0 ? 0 : 1;
            flow.Request = _free.TryPop(out RequestMemory? free) ? free : new RequestMemory();
        }

        flow.Request?.Append(packet.Tcp.Sequence, packet.Payload);
    }

    /// <summary>A flow has ended: its memory is free for another.</summary>
    public void Forget(Flow flow)
    {
        if (flow.Request is { } request)
        {
            flow.Request = null;
            request.Clear();
            _free.Push(request);
        }
    }

    /// <summary>Moves a flow with its current packet; false when that is not possible and the packet must be dropped instead.</summary>
    /// <param name="packet">A client's packet; it is not forwarded as it is.</param>
    /// <param name="flow">Its flow.</param>
    /// <param name="targetIndex">Index of the target.</param>
    public bool Move(Packet packet, Flow flow, int targetIndex)
    {
        RedirectTarget target = targets[targetIndex];
        ulong targetMac = _neighbors.MacOf(targetIndex);
        bool v4 = flow.Key.IpVersion == 4;
        if (targetMac == 0 || packet.EthernetOffset < 0 || target.Address.IsV4 != v4 || packet.TunnelDepth != 0 || flow.Key.Protocol is not (IpProtocols.Tcp or IpProtocols.Udp))
        {
            Failed++;
            return false;
        }

        ushort targetPort = target.Port != 0 ? target.Port : flow.Key.DestinationPort;
        int index = Claim(in flow.Key, target.Address, targetPort, packet.TimeUs, out ushort clientPort);
        if (index < 0)
        {
            Failed++;
            return false;
        }

        RedirectEntry entry = table[index];
        entry.Key = flow.Key;
        entry.ClientPort = clientPort;
        entry.Target = target.Address;
        entry.TargetPort = targetPort;
        entry.TargetMac = targetMac;
        entry.Goal = target;
        entry.IsSplit = false;
        entry.ClientPortId = flow.ClientPortId;
        entry.ExpiresUs = packet.TimeUs + IdleUs;
        entry.SequenceDelta = 0;
        entry.ServerWindowScale = entry.TargetWindowScale = 0;
        entry.PendingLength = 0;
        flow.RedirectIndex = index;
        (flow.Judgement ??= new FlowJudgement()).MovedTo = target;
        flow.Flags |= FlowFlags.Redirected;
        Moved++;
        bool established = packet.IsTcp && !packet.Tcp.Has(TcpFlags.Syn);
        if (!established)
        {
            table.Publish(index, RedirectPhase.Active);
            if (packet.Direction == Direction.ToServer)
            {
                RewriteDestination(packet, entry);
            }

            return true;
        }

        return Splice(packet, flow, entry, index);
    }

    /// <summary>A place in the table, with the client's own port if no other flow of it is at the target by that: scanners ask every host from one port.</summary>
    private int Claim(in FlowKey key, IpAddress target, ushort targetPort, long nowUs, out ushort clientPort)
    {
        clientPort = key.SourcePort;
        int index = table.Claim(in key, clientPort, target, targetPort, nowUs, out bool isTaken);
        for (int tries = 0; isTaken && tries < MaxPortTries; tries++)
        {
            clientPort = (ushort)(FirstDynamicPort | (HashCode.Combine(key.Destination, key.DestinationPort, key.SourcePort, tries) & DynamicPorts));
            index = table.Claim(in key, clientPort, target, targetPort, nowUs, out isTaken);
        }

        return index;
    }

    private static ulong ReadMac(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    private static void WriteMac(Span<byte> bytes, ulong mac)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(mac >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)mac);
    }

    /// <summary>Opens the connection with the target and resets it with the real server, both in the client's name.</summary>
    private bool Splice(Packet packet, Flow flow, RedirectEntry entry, int index)
    {
        bool fromClient = packet.Direction == Direction.ToServer;
        entry.ClientMac = ReadMac(packet.Buffer.AsSpan(packet.EthernetOffset + (fromClient ? 6 : 0), 6));
        entry.ClientSequence = fromClient ? packet.Tcp.Sequence : packet.Tcp.Acknowledgement;
        entry.ServerSequence = fromClient ? packet.Tcp.Acknowledgement : packet.Tcp.Sequence;
        entry.ClientWindow = packet.Tcp.Window;
        entry.ServerWindowScale = flow.Tcp?.Server.WindowScale ?? 0;
        byte clientScale = flow.Tcp?.Client.WindowScale ?? 0;
        bool scales = (entry.ServerWindowScale | clientScale) != 0;
        uint atServer = entry.ClientSequence;
        if (fromClient)
        {
            KeepRequest(packet, flow, entry);
        }

        table.Publish(index, RedirectPhase.Opening);
        ReadOnlySpan<byte> options = scales ? [2, 4, 0x05, 0xb4, 1, 3, 3, clientScale] : [2, 4, 0x05, 0xb4];
        Craft(packet, entry, entry.ClientPort, entry.Target, entry.TargetPort, entry.TargetMac, entry.ClientSequence - 1, 0, TcpFlags.Syn, options);
        ulong serverMac = ReadMac(packet.Buffer.AsSpan(packet.EthernetOffset + (fromClient ? 0 : 6), 6));
        Craft(packet, entry, entry.Key.SourcePort, entry.Key.Destination, entry.Key.DestinationPort, serverMac, atServer, entry.ServerSequence, TcpFlags.Rst | TcpFlags.Ack, default);
        packet.Drop(DropReason.Redirect);
        return true;
    }

    /// <summary>The target's answer to the splice's SYN: complete the handshake and send what waited.</summary>
    private void Answer(Packet packet, RedirectEntry entry, int index)
    {
        packet.Drop(DropReason.Redirect);
        if (!packet.Tcp.Has(TcpFlags.Syn | TcpFlags.Ack) || packet.Tcp.Acknowledgement != entry.ClientSequence)
        {
            return;
        }

        entry.SequenceDelta = entry.ServerSequence - (packet.Tcp.Sequence + 1);
        entry.TargetWindowScale = packet.Tcp.WindowScale > 0 ? (byte)packet.Tcp.WindowScale : (byte)0;
        table.Publish(index, RedirectPhase.Active);
        Craft(packet, entry, entry.ClientPort, entry.Target, entry.TargetPort, entry.TargetMac, entry.ClientSequence, packet.Tcp.Sequence + 1, TcpFlags.Ack, default);
        for (int at = 0; at < entry.PendingLength; at += SegmentBytes)
        {
            int count = Math.Min(SegmentBytes, entry.PendingLength - at);
            Craft(
                packet, entry, entry.ClientPort, entry.Target, entry.TargetPort, entry.TargetMac, entry.ClientSequence + (uint)at, packet.Tcp.Sequence + 1,
                TcpFlags.Ack | TcpFlags.Psh, default, entry.Pending.AsSpan(at, count));
        }

        entry.PendingLength = 0;
    }

    /// <summary>What the target is to see of the client when it has answered: the request that is going on, from its first byte.</summary>
    private static void KeepRequest(Packet packet, Flow flow, RedirectEntry entry)
    {
        ReadOnlySpan<byte> before = flow.Request is { } request ? request.Before(packet.Tcp.Sequence) : default;
        ReadOnlySpan<byte> payload = packet.Payload;
        if (before.Length + payload.Length > MaxPendingBytes)
        {
            before = default;
            payload = payload.Length > MaxPendingBytes ? default : payload;
        }

        if (entry.Pending.Length == 0)
        {
            entry.Pending = new byte[MaxPendingBytes];
        }

        before.CopyTo(entry.Pending);
        payload.CopyTo(entry.Pending.AsSpan(before.Length));
        entry.PendingLength = before.Length + payload.Length;
        entry.ClientSequence -= (uint)before.Length;
    }

    /// <summary>A bare TCP segment from the client to <paramref name="destination"/>, with the VLAN tags and IP version of the model packet.</summary>
    private void Craft(
        Packet model, RedirectEntry entry, ushort fromPort, IpAddress destination, ushort port, ulong mac, uint sequence, uint acknowledgement, TcpFlags flags,
        ReadOnlySpan<byte> options, ReadOnlySpan<byte> payload = default)
    {
        bool v4 = entry.Key.IpVersion == 4;
        int linkLength = model.NetworkOffset - model.EthernetOffset;
        int ipLength = v4 ? 20 : 40;
        int tcpLength = 20 + options.Length;
        if (!injector.TryAdd(linkLength + ipLength + tcpLength + payload.Length, entry.ClientPortId, InjectDirection.FromPort, out Span<byte> frame))
        {
            return;
        }

        frame.Clear();
        model.Buffer.AsSpan(model.EthernetOffset, linkLength).CopyTo(frame);
        WriteMac(frame, mac);
        WriteMac(frame[6..], entry.ClientMac);
        Span<byte> ip = frame[linkLength..];
        if (v4)
        {
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(ipLength + tcpLength + payload.Length));
            ip[6] = 0x40; // Don't fragment.
            ip[8] = DefaultTtl;
            ip[9] = IpProtocols.Tcp;
            entry.Key.Source.Write(ip[12..], asV4: true);
            destination.Write(ip[16..], asV4: true);
        }
        else
        {
            ip[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(tcpLength + payload.Length));
            ip[6] = IpProtocols.Tcp;
            ip[7] = DefaultTtl;
            entry.Key.Source.Write(ip[8..], asV4: false);
            destination.Write(ip[24..], asV4: false);
        }

        Span<byte> tcp = ip[ipLength..];
        BinaryPrimitives.WriteUInt16BigEndian(tcp, fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], port);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], acknowledgement);
        tcp[12] = (byte)(tcpLength << 2);
        tcp[13] = (byte)flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], entry.ClientWindow);
        options.CopyTo(tcp[20..]);
        payload.CopyTo(tcp[tcpLength..]);
        Checksums.WriteInto(ip, v4, IpProtocols.Tcp, ipLength);
    }

    private static void RewriteDestination(Packet packet, RedirectEntry entry)
    {
        bool v4 = packet.IpVersion == 4;
        WriteMac(packet.Buffer.AsSpan(packet.EthernetOffset, 6), entry.TargetMac);
        entry.Target.Write(packet.Buffer.AsSpan(packet.NetworkOffset + (v4 ? 16 : 24)), v4);
        Span<byte> transport = packet.TransportBytes;
        BinaryPrimitives.WriteUInt16BigEndian(transport, entry.ClientPort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], entry.TargetPort);
        if (entry.SequenceDelta != 0 && packet.IsTcp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(transport[8..], packet.Tcp.Acknowledgement - entry.SequenceDelta);
        }

        packet.Flags |= PacketFlags.Modified;
        Checksums.Fix(packet);
    }

    private static void RewriteSource(Packet packet, RedirectEntry entry)
    {
        bool v4 = packet.IpVersion == 4;
        entry.Key.Destination.Write(packet.Buffer.AsSpan(packet.NetworkOffset + (v4 ? 12 : 8)), v4);
        Span<byte> transport = packet.TransportBytes;
        BinaryPrimitives.WriteUInt16BigEndian(transport, entry.Key.DestinationPort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], entry.Key.SourcePort);
        packet.DestinationPort = entry.Key.SourcePort;
        packet.SourceAddress = entry.Key.Destination;
        packet.SourcePort = entry.Key.DestinationPort;
        packet.Flags |= PacketFlags.Restored;
        if (entry.SequenceDelta != 0 && packet.IsTcp)
        {
            uint sequence = packet.Tcp.Sequence + entry.SequenceDelta;
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence);
            long window = ((long)packet.Tcp.Window << entry.TargetWindowScale) >> entry.ServerWindowScale;
            ushort scaled = (ushort)Math.Min(window, ushort.MaxValue);
            BinaryPrimitives.WriteUInt16BigEndian(transport[14..], scaled);
            packet.Tcp.Sequence = sequence;
            packet.Tcp.Window = scaled;
        }

        packet.Flags |= PacketFlags.Modified;
        Checksums.Fix(packet);
    }
}
