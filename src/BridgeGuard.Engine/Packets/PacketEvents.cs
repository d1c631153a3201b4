namespace BridgeGuard.Engine.Packets;

/// <summary>Names of packet events as rules and EVE <c>anomaly</c> records write them.</summary>
/// <remarks>
/// <para>Rules: <c>decode-event:ipv4.pkt_too_small</c> (also written <c>engine-event</c> for old rules) takes <see cref="RuleNameOf"/> of a
/// decoder event, <c>stream-event:3whs_synack_flood</c> that of a stream event, without the prefix <c>stream.</c>.</para>
/// <para>EVE <c>anomaly</c>: a decoder event is <c>"type":"decode","event":"decoder.ipv4.pkt_too_small"</c>, a stream event
/// <c>"type":"stream","event":"stream.3whs_synack_flood"</c>: see <see cref="EveNameOf"/> (and <c>decoder.too_many_layers</c> has type <c>stream</c> as well,
/// seen in Suricata 8.0.8). Records of a packet without a valid IP header have neither addresses nor <c>proto</c>. The counters of a <c>stats</c> record have the names
/// <c>decoder.event.ipv4.pkt_too_small</c> and <c>stream.3whs_synack_flood</c>.</para>
/// </remarks>
public static class PacketEvents
{
    /// <summary>Numbers in use are below this, with a gap before <see cref="PacketEvent.FirstStreamEvent"/>.</summary>
    public const int Limit = 384;

    private const string StreamPrefix = "stream.";

    private static readonly string?[] Names = CreateNames();
    private static readonly string?[] EveNames = CreateEveNames();

    /// <summary>The name, such as <c>ipv4.pkt_too_small</c> or <c>stream.3whs_ack_in_wrong_dir</c>; null for a number not in use.</summary>
    public static string? NameOf(PacketEvent packetEvent) => (uint)packetEvent < Limit ? Names[(int)packetEvent] : null;

    /// <summary>The name as the <c>event</c> of an anomaly record: <c>decoder.ipv4.pkt_too_small</c>, <c>stream.3whs_ack_in_wrong_dir</c>.</summary>
    public static string? EveNameOf(PacketEvent packetEvent) => (uint)packetEvent < Limit ? EveNames[(int)packetEvent] : null;

    /// <summary>The name as <c>decode-event</c> or <c>stream-event</c> takes it: without the prefix <c>stream.</c>.</summary>
    public static string? RuleNameOf(PacketEvent packetEvent) =>
        IsStreamEvent(packetEvent) ? NameOf(packetEvent)?[StreamPrefix.Length..] : NameOf(packetEvent);

    public static bool IsStreamEvent(PacketEvent packetEvent) => packetEvent >= PacketEvent.FirstStreamEvent;

    /// <summary>Finds the event a rule names; <paramref name="name"/> as in <see cref="NameOf"/>.</summary>
    public static bool TryFind(ReadOnlySpan<char> name, out PacketEvent packetEvent)
    {
        name = name switch
        {
            // Two names that rules use differ from what the sensor counts; both are accepted.
            "stream.3whs_synack_resend_with_different_ack" => "stream.3whs_synack_resend_with_diff_ack",
            "stream.est_synack_resend_with_different_ack" => "stream.est_synack_resend_with_diff_ack",
            _ => name,
        };
        for (int i = 0; i < Limit; i++)
        {
            if (Names[i] is { } known && name.SequenceEqual(known))
            {
                packetEvent = (PacketEvent)i;
                return true;
            }
        }

        packetEvent = default;
        return false;
    }

    private static string?[] CreateEveNames()
    {
        string?[] names = new string?[Limit];
        for (int i = 0; i < Limit; i++)
        {
            names[i] = Names[i] is not { } name || i >= (int)PacketEvent.FirstStreamEvent ? Names[i] : "decoder." + name;
        }

        return names;
    }

    private static string?[] CreateNames()
    {
        string?[] names = new string?[Limit];
        DecoderNames.CopyTo(names, 0);
        StreamNames.CopyTo(names, (int)PacketEvent.FirstStreamEvent);
        return names;
    }

    private static string[] DecoderNames =>
    [
        "afpacket.trunc_pkt",
        "ipv4.pkt_too_small",
        "ipv4.hlen_too_small",
        "ipv4.iplen_smaller_than_hlen",
        "ipv4.trunc_pkt",
        "ipv4.opt_invalid",
        "ipv4.opt_invalid_len",
        "ipv4.opt_malformed",
        "ipv4.opt_pad_required",
        "ipv4.opt_eol_required",
        "ipv4.opt_duplicate",
        "ipv4.opt_unknown",
        "ipv4.wrong_ip_version",
        "ipv4.icmpv6",
        "ipv4.frag_pkt_too_large",
        "ipv4.frag_overlap",
        "ipv4.frag_ignored",
        "icmpv4.pkt_too_small",
        "icmpv4.unknown_type",
        "icmpv4.unknown_code",
        "icmpv4.ipv4_trunc_pkt",
        "icmpv4.ipv4_unknown_ver",
        "icmpv6.unknown_type",
        "icmpv6.unknown_code",
        "icmpv6.pkt_too_small",
        "icmpv6.ipv6_unknown_version",
        "icmpv6.ipv6_trunc_pkt",
        "icmpv6.mld_message_with_invalid_hl",
        "icmpv6.unassigned_type",
        "icmpv6.experimentation_type",
        "ipv6.pkt_too_small",
        "ipv6.trunc_pkt",
        "ipv6.trunc_exthdr",
        "ipv6.exthdr_dupl_fh",
        "ipv6.exthdr_useless_fh",
        "ipv6.exthdr_dupl_rh",
        "ipv6.exthdr_dupl_hh",
        "ipv6.exthdr_dupl_dh",
        "ipv6.exthdr_dupl_ah",
        "ipv6.exthdr_dupl_eh",
        "ipv6.exthdr_invalid_optlen",
        "ipv6.wrong_ip_version",
        "ipv6.exthdr_ah_res_not_null",
        "ipv6.hopopts_unknown_opt",
        "ipv6.hopopts_only_padding",
        "ipv6.dstopts_unknown_opt",
        "ipv6.dstopts_only_padding",
        "ipv6.rh_type_0",
        "ipv6.zero_len_padn",
        "ipv6.fh_non_zero_reserved_field",
        "ipv6.data_after_none_header",
        "ipv6.unknown_next_header",
        "ipv6.icmpv4",
        "ipv6.frag_pkt_too_large",
        "ipv6.frag_overlap",
        "ipv6.frag_invalid_length",
        "ipv6.frag_ignored",
        "ipv6.ipv4_in_ipv6_too_small",
        "ipv6.ipv4_in_ipv6_wrong_version",
        "ipv6.ipv6_in_ipv6_too_small",
        "ipv6.ipv6_in_ipv6_wrong_version",
        "tcp.pkt_too_small",
        "tcp.hlen_too_small",
        "tcp.invalid_optlen",
        "tcp.opt_invalid_len",
        "tcp.opt_duplicate",
        "tcp.opt_wscale_over_max",
        "udp.pkt_too_small",
        "udp.hlen_too_small",
        "udp.hlen_invalid",
        "udp.len_invalid",
        "sll.pkt_too_small",
        "sll2.pkt_too_small",
        "ethernet.pkt_too_small",
        "ethernet.unknown_ethertype",
        "ppp.pkt_too_small",
        "ppp.vju_pkt_too_small",
        "ppp.ip4_pkt_too_small",
        "ppp.ip6_pkt_too_small",
        "ppp.wrong_type",
        "ppp.unsup_proto",
        "pppoe.pkt_too_small",
        "pppoe.wrong_code",
        "pppoe.malformed_tags",
        "gre.pkt_too_small",
        "gre.wrong_version",
        "gre.version0_recur",
        "gre.version0_flags",
        "gre.version0_hdr_too_big",
        "gre.version0_malformed_sre_hdr",
        "gre.version1_chksum",
        "gre.version1_route",
        "gre.version1_ssr",
        "gre.version1_recur",
        "gre.version1_flags",
        "gre.version1_no_key",
        "gre.version1_wrong_protocol",
        "gre.version1_malformed_sre_hdr",
        "gre.version1_hdr_too_big",
        "vlan.header_too_small",
        "vlan.unknown_type",
        "vlan.too_many_layers",
        "ieee8021ah.header_too_small",
        "vntag.header_too_small",
        "vntag.unknown_type",
        "ipraw.invalid_ip_version",
        "ltnull.pkt_too_small",
        "ltnull.unsupported_type",
        "sctp.pkt_too_small",
        "esp.pkt_too_small",
        "mpls.header_too_small",
        "mpls.pkt_too_small",
        "mpls.bad_label_router_alert",
        "mpls.bad_label_implicit_null",
        "mpls.bad_label_reserved",
        "mpls.unknown_payload_type",
        "vxlan.unknown_payload_type",
        "geneve.unknown_payload_type",
        "erspan.header_too_small",
        "erspan.unsupported_version",
        "erspan.too_many_vlan_layers",
        "dce.pkt_too_small",
        "chdlc.pkt_too_small",
        "nsh.header_too_small",
        "nsh.unsupported_version",
        "nsh.bad_header_length",
        "nsh.reserved_type",
        "nsh.unsupported_type",
        "nsh.unknown_payload",
        "too_many_layers",
        "arp.pkt_too_small",
        "arp.unsupported_hardware",
        "arp.unsupported_protocol",
        "arp.invalid_pkt",
        "arp.invalid_hardware_size",
        "arp.invalid_protocol_size",
        "arp.unsupported_opcode",
    ];

    private static string[] StreamNames =>
    [
        "stream.3whs_ack_in_wrong_dir",
        "stream.3whs_async_wrong_seq",
        "stream.3whs_right_seq_wrong_ack_evasion",
        "stream.3whs_synack_in_wrong_direction",
        "stream.3whs_synack_resend_with_diff_ack",
        "stream.3whs_synack_resend_with_diff_seq",
        "stream.3whs_synack_toserver_on_syn_recv",
        "stream.3whs_synack_with_wrong_ack",
        "stream.3whs_synack_flood",
        "stream.3whs_synack_tfo_data_ignored",
        "stream.3whs_syn_resend_diff_seq_on_syn_recv",
        "stream.3whs_syn_toclient_on_syn_recv",
        "stream.3whs_syn_flood",
        "stream.3whs_wrong_seq_wrong_ack",
        "stream.3whs_ack_data_inject",
        "stream.4whs_synack_with_wrong_ack",
        "stream.4whs_synack_with_wrong_syn",
        "stream.4whs_wrong_seq",
        "stream.4whs_invalid_ack",
        "stream.closewait_ack_out_of_window",
        "stream.closewait_fin_out_of_window",
        "stream.closewait_pkt_before_last_ack",
        "stream.closewait_invalid_ack",
        "stream.closing_ack_wrong_seq",
        "stream.closing_invalid_ack",
        "stream.est_packet_out_of_window",
        "stream.est_pkt_before_last_ack",
        "stream.est_synack_resend",
        "stream.est_synack_resend_with_diff_ack",
        "stream.est_synack_resend_with_diff_seq",
        "stream.est_synack_toserver",
        "stream.est_syn_resend",
        "stream.est_syn_resend_diff_seq",
        "stream.est_syn_toclient",
        "stream.est_invalid_ack",
        "stream.est_ack_zwp_data",
        "stream.fin_invalid_ack",
        "stream.fin1_ack_wrong_seq",
        "stream.fin1_fin_wrong_seq",
        "stream.fin1_invalid_ack",
        "stream.fin2_ack_wrong_seq",
        "stream.fin2_fin_wrong_seq",
        "stream.fin2_invalid_ack",
        "stream.fin_but_no_session",
        "stream.fin_out_of_window",
        "stream.fin_syn",
        "stream.lastack_ack_wrong_seq",
        "stream.lastack_invalid_ack",
        "stream.rst_but_no_session",
        "stream.timewait_ack_wrong_seq",
        "stream.timewait_invalid_ack",
        "stream.shutdown_syn_resend",
        "stream.pkt_invalid_timestamp",
        "stream.pkt_invalid_ack",
        "stream.pkt_broken_ack",
        "stream.rst_invalid_ack",
        "stream.rst_with_data",
        "stream.pkt_retransmission",
        "stream.pkt_spurious_retransmission",
        "stream.pkt_bad_window_update",
        "stream.suspected_rst_inject",
        "stream.wrong_thread",
        "stream.reassembly_segment_before_base_seq",
        "stream.reassembly_no_segment",
        "stream.reassembly_seq_gap",
        "stream.reassembly_overlap_different_data",
        "stream.reassembly_depth_reached",
        "stream.reassembly_insert_memcap",
        "stream.reassembly_insert_limit",
        "stream.reassembly_insert_invalid",
        "stream.reassembly_urgent_oob_limit_reached",
    ];
}
