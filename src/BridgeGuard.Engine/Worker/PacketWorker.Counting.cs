using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Worker;

/// <summary>What stages count for themselves, brought together under the names that outputs read.</summary>
public sealed partial class PacketWorker
{
    /// <summary>Copies the counters of stages that keep their own into <see cref="Counters"/>. Call before reading them, on the worker's thread or when it has stopped.</summary>
    public void CollectCounters()
    {
        DecoderCounters seen = _decoder.Counters;
        Counters.Set(Counter.DecoderPackets, seen.Packets);
        Counters.Set(Counter.DecoderBytes, seen.Bytes);
        Counters.Set(Counter.DecoderInvalid, seen.Invalid);
        Counters.Set(Counter.DecoderIpv4, seen.Ipv4);
        Counters.Set(Counter.DecoderIpv6, seen.Ipv6);
        Counters.Set(Counter.DecoderEthernet, seen.Ethernet);
        Counters.Set(Counter.DecoderArp, seen.Arp);
        Counters.Set(Counter.DecoderUnknownEtherType, seen.UnknownEtherType);
        Counters.Set(Counter.DecoderCiscoHdlc, seen.Chdlc);
        Counters.Set(Counter.DecoderRaw, seen.Raw);
        Counters.Set(Counter.DecoderNull, seen.Null);
        Counters.Set(Counter.DecoderSll, seen.Sll);
        Counters.Set(Counter.DecoderSll2, seen.Sll2);
        Counters.Set(Counter.DecoderTcp, seen.Tcp);
        Counters.Set(Counter.DecoderUdp, seen.Udp);
        Counters.Set(Counter.DecoderSctp, seen.Sctp);
        Counters.Set(Counter.DecoderEsp, seen.Esp);
        Counters.Set(Counter.DecoderIgmp, seen.Igmp);
        Counters.Set(Counter.DecoderIcmpv4, seen.IcmpV4);
        Counters.Set(Counter.DecoderIcmpv6, seen.IcmpV6);
        Counters.Set(Counter.DecoderPpp, seen.Ppp);
        Counters.Set(Counter.DecoderPppoe, seen.PppOe);
        CollectTunnels(seen);
        Counters.Set(Counter.DecoderAveragePacketSize, seen.Packets == 0 ? 0 : seen.Bytes / seen.Packets);
        Counters.Set(Counter.DetectAlertQueueOverflow, _alerts.Overflowed);
        Counters.Set(Counter.DetectAlertsSuppressed, _alerts.Suppressed);
        Counters.Set(Counter.WorkerFaults, Faults);
        if (_detector.WorkerId == 0)
        {
            // What all workers share is told of by one of them: readers add the workers up.
            Counters.Set(Counter.AppLayerExpectations, _appLayer.Expected.Count);
            Counters.Set(Counter.WorkerSharedRefused, _shared.Refused);
        }
    }

    private void WriteStats(long nowUs)
    {
        CollectCounters();
        if (_isFirst && _stats!(nowUs) is { } snapshot)
        {
            _events.Stats(in snapshot);
        }
    }

    private void CollectTunnels(DecoderCounters seen)
    {
        Counters.Set(Counter.DecoderGeneve, seen.Geneve);
        Counters.Set(Counter.DecoderGre, seen.Gre);
        Counters.Set(Counter.DecoderVlan, seen.Vlan);
        Counters.Set(Counter.DecoderVlanQinQ, seen.VlanQinQ);
        Counters.Set(Counter.DecoderVlanQinQinQ, seen.VlanQinQinQ);
        Counters.Set(Counter.DecoderVxlan, seen.Vxlan);
        Counters.Set(Counter.DecoderVnTag, seen.VnTag);
        Counters.Set(Counter.DecoderIeee8021Ah, seen.Ieee8021ah);
        Counters.Set(Counter.DecoderTeredo, seen.Teredo);
        Counters.Set(Counter.DecoderIpv4InIpv4, seen.Ipv4InIpv4);
        Counters.Set(Counter.DecoderIpv6InIpv4, seen.Ipv6InIpv4);
        Counters.Set(Counter.DecoderIpv4InIpv6, seen.Ipv4InIpv6);
        Counters.Set(Counter.DecoderIpv6InIpv6, seen.Ipv6InIpv6);
        Counters.Set(Counter.DecoderMpls, seen.Mpls);
        Counters.Set(Counter.DecoderErspan, seen.Erspan);
        Counters.Set(Counter.DecoderNsh, seen.Nsh);
        Counters.Set(Counter.DecoderTooManyLayers, seen.TooManyLayers);
        DefragCounters defrag = _defragmenter.Counters;
        Counters.Set(Counter.DefragIpv4Fragments, defrag.Ipv4Fragments);
        Counters.Set(Counter.DefragIpv4Reassembled, defrag.Ipv4Reassembled);
        Counters.Set(Counter.DefragIpv6Fragments, defrag.Ipv6Fragments);
        Counters.Set(Counter.DefragIpv6Reassembled, defrag.Ipv6Reassembled);
        Counters.Set(Counter.DefragMaxTrackers, defrag.MaxTrackersReached);
        Counters.Set(Counter.DefragMaxFragments, defrag.MaxFragmentsReached);
        Counters.Set(Counter.DefragTrackerHardReuse, defrag.HardReuse);
        Counters.Set(Counter.DefragWorkerTimeout, defrag.Timeouts);
        Counters.Set(Counter.DefragMemoryUse, _defragmenter.UsedBytes);
    }

    private void CountVerdict(Packet packet, in Verdict verdict)
    {
        Counters.Max(Counter.DecoderMaxPacketSize, packet.Length);
        if (!Enforces(packet))
        {
            return;
        }

        bool isFirewall = _settings.FirewallMode && IsFirewallDrop(verdict.Reason);
        if (verdict.Action == VerdictAction.Drop && isFirewall)
        {
            Counters.FirewallDrop(verdict.Reason);
            Counters.Increment(verdict.Reject != RejectTarget.None ? Counter.FirewallRejected : Counter.FirewallBlocked);
            return;
        }

        if (_settings.FirewallMode)
        {
            // Whatever threat detection made of it: the firewall let it through.
            Counters.Increment(Counter.FirewallAccepted);
        }

        // Each packet counts once, for the strongest thing that was done with it.
        if (verdict.Action == VerdictAction.Drop)
        {
            Counters.IpsDrop(verdict.Reason);
            Counters.Increment(verdict.Reject != RejectTarget.None ? Counter.IpsRejected : Counter.IpsBlocked);
        }
        else
        {
            Counters.Increment(verdict.Modified ? Counter.IpsReplaced : Counter.IpsAccepted);
        }
    }

    private static bool IsFirewallDrop(DropReason reason) => reason is DropReason.FirewallRules or DropReason.FirewallFlowDrop
        or DropReason.DefaultPacketPolicy or DropReason.DefaultAppPolicy or DropReason.StreamPreHook or DropReason.FlowPreHook;
}
