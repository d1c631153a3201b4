using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Streams;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Engine.Tests.Packets;

/// <summary>Every decoder and stream event that the rules shipped with Suricata 8.0.8 name: it is known, and some packet raises it, or it is said here why none can.</summary>
public sealed class ShippedEventsTests
{
    private static readonly string[] DecoderNames =
    [
        "afpacket.trunc_pkt", "chdlc.pkt_too_small", "dce.pkt_too_small", "erspan.header_too_small", "erspan.too_many_vlan_layers",
        "erspan.unsupported_version", "ethernet.pkt_too_small", "ethernet.unknown_ethertype", "gre.pkt_too_small", "gre.version0_flags",
        "gre.version0_hdr_too_big", "gre.version0_recur", "gre.version1_chksum", "gre.version1_flags", "gre.version1_hdr_too_big",
        "gre.version1_malformed_sre_hdr", "gre.version1_no_key", "gre.version1_recur", "gre.version1_route", "gre.version1_ssr",
        "gre.version1_wrong_protocol", "gre.wrong_version", "icmpv4.ipv4_trunc_pkt", "icmpv4.ipv4_unknown_ver", "icmpv4.pkt_too_small",
        "icmpv4.unknown_code", "icmpv4.unknown_type", "icmpv6.experimentation_type", "icmpv6.ipv6_trunc_pkt", "icmpv6.ipv6_unknown_version",
        "icmpv6.mld_message_with_invalid_hl", "icmpv6.pkt_too_small", "icmpv6.unassigned_type", "icmpv6.unknown_code", "icmpv6.unknown_type",
        "ieee8021ah.header_too_small", "ipraw.invalid_ip_version", "ipv4.frag_overlap", "ipv4.frag_pkt_too_large", "ipv4.hlen_too_small", "ipv4.icmpv6",
        "ipv4.iplen_smaller_than_hlen", "ipv4.opt_duplicate", "ipv4.opt_eol_required", "ipv4.opt_invalid", "ipv4.opt_invalid_len", "ipv4.opt_malformed",
        "ipv4.opt_pad_required", "ipv4.opt_unknown", "ipv4.pkt_too_small", "ipv4.trunc_pkt", "ipv4.wrong_ip_version", "ipv6.data_after_none_header",
        "ipv6.dstopts_only_padding", "ipv6.dstopts_unknown_opt", "ipv6.exthdr_ah_res_not_null", "ipv6.exthdr_dupl_ah", "ipv6.exthdr_dupl_dh",
        "ipv6.exthdr_dupl_eh", "ipv6.exthdr_dupl_fh", "ipv6.exthdr_dupl_hh", "ipv6.exthdr_dupl_rh", "ipv6.exthdr_invalid_optlen", "ipv6.exthdr_useless_fh",
        "ipv6.fh_non_zero_reserved_field", "ipv6.frag_invalid_length", "ipv6.frag_overlap", "ipv6.frag_pkt_too_large", "ipv6.hopopts_only_padding",
        "ipv6.hopopts_unknown_opt", "ipv6.icmpv4", "ipv6.ipv4_in_ipv6_too_small", "ipv6.ipv4_in_ipv6_wrong_version", "ipv6.ipv6_in_ipv6_too_small",
        "ipv6.ipv6_in_ipv6_wrong_version", "ipv6.pkt_too_small", "ipv6.rh_type_0", "ipv6.trunc_exthdr", "ipv6.trunc_pkt", "ipv6.unknown_next_header",
        "ipv6.wrong_ip_version", "ipv6.zero_len_padn", "ltnull.pkt_too_small", "ltnull.unsupported_type", "mpls.bad_label_implicit_null",
        "mpls.bad_label_reserved", "mpls.bad_label_router_alert", "mpls.header_too_small", "mpls.pkt_too_small", "mpls.unknown_payload_type",
        "ppp.ip4_pkt_too_small", "ppp.ip6_pkt_too_small", "ppp.pkt_too_small", "ppp.unsup_proto", "ppp.vju_pkt_too_small", "ppp.wrong_type",
        "pppoe.malformed_tags", "pppoe.pkt_too_small", "pppoe.wrong_code", "sll.pkt_too_small", "tcp.hlen_too_small", "tcp.invalid_optlen",
        "tcp.opt_duplicate", "tcp.opt_invalid_len", "tcp.opt_wscale_over_max", "tcp.pkt_too_small", "too_many_layers", "udp.hlen_too_small",
        "udp.len_invalid", "udp.pkt_too_small", "vlan.header_too_small", "vlan.too_many_layers", "vlan.unknown_type", "vntag.header_too_small",
        "vntag.unknown_type",
    ];

    private static readonly string[] StreamNames =
    [
        "3whs_ack_data_inject", "3whs_ack_in_wrong_dir", "3whs_async_wrong_seq", "3whs_right_seq_wrong_ack_evasion", "3whs_syn_flood",
        "3whs_syn_resend_diff_seq_on_syn_recv", "3whs_syn_toclient_on_syn_recv", "3whs_synack_flood", "3whs_synack_in_wrong_direction",
        "3whs_synack_resend_with_diff_seq", "3whs_synack_resend_with_different_ack", "3whs_synack_tfo_data_ignored", "3whs_synack_toserver_on_syn_recv",
        "3whs_synack_with_wrong_ack", "3whs_wrong_seq_wrong_ack", "4whs_invalid_ack", "4whs_synack_with_wrong_ack", "4whs_synack_with_wrong_syn",
        "4whs_wrong_seq", "closewait_ack_out_of_window", "closewait_fin_out_of_window", "closewait_invalid_ack", "closewait_pkt_before_last_ack",
        "closing_ack_wrong_seq", "closing_invalid_ack", "est_invalid_ack", "est_packet_out_of_window", "est_pkt_before_last_ack", "est_syn_resend",
        "est_syn_resend_diff_seq", "est_syn_toclient", "est_synack_resend", "est_synack_resend_with_diff_seq", "est_synack_resend_with_different_ack",
        "est_synack_toserver", "fin1_ack_wrong_seq", "fin1_fin_wrong_seq", "fin1_invalid_ack", "fin2_ack_wrong_seq", "fin2_fin_wrong_seq",
        "fin2_invalid_ack", "fin_but_no_session", "fin_invalid_ack", "fin_out_of_window", "fin_syn", "lastack_ack_wrong_seq", "lastack_invalid_ack",
        "pkt_bad_window_update", "pkt_broken_ack", "pkt_invalid_ack", "pkt_invalid_timestamp", "pkt_retransmission", "pkt_spurious_retransmission",
        "reassembly_depth_reached", "reassembly_overlap_different_data", "reassembly_segment_before_base_seq", "reassembly_seq_gap",
        "reassembly_urgent_oob_limit_reached", "rst_but_no_session", "rst_invalid_ack", "shutdown_syn_resend", "suspected_rst_inject",
        "timewait_ack_wrong_seq", "timewait_invalid_ack", "wrong_thread",
    ];

    /// <summary>Names that load and never fire, in Suricata 8.0.8 neither, as far as tens of thousands of mutated packets and conversations showed.</summary>
    private static readonly Dictionary<string, string> NeverRaised = new()
    {
        ["gre.version1_malformed_sre_hdr"] = "source routes are refused for version 1 before their entries are read",
        ["ipv4.opt_unknown"] = "an unknown option is ipv4.opt_invalid",
        ["ipv6.exthdr_dupl_eh"] = "what follows an ESP header is encrypted, so there is no second one",
        ["3whs_synack_resend_with_diff_seq"] = "a different SYN/ACK is queued as the one that the client may take, and counts towards 3whs_synack_flood",
        ["est_syn_resend"] = "a SYN on an established connection is compared with the sequence number in force and is est_syn_resend_diff_seq",
        ["pkt_bad_window_update"] = "a shrinking window is accepted, as RFC 9293 §3.8.6 asks of receivers",
        ["reassembly_segment_before_base_seq"] = "segments before the base are pkt_spurious_retransmission before they reach the reassembler",
        ["wrong_thread"] = "both directions of a flow are one worker's",
    };

    [Fact]
    public void EveryNameIsKnown()
    {
        Assert.Equal(115, DecoderNames.Length);
        Assert.Equal(65, StreamNames.Length);
        Assert.All(DecoderNames, name => Assert.True(PacketEvents.TryFind(name, out _), name));
        Assert.All(StreamNames, name => Assert.True(PacketEvents.TryFind("stream." + name, out _), name));
    }

    [Fact]
    public void EveryDecoderEventIsRaisedOrSaidToBeNone()
    {
        HashSet<PacketEvent> raised = [];
        Corpus(raised);
        Crafted(raised);
        Fragmented(raised);
        Check(DecoderNames, name => name, raised);
    }

    [Fact]
    public void EveryStreamEventIsRaisedOrSaidToBeNone()
    {
        HashSet<PacketEvent> raised = [];
        foreach ((string conversation, EngineSettings settings) in StreamEventsTests.AllConversations)
        {
            TcpBench bench = new(settings);
            foreach (string packet in conversation.Split(';'))
            {
                Note(StreamEventsTests.Send(bench, packet), raised);
            }
        }

        Check(StreamNames, name => "stream." + name, raised);
    }

    private static void Check(string[] names, Func<string, string> full, HashSet<PacketEvent> raised)
    {
        List<string> wrong = [];
        foreach (string name in names)
        {
            PacketEvents.TryFind(full(name), out PacketEvent packetEvent);
            if (raised.Contains(packetEvent) == NeverRaised.ContainsKey(name))
            {
                wrong.Add(raised.Contains(packetEvent) ? $"{name} is raised after all" : $"{name} is not raised");
            }
        }

        Assert.True(wrong.Count == 0, string.Join(", ", wrong));
    }

    /// <summary>The packets that were played to Suricata as well, whole and cut at each length.</summary>
    private static void Corpus(HashSet<PacketEvent> raised)
    {
        Decoding decoding = new();
        foreach (string path in Directory.GetFiles(Path.Combine(CaptureFile.FindTestFolder("corpus"), "decoder"), "*.pcap"))
        {
            CaptureFile capture = CaptureFile.TryRead(path)!;
            foreach (byte[] frame in capture.Frames)
            {
                for (int length = Math.Max(0, frame.Length - 80); length <= frame.Length; length++)
                {
                    Decode(decoding, frame.AsSpan(0, length), capture.LinkType, raised);
                }

                for (int length = 0; length < Math.Min(60, frame.Length); length++)
                {
                    Decode(decoding, frame.AsSpan(0, length), capture.LinkType, raised);
                }
            }
        }
    }

    private static void Crafted(HashSet<PacketEvent> raised)
    {
        Decoding decoding = new();
        foreach ((LinkType link, byte[] frame) in Frames())
        {
            Decode(decoding, frame, link, raised);
        }

        Packet cut = new();
        byte[] whole = FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Udp, new byte[40]);
        cut.Reset(whole, 0, whole.Length, new FrameInfo { LinkType = LinkType.Ethernet, WireLength = whole.Length + 100 });
        decoding.Decoder.Decode(cut, decoding.Inner);
        Note(cut, raised);
    }

    private static IEnumerable<(LinkType Link, byte[] Frame)> Frames()
    {
        byte[] macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        byte[] gre = FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0, 0, 0x88, 0xbe, 0x10, 0]);
        yield return (LinkType.Ethernet, gre);
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0, 0]));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0xb0, 0, 8, 0, 1]));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0x30, 0x81, 0x88, 0x0b, 0, 1]));
        yield return (LinkType.Ethernet, [.. macs, 0x89, 0x03, 0, 1]);
        yield return (LinkType.Ethernet, [.. macs, 0x88, 0xe7, 0, 1, 2]);
        yield return (LinkType.Ethernet, [.. macs, 0x81, 0, 0]);
        yield return (LinkType.Ethernet, [.. macs, 0x89, 0x26, 0, 1]);
        byte[] erspan = FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0x64, 0, 1, 0, 0, 0, 0, .. macs, 8, 0, .. new byte[20]]);
        yield return (LinkType.Ethernet, [.. macs, 0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, .. erspan.AsSpan(12)]);
        List<byte> tags = [];
        for (int i = 0; i < 20; i++)
        {
            tags.AddRange([0, 0, 0, 0, 0x89, 0x26]);
        }

        yield return (LinkType.Ethernet, [.. macs, 0x89, 0x26, .. tags]);
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Gre, [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10]));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Icmp, [8, 0, 0]));
        yield return (LinkType.Ethernet, [.. macs, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 2, 58, 64, .. new byte[32], 128, 0]);
        yield return (LinkType.Ethernet, [.. macs, 0x86, 0xdd, 0x50, 0, 0, 0, 0, 8, 17, 64, .. new byte[40]]);
        yield return (LinkType.Raw, [0x46, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 7, .. new byte[8]]);
        byte[] datagram = FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Udp, new byte[8]);
        yield return (LinkType.Ethernet, With(datagram, 14, 0x44));
        yield return (LinkType.Ethernet, With(datagram, 14, 0x55));
        yield return (LinkType.Ethernet, With(datagram, 17, 10));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Tcp, new byte[10]));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Tcp, [.. new byte[12], 0x40, 2, .. new byte[6]]));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Tcp, [.. new byte[12], 0xf0, 2, .. new byte[6]]));
        yield return (LinkType.Ethernet, FrameBuilder.Raw("10.0.0.1", "10.0.0.2", IpProtocols.Udp, [0, 1, 0, 2]));
    }

    private static byte[] With(byte[] frame, int at, byte value)
    {
        byte[] changed = (byte[])frame.Clone();
        changed[at] = value;
        return changed;
    }

    private static void Fragmented(HashSet<PacketEvent> raised)
    {
        foreach (bool v6 in (ReadOnlySpan<bool>)[false, true])
        {
            Defragmenter defragmenter = new(new DefragSettings(), [], true, new FlowHash(1, 2));
            byte[] data = new byte[64];
            for (int i = 0; i < data.Length; i++)
            {
                data[i] = (byte)i;
            }

            byte[] other = [.. data.Select(b => (byte)~b)];
            byte[][] frames = v6
                ? [Fragments.V6(1, 0, true, data), Fragments.V6(1, 32, true, other), Fragments.V6(2, 65_528, false, data), Fragments.V6(3, 0, true, data.AsSpan(0, 13).ToArray())]
                : [Fragments.V4(1, 0, true, data), Fragments.V4(1, 32, true, other), Fragments.V4(2, 65_528, false, data)];
            foreach (byte[] frame in frames)
            {
                Decoding decoding = new();
                Packet packet = decoding.Decode(frame);
                packet.TimeUs = 1;
                defragmenter.Process(packet, out _);
                Note(packet, raised);
            }
        }
    }

    private static void Decode(Decoding decoding, ReadOnlySpan<byte> frame, LinkType link, HashSet<PacketEvent> raised)
    {
        Note(decoding.Decode(frame, link), raised);
        for (int i = 0; i < decoding.Inner.Count; i++)
        {
            Note(decoding.Inner[i], raised);
        }
    }

    private static void Note(Packet packet, HashSet<PacketEvent> raised)
    {
        int at = -1;
        while (packet.Events.TryGetNext(at, out PacketEvent packetEvent))
        {
            at = (int)packetEvent;
            raised.Add(packetEvent);
        }
    }
}
