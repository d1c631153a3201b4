using System.Text.Json;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Protocols;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary>What records say of a flow that a rule drops, passes or bypasses, and of the client behind a proxy; the expectations are what Suricata 8.0.8 says of the same.</summary>
public sealed class RecordsOfFlowsTests : IEventSink
{
    private readonly List<JsonElement> _records = [];
    private long _clock;

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json) => _records.Add(JsonDocument.Parse(json.ToArray()).RootElement);

    [Fact]
    public void AnEngineThatOnlyWatchesHasNoAlertsOfAFlowThatItWouldHaveDropped()
    {
        Play("""
            drop http any any -> any any (msg:"a"; http.uri; content:"/first"; sid:1;)
            alert http any any -> any any (msg:"b"; http.uri; content:"/second"; sid:2;)
            """);

        Assert.Equal([1], Alerts());
        Assert.Equal("allowed", Of("alert")[0].GetProperty("alert").GetProperty("action").GetString());
        Assert.Equal("drop", Of("flow")[0].GetProperty("flow").GetProperty("action").GetString());
        Assert.Equal(2, Of("http").Count);
    }

    [Theory]
    [InlineData("flow:to_server;", true)]
    [InlineData("", true)]
    [InlineData("flow:established;", false)]
    [InlineData("ttl:>1;", false)]
    public void APassRuleOnAProtocolPassesTheFlowUnlessItAsksForMoreThanADirection(string options, bool isPassed)
    {
        Play($$"""pass http any any -> any any ({{options}} sid:1;)""");

        Assert.Equal(isPassed, Of("flow")[0].GetProperty("flow").TryGetProperty("action", out JsonElement action) && action.GetString() == "pass");
    }

    [Fact]
    public void OfAFlowThatIsBypassedHereNothingWentByUnseen()
    {
        Play("""alert http any any -> any any (msg:"a"; http.uri; content:"/first"; bypass; sid:1;)""");

        JsonElement flow = Of("flow")[0].GetProperty("flow");
        Assert.Equal("local", flow.GetProperty("bypass").GetString());
        Assert.Equal(0, flow.GetProperty("bypassed").GetProperty("pkts_toserver").GetInt32());
        Assert.Equal(6, flow.GetProperty("pkts_toserver").GetInt32());
        Assert.False(flow.TryGetProperty("tx_cnt", out _));
    }

    [Theory]
    [InlineData("extra-data", "forward", "203.0.113.7")]
    [InlineData("extra-data", "reverse", "203.0.113.9")]
    [InlineData("overwrite", "forward", "203.0.113.7")]
    public void TheClientBehindAProxyIsToldByEveryRecordOfTheOutput(string mode, string deployment, string client)
    {
        var forwarded = new XffSettings { Enabled = true, Overwrite = mode == "overwrite", Reverse = deployment == "reverse" };
        Play("""alert http any any -> any any (msg:"a"; http.uri; content:"/first"; sid:1;)""", forwarded);

        JsonElement alert = Of("alert")[0];
        JsonElement http = Of("http")[0];
        JsonElement file = Of("fileinfo")[0];
        Assert.Equal(client, alert.GetProperty("alert").GetProperty("xff").GetString());
        Assert.Equal("203.0.113.7, 203.0.113.9", http.GetProperty("http").GetProperty("xff").GetString());
        if (forwarded.Overwrite)
        {
            Assert.Equal(client, alert.GetProperty("src_ip").GetString());
            Assert.Equal(client, http.GetProperty("src_ip").GetString());
            Assert.Equal(client, file.GetProperty("dest_ip").GetString());
            Assert.False(http.TryGetProperty("xff", out _));
        }
        else
        {
            Assert.Equal("10.0.0.1", alert.GetProperty("src_ip").GetString());
            Assert.Equal(client, http.GetProperty("xff").GetString());
            Assert.Equal(client, file.GetProperty("xff").GetString());
        }
    }

    [Fact]
    public void ThePacketThatClosesAStreamIsShownAsSuchAPacketWouldBe()
    {
        // The answer is never acknowledged: it is looked at when the flow ends.
        Play("""alert http any any -> any any (msg:"a"; http.stat_code; content:"404"; sid:1;)""", options: new Dictionary<string, string> { ["packet"] = "yes" }, isCut: true);

        JsonElement alert = Of("alert")[0];
        Assert.Equal("stream (flow timeout)", alert.GetProperty("pkt_src").GetString());
        byte[] packet = alert.GetProperty("packet").GetBytesFromBase64();
        Assert.Equal(40, packet.Length);
        Assert.Equal("4500002800000000400666CE0A0000020A000001", Convert.ToHexString(packet[..20]));
        Assert.Equal("5000", Convert.ToHexString(packet[32..34]));
        Assert.Equal("0A00", Convert.ToHexString(packet[34..36]));
    }

    /// <summary>A request without an answer: the peer ends the flow with a packet each way, for which rules on the protocol and a direction hold, and no other on packets.</summary>
    [Theory]
    [InlineData("flow:to_server;", 1)]
    [InlineData("flow:to_client;", 1)]
    [InlineData("flow:to_server,only_stream;", 1)]
    [InlineData("flow:established;", 0)]
    [InlineData("flow:to_server; flowbits:isnotset,a;", 0)]
    public void AFlowEndsWithAPacketForEachDirectionThatIsNotInspectedToItsEnd(string options, int told)
    {
        Play($$"""alert http any any -> any any ({{options}} sid:1;)""", isUnanswered: true);

        Assert.Equal(told, Of("alert").Count(alert => alert.GetProperty("pkt_src").GetString() == "stream (flow timeout)"));
    }

    [Fact]
    public void OnlyTheDirectionThatIsNotInspectedToItsEndHasAPacketAtTheEndOfAFlow()
    {
        // The last answer is read when the client acknowledges it: with that packet the client's side is looked at, the server's is not.
        Play("""
            alert http any any -> any any (flow:to_server; sid:1;)
            alert http any any -> any any (flow:to_client; sid:2;)
            """);

        JsonElement alert = Assert.Single(Of("alert"), alert => alert.GetProperty("pkt_src").GetString() == "stream (flow timeout)");
        Assert.Equal(2, alert.GetProperty("alert").GetProperty("signature_id").GetInt32());
    }

    private static ReadOnlySpan<byte> NotFound => "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"u8;

    private List<int> Alerts() => [.. Of("alert").Select(record => record.GetProperty("alert").GetProperty("signature_id").GetInt32())];

    private List<JsonElement> Of(string type) => [.. _records.Where(record => record.GetProperty("event_type").GetString() == type)];

    private void Play(string rules, XffSettings? forwarded = null, Dictionary<string, string>? options = null, bool isCut = false, bool isUnanswered = false)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", rules)] });
        Assert.False(loaded.HasErrors, string.Join("\n", loaded.Diagnostics));
        using var worker = new PacketWorker(new WorkerEnvironment
        {
            Settings = new EngineSettings
            {
                ValidateChecksums = false,
                Eve = new EveSettings
                {
                    Xff = forwarded ?? new XffSettings(),
                    Types =
                    [
                        new EveTypeSettings("alert", new ProtocolSettings(options ?? [])), new EveTypeSettings("http", ProtocolSettings.Empty),
                        new EveTypeSettings("files", ProtocolSettings.Empty), new EveTypeSettings("flow", ProtocolSettings.Empty),
                    ],
                },
            },
            Events = this,
            FlowHash = new FlowHash(1, 2),
        })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
        var frames = new ConversationFrames(new ProtocolSamples(ProtocolCatalog.Get(ProtocolId.Http1)!, [], null, IsDatagram: false, SegmentsEndMessages: false), 40_000);
        List<byte[]> all = [.. frames.Open()];
        foreach (string path in (string[])["/first", "/second"])
        {
            all.AddRange(frames.Say(Turn.Client($"GET {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7, 203.0.113.9\r\n\r\n")));
            if (isUnanswered)
            {
                break;
            }

            all.AddRange(frames.Say(new Turn(Direction.ToClient, NotFound.ToArray())));
        }

        foreach (byte[] frame in isCut ? all[..^5] : all)
        {
            worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = 1_700_000_000_000_000 + ++_clock, LinkType = LinkType.Ethernet });
        }

        worker.Finish();
        Assert.Equal(0, worker.Faults);
    }
}
