using System.Text.Json;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Events;

public sealed class EventEmitterTests
{
    private const long TimeUs = 1_468_449_727_199_672;

    [Fact]
    public void AlertCarriesRuleFlowAndDirection()
    {
        RecordedEvents events = new();
        using EventEmitter emitter = Emitter(events, ("alert", []));
        Flow flow = TcpFlow();
        Packet packet = TcpPacket(flow);
        AlertEntry entry = new() { Rule = Rule(), Action = RuleAction.Alert };

        emitter.Alert(packet, flow, in entry);

        JsonElement json = events.Only;
        Assert.Equal("2016-07-13T22:42:07.199672+0000", json.GetProperty("timestamp").GetString());
        Assert.Equal("alert", json.GetProperty("event_type").GetString());
        Assert.Equal(4UL, json.GetProperty("pcap_cnt").GetUInt64());
        Assert.Equal("10.16.1.11", json.GetProperty("src_ip").GetString());
        Assert.Equal(54186, json.GetProperty("src_port").GetInt32());
        Assert.Equal("TCP", json.GetProperty("proto").GetString());
        Assert.Equal("wire/pcap", json.GetProperty("pkt_src").GetString());
        Assert.Equal("to_server", json.GetProperty("direction").GetString());
        JsonElement alert = json.GetProperty("alert");
        Assert.Equal("allowed", alert.GetProperty("action").GetString());
        Assert.Equal(2000001, alert.GetProperty("signature_id").GetInt32());
        Assert.Equal("2014_01_02", alert.GetProperty("metadata").GetProperty("created_at")[0].GetString());
        Assert.False(alert.TryGetProperty("rule", out _));
        Assert.Equal("10.16.1.11", alert.GetProperty("source").GetProperty("ip").GetString());
        Assert.Equal(80, alert.GetProperty("target").GetProperty("port").GetInt32());
        Assert.Equal(3UL, json.GetProperty("flow").GetProperty("pkts_toserver").GetUInt64());
        Assert.Equal("2016-07-13T22:42:07.000000+0000", json.GetProperty("flow").GetProperty("start").GetString());
    }

    [Theory]
    [InlineData(1, "request")]
    [InlineData(2, "reply")]
    [InlineData(3, "request_reverse")]
    [InlineData(4, "reply_reverse")]
    public void ArpSaysWhoAsksForWhom(byte operation, string name)
    {
        RecordedEvents events = new();
        using EventEmitter emitter = Emitter(events, ("arp", [("enabled", "yes")]));
        byte[] frame = [0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
        Packet packet = new();
        packet.Reset(frame, 0, frame.Length, new FrameInfo { TimestampUs = TimeUs, Number = 7 });
        packet.ArpOffset = 0;

        emitter.Arp(packet);

        JsonElement json = events.Only;
        Assert.Equal("arp", json.GetProperty("event_type").GetString());
        Assert.False(json.TryGetProperty("src_ip", out _));
        Assert.Equal(name, json.GetProperty("arp").GetProperty("opcode").GetString());
        Assert.Equal("02:00:00:00:00:01", json.GetProperty("arp").GetProperty("src_mac").GetString());
        Assert.Equal("10.0.0.2", json.GetProperty("arp").GetProperty("dest_ip").GetString());
    }

    [Fact]
    public void AlertOptionsAddPayloadPacketRuleReferencesAndVerdict()
    {
        RecordedEvents events = new();
        using EventEmitter emitter = Emitter(
            events,
            ("alert", [("payload", "yes"), ("payload-printable", "yes"), ("payload-length", "yes"), ("packet", "yes"), ("verdict", "yes"), ("metadata.rule.raw", "yes"), ("metadata.rule.reference", "yes")]));
        Packet packet = TcpPacket(null);
        AlertEntry entry = new() { Rule = Rule(), Action = RuleAction.Alert };

        emitter.Alert(packet, null, in entry);

        JsonElement json = events.Only;
        Assert.Equal("YWJj", json.GetProperty("payload").GetString());
        Assert.Equal("abc", json.GetProperty("payload_printable").GetString());
        Assert.Equal(3, json.GetProperty("payload_length").GetInt32());
        Assert.Equal(0, json.GetProperty("stream").GetInt32());
        Assert.Equal("EN10MB", json.GetProperty("packet_info").GetProperty("linktype_name").GetString());
        Assert.Equal("alert", json.GetProperty("verdict").GetProperty("action").GetString());
        Assert.Equal("alert tcp any any -> any any (sid:2000001;)", json.GetProperty("alert").GetProperty("rule").GetString());
        Assert.Equal("https://example.com/1", json.GetProperty("alert").GetProperty("references")[0].GetString());
        Assert.False(json.TryGetProperty("flow", out _));
        Assert.False(json.TryGetProperty("flow_id", out _));
        Assert.False(json.TryGetProperty("direction", out _));
    }

    [Theory]
    [InlineData(RuleAction.Drop, true, "blocked")]
    [InlineData(RuleAction.Drop, false, "allowed")]
    [InlineData(RuleAction.Reject, false, "blocked")]
    [InlineData(RuleAction.Alert, true, "allowed")]
    public void AlertActionSaysWhetherTheRuleStopsTraffic(RuleAction action, bool inline, string expected)
    {
        RecordedEvents events = new();
        EngineSettings settings = new() { IsInline = inline, Eve = new EveSettings { Types = [Type("alert")] } };
        using EventEmitter emitter = new(settings, events, EmptyGuestDirectory.Instance, 0);
        AlertEntry entry = new() { Rule = Rule(), Action = action };

        emitter.Alert(TcpPacket(null), null, in entry);

        Assert.Equal(expected, events.Only.GetProperty("alert").GetProperty("action").GetString());
    }

    [Fact]
    public void FlowRecordHasCountsStateReasonAndTcpFlags()
    {
        RecordedEvents events = new();
        using EventEmitter emitter = Emitter(events, ("flow", []));
        Flow flow = TcpFlow();
        flow.Tcp = new TcpSession { State = TcpState.Closed };
        flow.Tcp.Client.SeenFlags = (TcpFlags)0x1b;
        flow.Tcp.Server.SeenFlags = (TcpFlags)0x13;
        flow.Tcp.Server.GapBytes = 10;
        flow.State = FlowState.Closed;
        flow.EndReason = FlowEndReason.Shutdown;
        flow.Flags |= FlowFlags.Alerted;
        ExceptionPolicies.Apply(TcpPacket(flow), flow, ExceptionCause.StreamMidstream, ExceptionPolicy.DropFlow);

        emitter.Flow(flow);

        JsonElement json = events.Only;
        Assert.Equal("flow", json.GetProperty("event_type").GetString());
        JsonElement body = json.GetProperty("flow");
        Assert.Equal("closed", body.GetProperty("state").GetString());
        Assert.Equal("shutdown", body.GetProperty("reason").GetString());
        Assert.True(body.GetProperty("alerted").GetBoolean());
        Assert.Equal(1, body.GetProperty("age").GetInt32());
        Assert.Equal("stream_midstream", body.GetProperty("exception_policy")[0].GetProperty("target").GetString());
        Assert.Equal("drop_flow", body.GetProperty("exception_policy")[0].GetProperty("policy").GetString());
        JsonElement tcp = json.GetProperty("tcp");
        Assert.Equal("1b", tcp.GetProperty("tcp_flags").GetString());
        Assert.Equal("13", tcp.GetProperty("tcp_flags_tc").GetString());
        Assert.True(tcp.GetProperty("tc_gap").GetBoolean());
        Assert.False(tcp.TryGetProperty("ts_gap", out _));
        Assert.Equal("closed", tcp.GetProperty("state").GetString());
        Assert.False(tcp.TryGetProperty("rst", out _));
    }

    [Fact]
    public void EveryOutputGetsTheRecordsItAskedForUnderItsIndex()
    {
        RecordedEvents events = new();
        EngineSettings settings = new()
        {
            Eve = new EveSettings { Types = [Type("alert")] },
            MoreEve = [new EveSettings { Types = [Type("flow"), Type("alert")], HostName = "sensor" }],
        };
        using EventEmitter emitter = new(settings, events, EmptyGuestDirectory.Instance, 3);
        Flow flow = TcpFlow();
        AlertEntry entry = new() { Rule = Rule() };

        emitter.Alert(TcpPacket(flow), flow, in entry);
        emitter.Flow(flow);

        Assert.Equal([0, 1, 1], events.All.Select(e => (int)e.Header.OutputIndex));
        Assert.Equal([EventKind.Alert, EventKind.Alert, EventKind.Flow], events.All.Select(e => e.Header.Kind));
        Assert.All(events.All, e => Assert.Equal(3, e.Header.WorkerId));
        Assert.False(events.All[0].Json.TryGetProperty("host", out _));
        Assert.Equal("sensor", events.All[1].Json.GetProperty("host").GetString());
    }

    [Fact]
    public void DisabledTypesAreNotWritten()
    {
        RecordedEvents events = new();
        using EventEmitter emitter = Emitter(events, ("alert", [("enabled", "no")]), ("flow", []));
        Flow flow = TcpFlow();
        AlertEntry entry = new() { Rule = Rule() };

        emitter.Alert(TcpPacket(flow), flow, in entry);

        Assert.Empty(events.All);
        Assert.False(emitter.WantsAlerts);
    }

    [Fact]
    public void GuestsAreNamedOnBothEnds()
    {
        RecordedEvents events = new();
        EngineSettings settings = new() { Eve = new EveSettings { Types = [Type("flow")] } };
        using EventEmitter emitter = new(settings, events, new OneGuest(), 0);
        Flow flow = TcpFlow();
        flow.ServerGuest = 7;

        emitter.Flow(flow);

        JsonElement json = events.Only;
        Assert.False(json.TryGetProperty("vm", out _));
        JsonElement guest = json.GetProperty("peer_vm");
        Assert.Equal("web1", guest.GetProperty("name").GetString());
        Assert.Equal("web-server", guest.GetProperty("role").GetString());
        Assert.Equal("52:54:00:00:00:07", guest.GetProperty("mac").GetString());
    }

    [Fact]
    public void WritingAnAlertNeedsNoMemoryOnceWarm()
    {
        EngineSettings settings = new() { Eve = new EveSettings { CommunityId = true, Types = [Type("alert", ("payload", "yes")), Type("flow"), Type("drop"), Type("anomaly", ("types.decode", "yes"))] } };
        using EventEmitter emitter = new(settings, new Discard(), EmptyGuestDirectory.Instance, 0);
        Flow flow = TcpFlow();
        Packet packet = TcpPacket(flow);
        packet.Events.Add((PacketEvent)1);
        AlertEntry entry = new() { Rule = Rule() };
        for (int i = 0; i < 200; i++)
        {
            Round();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Round();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Round()
        {
            emitter.Alert(packet, flow, in entry);
            emitter.Drop(packet, flow);
            emitter.PacketAnomalies(packet, flow);
            emitter.Flow(flow);
        }
    }

    internal static EveTypeSettings Type(string name, params (string Key, string Value)[] options) =>
        new(name, new ProtocolSettings(options.ToDictionary(o => o.Key, o => o.Value)));

    internal static RuleInfo Rule() => new()
    {
        Sid = 2000001,
        Rev = 7,
        Message = "an \"odd\" <thing>",
        Category = "Misc activity",
        Severity = 2,
        Target = RuleTarget.Destination,
        Metadata = [new RuleMetadata("created_at", ["2014_01_02"])],
        References = ["https://example.com/1"],
        Text = "alert tcp any any -> any any (sid:2000001;)",
    };

    internal static Flow TcpFlow() => new()
    {
        Key = new FlowKey(IpAddress.FromV4(0x0a10010b), IpAddress.FromV4(0x52a5b19a), 54186, 80, IpProtocols.Tcp, 4, 0, 0, 0, 0, 0),
        Id = 1234567890123,
        StartUs = 1_468_449_727_000_000,
        LastUs = 1_468_449_728_573_174,
        PacketsToServer = 3,
        PacketsToClient = 2,
        BytesToServer = 162,
        BytesToClient = 373,
    };

    internal static Packet TcpPacket(Flow? flow)
    {
        byte[] frame = new byte[14 + 20 + 20 + 3];
        frame[14] = 0x45;
        "abc"u8.CopyTo(frame.AsSpan(54));
        Packet packet = new();
        FrameInfo info = new() { TimestampUs = TimeUs, Number = 4, LinkType = LinkType.Ethernet };
        packet.Reset(frame, 0, frame.Length, in info);
        packet.EthernetOffset = 0;
        packet.IpVersion = 4;
        packet.NetworkOffset = 14;
        packet.NetworkHeaderLength = 20;
        packet.TransportOffset = 34;
        packet.TransportHeaderLength = 20;
        packet.PayloadOffset = 54;
        packet.PayloadLength = 3;
        packet.Protocol = IpProtocols.Tcp;
        packet.SourceAddress = IpAddress.FromV4(0x0a10010b);
        packet.DestinationAddress = IpAddress.FromV4(0x52a5b19a);
        packet.SourcePort = 54186;
        packet.DestinationPort = 80;
        packet.Flow = flow;
        return packet;
    }

    private static EventEmitter Emitter(IEventSink sink, params (string Name, (string Key, string Value)[] Options)[] types) =>
        new(new EngineSettings { Eve = new EveSettings { Types = [.. types.Select(t => Type(t.Name, t.Options))] } }, sink, EmptyGuestDirectory.Instance, 0);

    private sealed class Discard : IEventSink
    {
        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
        }
    }

    private sealed class OneGuest : IGuestDirectory
    {
        public GuestInfo? Get(ushort index) => index == 7 ? new GuestInfo("web1", "", "web-server", "", "vnet3", 0x525400000007) : null;

        public ushort Find(ushort portId, ulong mac, IpAddress address) => 0;
    }
}
