using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Packets;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>Whatever carries a packet, rules see it, and a verdict on it holds for the frame that carries it.</summary>
public sealed class CarrierVerdictTests
{
    private const string Macs = "020000000001020000000002";
    private const string Six = "20010db8000000000000000000000001" + "20010db8000000000000000000000002";

    public static TheoryData<string> Names => [.. Frames("attack").Select(frame => frame.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void ADropWithinIsADropOfTheFrame(string name)
    {
        (_, LinkType link, byte[] attack) = Frames("attack").Single(frame => frame.Name == name);
        (_, _, byte[] benign) = Frames("benign").Single(frame => frame.Name == name);
        using PacketWorker worker = CreateWorker("drop ip any any -> any any (msg:\"found\"; content:\"attack\"; sid:1;)");
        Assert.Equal(VerdictAction.Pass, Play(worker, benign, link, 1).Action);
        Verdict verdict = Play(worker, attack, link, 2);
        Assert.Equal(VerdictAction.Drop, verdict.Action);
        Assert.Equal(0, worker.Faults);
    }

    /// <summary>As Suricata 8.0.8 says of Teredo: a record of the datagram within, then one of the datagram around it.</summary>
    [Fact]
    public void OfWhatIsDroppedWithinAPacketTheCarrierIsToldToo()
    {
        (_, LinkType link, byte[] attack) = Frames("attack").Single(frame => frame.Name == "VXLAN");
        var records = new RecordSink();
        using PacketWorker worker = CreateWorker("drop udp any any -> any 4321 (msg:\"found\"; content:\"attack\"; sid:1;)", records);
        Play(worker, attack, link, 1);
        JsonElement[] drops = [.. records.Records.Where(record => record.GetProperty("event_type").GetString() == "drop")];
        Assert.Equal(["rules", "tunnel packet drop"], drops.Select(drop => drop.GetProperty("drop").GetProperty("reason").GetString()));
        Assert.Equal([4321, 4789], drops.Select(drop => drop.GetProperty("dest_port").GetInt32()));
        Assert.Equal("to_server", drops[1].GetProperty("direction").GetString());
        Assert.NotEqual(drops[0].GetProperty("flow_id").GetInt64(), drops[1].GetProperty("flow_id").GetInt64());
    }

    [Fact]
    public void OfATunnelInATunnelTheFramesOwnIsShown()
    {
        (_, LinkType link, byte[] attack) = Frames("attack").Single(frame => frame.Name == "a tunnel in a tunnel");
        var records = new RecordSink();
        using PacketWorker worker = CreateWorker("alert udp any any -> any 4321 (msg:\"found\"; content:\"attack\"; sid:1;)", records);
        Play(worker, attack, link, 1);
        JsonElement tunnel = Assert.Single(records.Records).GetProperty("tunnel");
        Assert.Equal(("GRE", 2, "wire/pcap"), (tunnel.GetProperty("proto").GetString(), tunnel.GetProperty("depth").GetInt32(), tunnel.GetProperty("pkt_src").GetString()));
    }

    [Fact]
    public void ARejectWithinIsAnsweredForTheFrame()
    {
        (_, LinkType link, byte[] attack) = Frames("attack").Single(frame => frame.Name == "VXLAN");
        using PacketWorker worker = CreateWorker("reject udp any any -> any 4321 (msg:\"found\"; content:\"attack\"; sid:1;)");
        Verdict verdict = Play(worker, attack, link, 1);
        Assert.Equal(VerdictAction.Drop, verdict.Action);
        Assert.NotEqual(RejectTarget.None, verdict.Reject);
    }

    [Fact]
    public void AnIgmpMessageIsJudgedByItsHeader()
    {
        using PacketWorker worker = CreateWorker("drop ip any any -> any any (msg:\"igmp\"; ip_proto:2; ttl:64; sid:1;)");
        Assert.Equal(VerdictAction.Drop, Play(worker, Plain(2, [0x16, 0, 0, 0, 224, 0, 0, 9]), LinkType.Raw, 1).Action);
        Assert.Equal(VerdictAction.Pass, Play(worker, Plain(99, [0x16, 0, 0, 0, 224, 0, 0, 9]), LinkType.Raw, 2).Action);
        worker.CollectCounters();
        Assert.Equal(1, worker.Counters[Counter.DecoderIgmp]);
    }

    [Fact]
    public void VlanVniAndBridgeAreInTheFlowKey()
    {
        byte[] plain = FrameBuilder.Udp("10.0.0.1", 1234, "10.0.0.2", 4321, "benign"u8);
        using PacketWorker worker = CreateWorker("alert ip any any -> any any (sid:1;)");
        Play(worker, plain, LinkType.Ethernet, 1);
        Play(worker, FrameBuilder.WithVlan(plain, 5), LinkType.Ethernet, 2);
        Play(worker, FrameBuilder.WithVlan(FrameBuilder.WithVlan(plain, 6), 5, 0x88a8), LinkType.Ethernet, 3);
        Play(worker, FrameBuilder.WithVlan(FrameBuilder.WithVlan(FrameBuilder.WithVlan(plain, 7), 6), 5, 0x88a8), LinkType.Ethernet, 4);
        Play(worker, plain, LinkType.Ethernet, 5, bridge: 2);
        Assert.Equal(5, worker.Flows.Count);
        for (int vni = 1; vni <= 3; vni++)
        {
            // Each network has a flow of its own within the one that carries them all.
            Play(worker, Carried((byte)17, $"303912b5LLLL0000080000000000{vni:x2}00" + Macs + "0800", plain.AsSpan(14)), LinkType.Raw, 5 + vni);
        }

        Assert.Equal(5 + 1 + 3, worker.Flows.Count);
        Play(worker, plain, LinkType.Ethernet, 9);
        Assert.Equal(5 + 1 + 3, worker.Flows.Count);
    }

    [Theory]
    [InlineData(ChecksumState.Partial, true)]
    [InlineData(ChecksumState.Valid, true)]
    [InlineData(ChecksumState.Unknown, false)]
    public void AGsoSuperPacketOf64KiBIsFollowedWithItsUnfinishedChecksum(ChecksumState state, bool isTaken)
    {
        using PacketWorker worker = CreateWorker("drop tcp any any -> any any (msg:\"found\"; flow:to_server; content:\"attack\"; sid:1;)");
        Handshake(worker);
        byte[] payload = new byte[65_535 - 40];
        "attack"u8.CopyTo(payload.AsSpan(payload.Length - 6));
        byte[] frame = FrameBuilder.Tcp("10.0.0.1", 1000, "10.0.0.2", 80, 101, 501, "A", payload);
        frame[14 + 20 + 16] ^= 0x55; // What the sender's kernel leaves for hardware to finish is no sum.
        byte[] buffer = new byte[frame.Length + 64];
        frame.CopyTo(buffer, 64);
        Verdict verdict = worker.Process(buffer, 64, frame.Length, new FrameInfo { TimestampUs = 10, LinkType = LinkType.Ethernet, GsoSize = state == ChecksumState.Unknown ? (ushort)0 : (ushort)1448, Checksum = state });
        Assert.Equal(VerdictAction.Drop, verdict.Action);
        Assert.Equal(isTaken ? DropReason.Rules : DropReason.StreamError, verdict.Reason);
    }

    private static void Handshake(PacketWorker worker)
    {
        Play(worker, FrameBuilder.Tcp("10.0.0.1", 1000, "10.0.0.2", 80, 100, 0, "S", [], [3, 3, 7, 0]), LinkType.Ethernet, 1);
        Play(worker, FrameBuilder.Tcp("10.0.0.2", 80, "10.0.0.1", 1000, 500, 101, "SA", [], [3, 3, 7, 0]), LinkType.Ethernet, 2);
        Play(worker, FrameBuilder.Tcp("10.0.0.1", 1000, "10.0.0.2", 80, 101, 501, "A", []), LinkType.Ethernet, 3);

        // The window of a SYN is not scaled; this one's is.
        Play(worker, FrameBuilder.Tcp("10.0.0.2", 80, "10.0.0.1", 1000, 501, 101, "A", []), LinkType.Ethernet, 4);
    }

    /// <summary>The carriers of <see cref="LinkLayersTests"/> and what it does not have: other families, extension headers, protocols without ports.</summary>
    private static List<(string Name, LinkType Link, byte[] Frame)> Frames(string text)
    {
        byte[] payload = Encoding.ASCII.GetBytes(text);
        byte[] four = FrameBuilder.Udp("10.0.0.1", 1234, "10.0.0.2", 4321, payload)[14..];
        byte[] datagram = four[20..];
        List<(string, LinkType, byte[])> frames =
        [
            .. LinkLayersTests.CarrierRows.Select(row => (row.Name, (LinkType)row.Link, (byte[])[.. LinkLayersTests.Header(row.Header, four.Length, extra: 2), .. four])),
            .. LinkLayersTests.TunnelRows.Select(row => (row.Name, LinkType.Raw, Carried(row.Protocol, row.Header, four))),
            ("802.3 with LLC and SNAP", LinkType.Ethernet, [.. Hex(Macs + "0040" + "aaaa03000000" + "0800"), .. four]),
            ("three tags", LinkType.Ethernet, FrameBuilder.WithVlan(FrameBuilder.WithVlan(FrameBuilder.WithVlan([.. Hex(Macs + "0800"), .. four], 7), 6), 5, 0x88a8)),
            ("LOOP", LinkType.Loop, [.. Hex("00000002"), .. four]),
            ("6in4", LinkType.Raw, Carried(41, "", Six6(17, datagram))),
            ("4in6", LinkType.Raw, Six6(4, four)),
            ("6in6", LinkType.Raw, Six6(41, Six6(17, datagram))),
            ("Teredo", LinkType.Raw, Carried(17, "30390dd8LLLL0000", Six6(17, datagram))),
            ("IPv4 options", LinkType.Raw, WithOptions(four, "94040000")),
            ("IPv6 hop by hop", LinkType.Raw, Six6(0, [17, 0, 5, 2, 0, 0, 1, 0, .. datagram])),
            ("IPv6 routing", LinkType.Raw, Six6(43, [17, 0, 4, 0, 0, 0, 0, 0, .. datagram])),
            ("IPv6 destination options", LinkType.Raw, Six6(60, [17, 0, 1, 4, 0, 0, 0, 0, .. datagram])),
            ("IPv6 authentication", LinkType.Raw, Six6(51, [17, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, .. datagram])),
            ("IPv6 atomic fragment", LinkType.Raw, Six6(44, [17, 0, 0, 0, 0, 0, 0, 1, .. datagram])),
            ("all of these", LinkType.Raw, Six6(0, [60, 0, 5, 2, 0, 0, 1, 0, 43, 0, 1, 4, 0, 0, 0, 0, 51, 0, 4, 0, 0, 0, 0, 0, 60, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0, .. datagram])),
            ("GRE over IPv6", LinkType.Raw, Six6(47, [0, 0, 8, 0, .. four])),
            ("VXLAN over IPv6 in a tagged frame", LinkType.Ethernet, FrameBuilder.WithVlan(
                [.. Hex(Macs + "86dd"), .. Six6(17, [.. LinkLayersTests.Header("303912b5LLLL0000" + "0800000000002a00" + Macs + "0800", four.Length, extra: 30), .. four])], 9)),
            ("a tunnel in a tunnel", LinkType.Raw, Carried(47, "00000800", Carried(4, "", four))),
            ("SCTP", LinkType.Raw, Plain(132, [4, 210, 16, 225, 0, 0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 22, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, .. payload, 0, 0])),
            ("ESP", LinkType.Raw, Plain(50, [0, 0, 0, 1, 0, 0, 0, 1, .. payload])),
            ("ICMP", LinkType.Raw, Plain(1, [8, 0, 0, 0, 0, 1, 0, 1, .. payload])),
            ("ICMPv6", LinkType.Raw, Six6(58, [128, 0, 0, 0, 0, 1, 0, 1, .. payload])),
        ];
        return frames;
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text);

    /// <summary>Behind an IPv4 header of <paramref name="protocol"/> and the carrier's own header.</summary>
    private static byte[] Carried(byte protocol, string header, ReadOnlySpan<byte> inner) =>
        Plain(protocol, [.. LinkLayersTests.Header(header, inner.Length, extra: header.Length / 2), .. inner]);

    private static byte[] Plain(byte protocol, ReadOnlySpan<byte> data)
    {
        byte[] packet = new byte[20 + data.Length];
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = protocol;
        new byte[] { 192, 0, 2, 1, 192, 0, 2, 2 }.CopyTo(packet, 12);
        data.CopyTo(packet.AsSpan(20));
        return packet;
    }

    private static byte[] WithOptions(byte[] packet, string options)
    {
        byte[] added = Hex(options);
        byte[] longer = [.. packet[..20], .. added, .. packet[20..]];
        longer[0] = (byte)(0x45 + (added.Length / 4));
        BinaryPrimitives.WriteUInt16BigEndian(longer.AsSpan(2), (ushort)longer.Length);
        return longer;
    }

    private static byte[] Six6(byte next, ReadOnlySpan<byte> data) =>
        [0x60, 0, 0, 0, (byte)(data.Length >> 8), (byte)data.Length, next, 64, .. Hex(Six), .. data];

    private static Verdict Play(PacketWorker worker, byte[] frame, LinkType link, long time, ushort bridge = 0)
    {
        byte[] buffer = new byte[frame.Length + 64];
        frame.CopyTo(buffer, 64);
        return worker.Process(buffer, 64, frame.Length, new FrameInfo { TimestampUs = time, Number = (ulong)time, LinkType = link, BridgeId = bridge });
    }

    private static PacketWorker CreateWorker(string rules, IEventSink? events = null)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", rules)] });
        Assert.False(loaded.HasErrors);
        EngineSettings settings = new()
        {
            IsInline = true,
            ValidateChecksums = true,
            Decoder = new DecoderSettings { GtpUEnabled = true, ErspanTypeIEnabled = true },
            Eve = events is null ? new EveSettings() : new EveSettings { Types = [new EveTypeSettings("alert", ProtocolSettings.Empty), new EveTypeSettings("drop", ProtocolSettings.Empty)] },
        };
        return new PacketWorker(new WorkerEnvironment { Settings = settings, Events = events ?? new NullSink(), FlowHash = new FlowHash(1, 2) })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
    }

    private sealed class RecordSink : IEventSink
    {
        public List<JsonElement> Records { get; } = [];

        public void Write(in EventHeader header, ReadOnlySpan<byte> json) => Records.Add(JsonDocument.Parse(json.ToArray()).RootElement);
    }

    private sealed class NullSink : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }
}
