using System.Globalization;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>For each stream event the conversations whose last packet raises it, found by playing them to Suricata 8.0.8 as well: both say the same.</summary>
/// <remarks>
/// A conversation is packets split by <c>;</c>, each <c>SIDE FLAGS SEQUENCE ACKNOWLEDGEMENT [LENGTH [WINDOW]] [OPTION=VALUE]</c> with the numbers counted from
/// the side's first one. Options: <c>ts</c> timestamps, <c>tfo</c> Fast Open, <c>k</c> an acknowledgement number without its flag.
/// </remarks>
public sealed class StreamEventsTests
{
    /// <summary>Conversations whose events need other settings than the default.</summary>
    private static readonly (string Conversation, string Expected, EngineSettings Settings)[] Configured =
    [
        ("c S 0 0;s SA 0 1;s PA 1 1 50", "3whs_ack_data_inject", TcpBench.Inline()),
        ("c S 0 0;s SA 0 1;s A 1 1", "3whs_ack_in_wrong_dir", TcpBench.Inline()),
        ("c S 0 0;c A 7 1 5", "3whs_async_wrong_seq", new EngineSettings { Stream = new StreamSettings { AsyncOneside = true } }),
        ("c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 30", "reassembly_depth_reached", new EngineSettings { Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = 20 } } }),
        ("c S 0 0;s SA 0 1;c A 1 1;c PAU 1 1 5 8192 u=1;c PAU 6 1 5 8192 u=1", "reassembly_urgent_oob_limit_reached",
            new EngineSettings { Stream = new StreamSettings { Urgent = UrgentPolicy.OutOfBand, UrgentOobLimit = 1 } }),
    ];

    /// <summary>All conversations of this class with the settings they are played under.</summary>
    internal static IEnumerable<(string Conversation, EngineSettings Settings)> AllConversations =>
        [.. Table.Select(row => (row[0], new EngineSettings())), .. Repeats.Select(row => (row[0], new EngineSettings())), .. Configured.Select(row => (row.Conversation, row.Settings))];

    public static TheoryData<string, string> Repetitions => new(Repeats.Select(row => (row[0], row[1])));

    public static TheoryData<int> ConfiguredRows => [.. Enumerable.Range(0, Configured.Length)];

    public static TheoryData<string, string> Conversations => new(Table.Select(row => (row[0], row[1])));

    /// <summary>The same for repeated data, whose events the other table leaves out; the whole of what Suricata says with every rule on.</summary>
    private static readonly string[][] Repeats =
    [
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c PA 1 1 10", "pkt_spurious_retransmission"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c PA 11 1 10;s A 1 21;c PA 1 1 15", "est_pkt_before_last_ack pkt_spurious_retransmission"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s A 1 12;c PA 1 1 10", "closewait_pkt_before_last_ack pkt_retransmission pkt_spurious_retransmission"],
    ];

    private static readonly string[][] Table =
    [
        ["c S 0 0;s S 0 0;c SA 0 1;c A 1 0 0", "3whs_right_seq_wrong_ack_evasion"],
        ["c S 0 0;s SA 0 1;s A 0 1", "3whs_wrong_seq_wrong_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c FA 5001 1;c FA 1 1", "closewait_fin_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 0 0", "3whs_right_seq_wrong_ack_evasion"],
        ["c S 0 0;s S 0 0;c SA 0 1;c S 1 1 0", "3whs_syn_resend_diff_seq_on_syn_recv"],
        ["c S 0 0;s SA 0 1;c S 1 1 0", "3whs_syn_resend_diff_seq_on_syn_recv"],
        ["c S 0 0;s S 0 0;c SA 0 1;s S 1 1 0", "3whs_syn_toclient_on_syn_recv"],
        ["c S 0 0;s SA 0 1;s S 1 1 0", "3whs_syn_toclient_on_syn_recv"],
        ["c S 0 0;c SA 1 0 0", "3whs_synack_in_wrong_direction"],
        ["c S 0 0;s S 0 0;c SA 0 1;s SA 1 0 0", "3whs_synack_resend_with_diff_ack"],
        ["c S 0 0;s SA 0 1;s SA 1 0 0", "3whs_synack_resend_with_diff_ack"],
        ["c S 0 0;s SA 0 1;c SA 1 1 0", "3whs_synack_toserver_on_syn_recv"],
        ["c S 0 0;s S 0 0;s SA 1 0 0", "3whs_synack_with_wrong_ack"],
        ["c S 0 0;s SA 0 0 0", "3whs_synack_with_wrong_ack"],
        ["c S 0 0;s S 0 0;c SA 0 1;c A 0 1 5", "3whs_wrong_seq_wrong_ack"],
        ["c S 0 0;s SA 0 1;c A 0 1 5", "3whs_wrong_seq_wrong_ack"],
        ["c S 0 0;s S 0 0;c SA 1 0 0", "4whs_synack_with_wrong_ack"],
        ["c S 0 0;s S 0 0;c SA 1 1 0", "4whs_synack_with_wrong_syn"],
        ["c S 0 0;s S 0 0;c SA 0 1;s A 0 1 5", "4whs_wrong_seq"],
        ["c S 0 0;s S 0 0;c SA 0 1;s A 1 2 0", "4whs_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c F 11 0;c A 200000 12", "closing_ack_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c F 11 0;c A 12 200000", "closing_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 10;s FA 11 11;c FA 11 1;c A 200000 12", "timewait_ack_wrong_seq"],
        ["c S 0 0;s RA -5000 1;s SA 0 1", "suspected_rst_inject"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c S 0 0", "shutdown_syn_resend"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s FA 1 12;c S 0 0", "shutdown_syn_resend"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;c A 200012 1 0", "closewait_ack_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s A 1 12;c A 200012 1 0", "closewait_ack_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;c FA 4 1 0", "closewait_fin_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s A 1 12;c FA 11 1 0", "closewait_fin_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;c A 12 200001 0", "closewait_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s A 1 12;c A 12 200001 0", "closewait_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c A 1 200001 0", "est_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c A 11 200021 0", "est_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c A 200001 1 0", "est_packet_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c A 200011 21 0", "est_packet_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c S 1 1 0", "est_syn_resend_diff_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c S 11 21 0", "est_syn_resend_diff_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;s S 1 1 0", "est_syn_toclient"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;s S 21 11 0", "est_syn_toclient"],
        ["c S 0 0;s SA 0 1;c A 1 1;s SA 1 1 0", "est_synack_resend_with_diff_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;s SA 21 11 0", "est_synack_resend_with_diff_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;s SA 1 0 0", "est_synack_resend_with_diff_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;s SA 21 10 0", "est_synack_resend_with_diff_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c SA 1 1 0", "est_synack_toserver"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c SA 11 21 0", "est_synack_toserver"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c A 200011 2 0", "fin1_ack_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c FA 200011 2 0", "fin1_fin_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c A 11 200002 0", "fin1_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c A 11 2;c A 200011 2 0", "fin2_ack_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c A 11 2;c FA 200011 2 0", "fin2_fin_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c A 11 2;c A 11 200002 0", "fin2_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c FA 1 200001 0", "fin_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c FA 11 200021 0", "fin_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c FA 0 1 0", "fin_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c FA 10 21 0", "fin_out_of_window"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s FA 1 12;c A 200012 2 0", "lastack_ack_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c FA 11 1;s FA 1 12;c A 12 200002 0", "lastack_invalid_ack pkt_invalid_ack"],
        ["c S 0 0;s S 0 0;c RA 1 1 0", "pkt_invalid_ack rst_invalid_ack"],
        ["c S 0 0;s S 0 0;c SA 0 1;c RA 1 200001 0", "pkt_invalid_ack rst_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s PA 1 11 20;c A 11 21;c A 10 21 5", "reassembly_overlap_different_data"],
        ["c S 0 0;s S 0 0;c RA 1 1 0", "pkt_invalid_ack rst_invalid_ack"],
        ["c S 0 0;s S 0 0;c SA 0 1;c RA 1 200001 0", "pkt_invalid_ack rst_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c FA 11 1;c A 4 2 0", "timewait_ack_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c FA 11 2;c A 4 2 0", "timewait_ack_wrong_seq"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c FA 11 1;c A 12 200002 0", "pkt_invalid_ack timewait_invalid_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s FA 1 11;c FA 11 2;c A 12 200002 0", "pkt_invalid_ack timewait_invalid_ack"],
        // Options, repetitions and floods.
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;s SA 0 11", "est_synack_resend"],
        ["c S 0 0 ts=100/0;s SA 0 1 ts=200/100;c A 1 1 ts=101/200;c PA 1 1 10 ts=50/200", "pkt_invalid_timestamp"],
        ["c S 0 0 ts=100/0;s A 0 1 ts=200/900", "pkt_invalid_timestamp"],
        ["c S 0 0;c S 1 0;c S 2 0;c S 3 0;c S 4 0;c S 5 0;c S 6 0;c S 7 0;c S 8 0;c S 9 0;c S 10 0;c S 11 0", "3whs_syn_flood"],
        ["c S 0 0;s SA 0 1;s SA 1 1;s SA 2 1;s SA 3 1;s SA 4 1;s SA 5 1;s SA 6 1;s SA 7 1", "3whs_synack_flood"],
        ["c S 0 0 10 tfo=1;s SA 0 1 tfo=1", "3whs_synack_tfo_data_ignored"],
        ["c S 0 0;s SA 0 1;c A 1 1;c SF 5 1", "fin_syn"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;s A 1 11;c PA 11 1 10;c PA 1 1 20", "reassembly_overlap_different_data"],
        ["c R 5 0", "rst_but_no_session"],
        ["c FA 5 1", "fin_but_no_session"],
        ["c S 0 0 k=9", "pkt_broken_ack"],
        ["c S 0 0;s SA 0 1;c A 1 1;c PA 1 1 10;c PA 21 1 10;s A 1 31", "reassembly_seq_gap"],
    ];

    [Theory]
    [MemberData(nameof(Conversations))]
    public void TheLastPacketRaisesItsEvents(string conversation, string expected)
    {
        TcpBench bench = new();
        Packet last = null!;
        foreach (string packet in conversation.Split(';'))
        {
            last = Send(bench, packet);
        }

        string[] names = [.. expected.Split(' ').Select(name => "stream." + name).Order(StringComparer.Ordinal)];
        Assert.Equal(names, EventsOf(last));
    }

    [Fact]
    public void NoPacketBeforeTheLastRaisesAnything()
    {
        foreach (string[] row in Table)
        {
            TcpBench bench = new();
            foreach (string packet in row[0].Split(';')[..^1])
            {
                string[] events = [.. EventsOf(Send(bench, packet)).Where(name => !row[1].Contains("flood", StringComparison.Ordinal) || !name.Contains("flood", StringComparison.Ordinal))];
                Assert.Empty(events);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Repetitions))]
    public void RepeatedDataRaisesItsEvents(string conversation, string expected)
    {
        TcpBench bench = new();
        Packet last = null!;
        foreach (string packet in conversation.Split(';'))
        {
            last = Send(bench, packet);
        }

        Assert.Equal(expected.Split(' ').Select(name => "stream." + name), EventsOf(last, withRepetitions: true));
    }

    [Theory]
    [MemberData(nameof(ConfiguredRows))]
    public void UnderItsSettingsTheLastPacketRaisesItsEvent(int row)
    {
        TcpBench bench = new(Configured[row].Settings);
        Packet last = null!;
        foreach (string packet in Configured[row].Conversation.Split(';'))
        {
            last = Send(bench, packet);
        }

        Assert.Contains("stream." + Configured[row].Expected, EventsOf(last));
    }

    internal static Packet Send(TcpBench bench, string text)
    {
        string[] words = [.. text.Split(' ').Where(word => !word.Contains('=', StringComparison.Ordinal))];
        bool fromClient = words[0] == "c";
        TcpFlags flags = TcpFlags.None;
        foreach (char letter in words[1])
        {
            flags |= letter switch
            {
                'S' => TcpFlags.Syn,
                'A' => TcpFlags.Ack,
                'F' => TcpFlags.Fin,
                'R' => TcpFlags.Rst,
                'P' => TcpFlags.Psh,
                'U' => TcpFlags.Urg,
                _ => TcpFlags.None,
            };
        }

        uint own = fromClient ? TcpBench.ClientIsn : TcpBench.ServerIsn;
        uint other = fromClient ? TcpBench.ServerIsn : TcpBench.ClientIsn;
        uint acknowledgement = (flags & TcpFlags.Ack) != 0 ? other + (uint)Number(words, 3) : 0;
        string payload = new([.. Enumerable.Range(0, Number(words, 4)).Select(i => (char)('A' + (i % 26)))]);
        Packet packet = bench.Maker.Make(
            fromClient ? Direction.ToServer : Direction.ToClient,
            flags,
            own + (uint)Number(words, 2),
            acknowledgement,
            System.Text.Encoding.Latin1.GetBytes(payload),
            words.Length > 5 ? (ushort)Number(words, 5) : (ushort)8192);
        foreach (string option in text.Split(' ').Where(word => word.Contains('=', StringComparison.Ordinal)))
        {
            string[] parts = option.Split('=', '/');
            switch (parts[0])
            {
                case "ts":
                    packet.Tcp.HasTimestamp = true;
                    packet.Tcp.TimestampValue = (uint)Parse(parts[1]);
                    packet.Tcp.TimestampEcho = (uint)Parse(parts[2]);
                    break;
                case "tfo":
                    packet.Tcp.FastOpen = true;
                    packet.Tcp.FastOpenCookieLength = 8;
                    break;
                case "u":
                    packet.Tcp.UrgentPointer = (ushort)Parse(parts[1]);
                    break;
                default:
                    packet.Tcp.Acknowledgement = (uint)Parse(parts[1]);
                    break;
            }
        }

        return bench.Send(packet);
    }

    /// <summary>Repetition of data is no event of a rule that is on.</summary>
    private static List<string> EventsOf(Packet packet, bool withRepetitions = false)
    {
        List<string> names = [];
        int at = -1;
        while (packet.Events.TryGetNext(at, out PacketEvent packetEvent))
        {
            at = (int)packetEvent;
            if (withRepetitions || packetEvent is not (PacketEvent.StreamPacketRetransmission or PacketEvent.StreamPacketSpuriousRetransmission))
            {
                names.Add(PacketEvents.NameOf(packetEvent)!);
            }
        }

        names.Sort(StringComparer.Ordinal);
        return names;
    }

    private static int Number(string[] words, int index) => index < words.Length ? Parse(words[index]) : 0;

    private static int Parse(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
