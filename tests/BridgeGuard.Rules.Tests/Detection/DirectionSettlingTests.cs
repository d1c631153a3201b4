using System.Text;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Early verdicts of one direction: the body of a large download is given to the kernel, the requests are not, and no record changes.</summary>
public sealed class DirectionSettlingTests
{
    private const int Depth = 50_000;
    private const int BodyBytes = 400_000;
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
        Conversation wire = new(rules, carriesWhatIsDecided: true);
        wire.Download("/file");
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
        Conversation all = new(Uri, carriesWhatIsDecided: false);
        Conversation carried = new(Uri, carriesWhatIsDecided: true);
        foreach (Conversation wire in (Conversation[])[all, carried])
        {
            wire.Download("/first");
            wire.Download("/second");
            wire.Download("/evil");
            wire.Close(byReset: ends);
        }

        Assert.True(carried.CarriedBytes > BodyBytes);
        Assert.Contains(carried.Records, record => record.Contains("\"signature_id\":1,", StringComparison.Ordinal));
        Assert.Equal(all.Records, carried.Records);
    }

    [Fact]
    public void OnlyDataThatAcknowledgesNothingNewAsksForIt()
    {
        Conversation wire = new(Uri, carriesWhatIsDecided: false);
        wire.Download("/file");
        Assert.Equal(FlowOffload.PassDirection, wire.Say(false, "A", 1000));
        Assert.Equal(FlowOffload.None, wire.Say(false, "A", 0));
        Assert.Equal(FlowOffload.None, wire.Say(true, "AP", 100));
        Assert.Equal(FlowOffload.None, wire.Say(false, "A", 1000)); // Acknowledges what the client has just said.
        Assert.Equal(FlowOffload.PassDirection, wire.Say(false, "A", 1000));
    }

    /// <summary>A client and a server with the kernel between them, which carries what it is told to.</summary>
    private sealed class Conversation : IEventSink
    {
        private const string Client = "192.168.1.10";
        private const string Server = "192.168.1.20";
        private const int SegmentBytes = 1000;

        private readonly bool _carries;
        private uint _clientNext = 1000;
        private uint _serverNext = 5000;
        private uint? _carriedAck;
        private long _nowUs = 1_700_000_000_000_000;
        private long _untoldFrames;
        private long _untoldBytes;

        public Conversation(string rules, bool carriesWhatIsDecided)
        {
            _carries = carriesWhatIsDecided;
            RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rules)] });
            Assert.False(loaded.HasErrors);
            EngineSettings settings = new()
            {
                IsInline = true,
                EarlyVerdicts = true,
                Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = Depth } },
                Eve = new EveSettings { Types = [.. ((string[])["alert", "http", "files", "flow"]).Select(name => new EveTypeSettings(name, ProtocolSettings.Empty))] },
            };
            Worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
            {
                Program = new EngineProgram(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules)),
            };
            Say(true, "S", 0);
            _clientNext++;
            Say(false, "SA", 0);
            _serverNext++;
            Say(true, "A", 0);
        }

        public PacketWorker Worker { get; }

        public long CarriedBytes { get; private set; }

        /// <summary>Without what differs by nature: times, and that bytes were bypassed.</summary>
        public List<string> Records { get; } = [];

        void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
            JsonNode record = JsonNode.Parse(json)!;
            (record["flow"] as JsonObject)?.Remove("bypassed");
            (record["flow"] as JsonObject)?.Remove("bypass");
            record.AsObject().Remove("timestamp");
            Records.Add(record.ToJsonString());
        }

        public void Download(string uri)
        {
            Tell();
            Say(true, "AP", $"GET {uri} HTTP/1.1\r\nHost: example\r\n\r\n");
            Say(false, "AP", $"HTTP/1.1 200 OK\r\nContent-Length: {BodyBytes}\r\n\r\n");
            for (int i = 0; i < BodyBytes / SegmentBytes; i++)
            {
                Say(false, "A", SegmentBytes);
                if (i % 2 == 1)
                {
                    Say(true, "A", 0);
                }
            }
        }

        public void Close(bool byReset = false)
        {
            if (byReset)
            {
                Say(false, "R", 0);
            }
            else
            {
                Say(false, "FA", 0);
                _serverNext++;
                Say(true, "FA", 0);
                _clientNext++;
                Say(false, "A", 0);
            }

            Tell();
            Worker.Finish();
        }

        /// <summary>What the kernel has counted since the last time, as the attachment tells it every five seconds.</summary>
        private void Tell()
        {
            IpAddress client = IpAddress.ReadV4([192, 168, 1, 10]);
            IpAddress server = IpAddress.ReadV4([192, 168, 1, 20]);
            Worker.NoteBypassed(new BypassedTraffic(new FlowKey(server, client, 80, 4444, 6, 4, 0, 0, 0, 0, 0), _untoldFrames, _untoldBytes, 0, 0, _nowUs));
            _untoldFrames = _untoldBytes = 0;
        }

        public FlowOffload Say(bool byClient, string flags, int length) => Say(byClient, flags, new string('z', length));

        private FlowOffload Say(bool byClient, string flags, string text)
        {
            byte[] data = Encoding.ASCII.GetBytes(text);
            (uint sequence, uint acknowledgement) = byClient ? (_clientNext, _serverNext) : (_serverNext, _clientNext);
            (string from, ushort fromPort, string to, ushort toPort) = byClient ? (Client, (ushort)4444, Server, (ushort)80) : (Server, (ushort)80, Client, (ushort)4444);
            byte[] frame = FrameBuilder.Tcp(from, fromPort, to, toPort, sequence, flags is "S" or "R" ? 0 : acknowledgement, flags, data);
            _ = byClient ? _clientNext += (uint)data.Length : _serverNext += (uint)data.Length;
            _nowUs += 100;
            if (!byClient && data.Length > 0 && _carriedAck == acknowledgement)
            {
                _untoldFrames++;
                _untoldBytes += frame.Length;
                CarriedBytes += frame.Length;
                return FlowOffload.PassDirection;
            }

            Verdict verdict = Worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs, LinkType = LinkType.Ethernet });
            Assert.Null(Worker.LastFault);
            Assert.Equal(VerdictAction.Pass, verdict.Action);
            if (verdict.Offload == FlowOffload.PassDirection && _carries)
            {
                Assert.False(byClient);
                _carriedAck = acknowledgement;
            }

            return verdict.Offload;
        }
    }
}
