using System.Numerics;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Flows;

/// <summary>What is counted of flows: their kinds and ends, packets and bytes, also of those that the kernel carried.</summary>
public sealed partial class FlowTable
{
    private void CountNew(byte protocol)
    {
        _counters.Increment(Counter.FlowTotal);
        _counters.Set(Counter.FlowActive, Count);
        _counters.Set(Counter.FlowMemoryUse, (long)_made * BytesPerFlow);
        switch (protocol)
        {
            case IpProtocols.Tcp:
                _counters.Increment(Counter.FlowTcp);
                break;
            case IpProtocols.Udp:
                _counters.Increment(Counter.FlowUdp);
                break;
            case IpProtocols.Icmp:
                _counters.Increment(Counter.FlowIcmpv4);
                break;
            case IpProtocols.IcmpV6:
                _counters.Increment(Counter.FlowIcmpv6);
                break;
        }
    }

    private void CountEnd(Flow flow)
    {
        _counters.Increment(flow.State switch
        {
            FlowState.New => Counter.FlowEndNew,
            FlowState.Established => Counter.FlowEndEstablished,
            FlowState.Closed => Counter.FlowEndClosed,
            FlowState.LocalBypassed => Counter.FlowEndLocalBypassed,
            _ => Counter.FlowEndCaptureBypassed,
        });
        if (flow.Tcp is { } session)
        {
            // The counters stand in the order of the states.
            _counters.Increment((Counter)((int)Counter.FlowEndTcpNone + (int)session.State));
            if (session.Has(TcpSessionFlags.Lossy))
            {
                _counters.Increment(Counter.FlowEndTcpLiberal);
            }
        }
    }

    private void CountElephant(Flow flow, Direction direction)
    {
        _counters.Increment(direction == Direction.ToServer ? Counter.FlowElephantToServer : Counter.FlowElephantToClient);
        FlowFlags other = direction == Direction.ToServer ? FlowFlags.ElephantToClient : FlowFlags.Elephant;
        if (!flow.Has(other))
        {
            _counters.Increment(Counter.FlowElephant);
        }
    }

    /// <summary>What an attachment's kernel passed of a flow without us; it keeps the flow alive. Traffic of a flow that has ended is counted only.</summary>
    /// <returns>The flow; null when it has ended.</returns>
    public Flow? NoteBypassed(in BypassedTraffic traffic)
    {
        _counters.Add(Counter.BypassedPackets, traffic.Packets + traffic.PacketsBack);
        _counters.Add(Counter.BypassedBytes, traffic.Bytes + traffic.BytesBack);
        FlowKey key = traffic.Key;
        if (!_settings.VlanTracking)
        {
            key = key with { Vlan0 = 0, Vlan1 = 0 };
        }

        if (!_settings.DeviceTracking)
        {
            key = key with { BridgeId = 0 };
        }

        if (Find(in key, _hash.Compute(in key), out Direction direction) is not { } flow)
        {
            return null;
        }

        flow.LastUs = Math.Max(flow.LastUs, traffic.LastUs);
        (long toServer, long toClient) = direction == Direction.ToServer ? (traffic.Packets, traffic.PacketsBack) : (traffic.PacketsBack, traffic.Packets);
        (long bytesToServer, long bytesToClient) = direction == Direction.ToServer ? (traffic.Bytes, traffic.BytesBack) : (traffic.BytesBack, traffic.Bytes);
        flow.PacketsToServer += (ulong)toServer;
        flow.PacketsToClient += (ulong)toClient;
        flow.BytesToServer += (ulong)bytesToServer;
        flow.BytesToClient += (ulong)bytesToClient;
        flow.BypassedPacketsToServer += (ulong)toServer;
        flow.BypassedPacketsToClient += (ulong)toClient;
        flow.BypassedBytesToServer += (ulong)bytesToServer;
        flow.BypassedBytesToClient += (ulong)bytesToClient;
        return flow;
    }

    private void CountBypassed(Flow flow, Packet packet, int length)
    {
        bool isLocal = flow.State == FlowState.LocalBypassed;
        _counters.Increment(isLocal ? Counter.BypassedLocalPackets : Counter.BypassedCapturePackets);
        _counters.Add(isLocal ? Counter.BypassedLocalBytes : Counter.BypassedCaptureBytes, length);
        if (isLocal)
        {
            // The flow's own counters have it: as in Suricata its bypassed ones are of what went by unseen.
            return;
        }

        if (packet.Direction == Direction.ToServer)
        {
            flow.BypassedPacketsToServer++;
            flow.BypassedBytesToServer += (uint)length;
        }
        else
        {
            flow.BypassedPacketsToClient++;
            flow.BypassedBytesToClient += (uint)length;
        }
    }

    private static void CountOnly(Flow flow, Packet packet, int length)
    {
        if (packet.Direction == Direction.ToServer)
        {
            flow.PacketsToServer++;
            flow.BytesToServer += (uint)length;
        }
        else
        {
            flow.PacketsToClient++;
            flow.BytesToClient += (uint)length;
        }
    }

    private static void SeeFirstToClient(Flow flow, Packet packet)
    {
        flow.Flags |= FlowFlags.ToClientSeen;
        flow.MinTtlToClient = packet.Ttl;
        if (!packet.Has(PacketFlags.Restored))
        {
            // (A target's answers come in by the target's port, and the flow remains the one that was begun.)
            flow.ServerPortId = packet.Info.PortId;
        }

        packet.Flags |= PacketFlags.FirstInDirection;
        if (packet.Protocol is IpProtocols.Icmp or IpProtocols.IcmpV6)
        {
            flow.IcmpTypeToClient = packet.IcmpType;
            flow.IcmpCodeToClient = packet.IcmpCode;
        }
    }

    private void MeasureRate(Flow flow, Direction direction, int length)
    {
        if (flow.LastUs - flow.RateStartUs >= _settings.ElephantIntervalSeconds * 1_000_000L)
        {
            flow.RateStartUs = flow.LastUs;
            flow.RateBytesToServer = flow.RateBytesToClient = 0;
        }

        ref long bytes = ref direction == Direction.ToServer ? ref flow.RateBytesToServer : ref flow.RateBytesToClient;
        bytes += length;
        FlowFlags flag = direction == Direction.ToServer ? FlowFlags.Elephant : FlowFlags.ElephantToClient;
        if (bytes >= _settings.ElephantBytes && !flow.Has(flag))
        {
            flow.Flags |= flag;
            CountElephant(flow, direction);
        }
    }
}
