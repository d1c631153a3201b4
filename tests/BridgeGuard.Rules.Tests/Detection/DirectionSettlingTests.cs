using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Early verdicts of one direction: the body of a large download is given to the kernel, the requests are not, and no record changes.</summary>
public sealed class DirectionSettlingTests
{
    private const int Depth = 50_000;
    private const int BodyBytes = 400_000;
    private const int SegmentBytes = 1000;
    private const string Uri = """alert http any any -> any any (msg:"uri"; flow:to_server; http.uri; content:"evil"; sid:1;)""";

    [Theory]
    [InlineData("", true)]
    [InlineData(Uri, true)]
    [InlineData("""alert http any any -> any any (flow:to_client; file.data; content:"evil"; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (flow:to_client; content:"evil"; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (flow:to_server; dsize:>900; content:"evil"; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (flow:to_client; dsize:>5000; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (ttl:7; sid:1;)""", false)]
    [InlineData("""drop tcp any any -> any any (stream-event:pkt_invalid_ack; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (flags:S; metadata:inspection full; sid:1;)""", false)]
    public void TheBodyOfADownloadIsCarriedWhenNoRuleIsLeftForIt(string rules, bool carries)
    {
        using Conversation wire = Start(rules, carriesWhatIsDecided: true);
        wire.Download("/file", BodyBytes, SegmentBytes);
        wire.Close();
        Assert.Equal(carries ? 1 : 0, wire.Worker.SettledDirections);
        Assert.Equal(0, wire.Worker.Settled);
        Assert.Equal(carries, wire.CarriedBytes > 3 * BodyBytes / 4);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RecordsAreTheSameAsWithoutAndTheNextRequestIsJudged(bool ends)
    {
        using Conversation all = Start(Uri, carriesWhatIsDecided: false);
        using Conversation carried = Start(Uri, carriesWhatIsDecided: true);
        foreach (Conversation wire in (Conversation[])[all, carried])
        {
            wire.Download("/first", BodyBytes, SegmentBytes);
            wire.Download("/second", BodyBytes, SegmentBytes);
            wire.Download("/evil", BodyBytes, SegmentBytes);
            wire.Close(byReset: ends);
        }

        Assert.True(carried.CarriedBytes > BodyBytes);
        Assert.Contains(carried.Records, record => record.Contains("\"signature_id\":1,", StringComparison.Ordinal));
        Assert.Equal(all.Records, carried.Records);
    }

    [Fact]
    public void OnlyDataThatAcknowledgesNothingNewAsksForIt()
    {
        using Conversation wire = Start(Uri, carriesWhatIsDecided: false);
        wire.Download("/file", BodyBytes, SegmentBytes);
        Assert.Equal(FlowOffload.PassDirection, wire.Say(false, "A", 1000));
        Assert.Equal(FlowOffload.None, wire.Say(false, "A", 0));
        Assert.Equal(FlowOffload.None, wire.Say(true, "AP", 100));
        Assert.Equal(FlowOffload.None, wire.Say(false, "A", 1000)); // Acknowledges what the client has just said.
        Assert.Equal(FlowOffload.PassDirection, wire.Say(false, "A", 1000));
    }

    private static Conversation Start(string rules, bool carriesWhatIsDecided) => new(
        rules,
        new EngineSettings
        {
            IsInline = true,
            EarlyVerdicts = true,
            Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = Depth } },
            Eve = new EveSettings { Types = [.. ((string[])["alert", "http", "files", "flow"]).Select(name => new EveTypeSettings(name, ProtocolSettings.Empty))] },
        },
        serverPort: 80,
        carries: carriesWhatIsDecided);
}
