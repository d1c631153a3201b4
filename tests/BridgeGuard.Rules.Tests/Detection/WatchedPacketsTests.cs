using System.Text;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Packets that an inline engine only watches (ports in mode monitor or tap): matches are told of, nothing is decided, and records do not say otherwise.</summary>
public sealed class WatchedPacketsTests : IEventSink
{
    private readonly List<JsonNode> _records = [];
    private long _nowUs = 1_000_000;

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json) => _records.Add(JsonNode.Parse(json)!);

    [Theory]
    [InlineData("drop")]
    [InlineData("reject")]
    [InlineData("rejectboth")]
    public void AMatchOnAWatchedPacketIsAllowedAndTheFlowGoesOn(string action)
    {
        PacketWorker worker = Start($"""{action} udp any any -> any 9000 (msg:"bad"; content:"attack"; sid:1;)""");
        Assert.Equal(VerdictAction.Pass, Say(worker, "attack", isPassive: true).Action);
        Assert.Equal(VerdictAction.Pass, Say(worker, "attack again", isPassive: true).Action);
        Assert.Equal(["allowed", "allowed"], Actions());
        Assert.Equal(["alert", "alert"], Of("alert").Select(record => record["verdict"]!["action"]!.GetValue<string>()));
        Assert.Empty(Of("drop"));
        worker.Finish();
        Assert.NotEqual("drop", (string?)Assert.Single(Of("flow"))["flow"]!["action"]);
        worker.CollectCounters();
        Assert.Equal(0, worker.Counters[Counter.IpsBlocked] + worker.Counters[Counter.IpsAccepted] + worker.Counters[Counter.IpsRejected]);
    }

    [Fact]
    public void InOneFlowEachPacketIsWhatItsPortIs()
    {
        PacketWorker worker = Start("""drop udp any any -> any 9000 (msg:"bad"; content:"attack"; sid:1;)""");
        Assert.Equal(VerdictAction.Pass, Say(worker, "attack", isPassive: true).Action);
        Verdict enforced = Say(worker, "attack", isPassive: false);
        Assert.Equal((VerdictAction.Drop, DropReason.Rules), (enforced.Action, enforced.Reason));
        Assert.Equal(VerdictAction.Pass, Say(worker, "attack", isPassive: true).Action);
        Assert.Equal("blocked", Actions()[1]);
        Assert.DoesNotContain("blocked", Actions().Where((_, i) => i != 1));
        Assert.Single(Of("drop"));
    }

    [Fact]
    public void AFlowThatAnInlinePortHasDroppedIsNotSaidToBeDroppedWhereItIsWatched()
    {
        PacketWorker worker = Start("""drop tcp any any -> any 80 (msg:"bad"; flow:established; content:"attack"; sid:1;)""");
        Tcp(worker, byClient: true, "S", "", false);
        Tcp(worker, byClient: false, "SA", "", true);
        Tcp(worker, byClient: true, "A", "", false);
        Assert.Equal(VerdictAction.Drop, Tcp(worker, byClient: true, "AP", "attack", false).Action);
        int drops = Of("drop").Count();
        Assert.Equal(VerdictAction.Pass, Tcp(worker, byClient: false, "AP", "answer", true).Action);
        Assert.Equal(drops, Of("drop").Count());
    }

    private uint _client = 1000;
    private uint _server = 5000;

    private Verdict Tcp(PacketWorker worker, bool byClient, string flags, string text, bool isPassive)
    {
        byte[] data = Encoding.ASCII.GetBytes(text);
        (string from, ushort fromPort, string to, ushort toPort) = byClient ? ("192.168.1.10", (ushort)4444, "192.168.1.20", (ushort)80) : ("192.168.1.20", (ushort)80, "192.168.1.10", (ushort)4444);
        byte[] frame = FrameBuilder.Tcp(from, fromPort, to, toPort, byClient ? _client : _server, flags == "S" ? 0 : byClient ? _server : _client, flags, data);
        uint length = (uint)data.Length + (flags.Contains('S', StringComparison.Ordinal) ? 1u : 0);
        _ = byClient ? _client += length : _server += length;
        return Process(worker, frame, isPassive);
    }

    private Verdict Say(PacketWorker worker, string text, bool isPassive) =>
        Process(worker, FrameBuilder.Udp("192.168.1.10", 4444, "192.168.1.20", 9000, Encoding.ASCII.GetBytes(text)), isPassive);

    private Verdict Process(PacketWorker worker, byte[] frame, bool isPassive)
    {
        _nowUs += 100;
        Verdict verdict = worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs, LinkType = LinkType.Ethernet, IsPassive = isPassive });
        Assert.Null(worker.LastFault);
        return verdict;
    }

    private string[] Actions() => [.. Of("alert").Select(record => record["alert"]!["action"]!.GetValue<string>())];

    private IEnumerable<JsonNode> Of(string type) => _records.Where(record => record["event_type"]!.GetValue<string>() == type);

    private PacketWorker Start(string rules)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rules)], IsInline = true });
        Assert.Empty(loaded.Diagnostics);
        var verdicts = new ProtocolSettings(new Dictionary<string, string> { ["verdict"] = "yes" });
        EngineSettings settings = new()
        {
            IsInline = true,
            Eve = new EveSettings { Types = [.. ((string[])["alert", "drop", "flow"]).Select(name => new EveTypeSettings(name, name == "alert" ? verdicts : ProtocolSettings.Empty))] },
        };
        return new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
        };
    }
}
