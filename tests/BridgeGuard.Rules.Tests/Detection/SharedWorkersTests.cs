using System.Text.Json;
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

/// <summary>What rules count per host is the same whichever worker a flow is on.</summary>
public sealed class SharedWorkersTests : IDisposable
{
    private const string Host = "192.168.1.10";
    private const string Other = "192.168.1.11";
    private const string Server = "203.0.113.5";

    private readonly Sink _sink = new();
    private readonly SharedState _shared = new();
    private readonly List<PacketWorker> _workers = [];
    private long _nowUs = 1_700_000_000_000_000;

    public void Dispose() => _workers.ForEach(worker => worker.Dispose());

    [Fact]
    public void XbitsOfAHostAreSeenByAllWorkers()
    {
        Start("""
            alert udp any any -> any any (content:"first"; xbits:set,seen,track ip_src,expire 10; sid:1;)
            alert udp any any -> any any (content:"second"; xbits:isset,seen,track ip_src; sid:2;)
            alert udp any any -> any any (content:"third"; xbits:unset,seen,track ip_src; noalert; sid:3;)
            """);
        Send(0, Host, 1000, "first");
        Send(1, Host, 1001, "second");
        Send(1, Other, 1002, "second");
        Assert.Equal([1U, 2U], _sink.TakeSids());
        Send(1, Host, 1003, "third");
        Send(0, Host, 1004, "second");
        Assert.Empty(_sink.TakeSids());
        Send(1, Host, 1005, "first");
        _nowUs += 11_000_000;
        Send(0, Host, 1006, "second");
        Assert.Equal([1U], _sink.TakeSids());
    }

    [Fact]
    public void AThresholdByRuleDoesNotCountWhatHasNoAddresses()
    {
        Start("""
            alert pkthdr any any -> any any (decode-event:ethernet.unknown_ethertype; threshold:type limit, track by_rule, seconds 60, count 1; sid:1;)
            alert udp any any -> any any (content:"x"; threshold:type limit, track by_rule, seconds 60, count 1; sid:2;)
            """);
        byte[] unknown = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xcc, .. new byte[46]];
        Process(0, unknown);
        Process(0, unknown);
        Send(0, Host, 1000, "x");
        Send(0, Host, 1001, "x");
        Assert.Equal([1U, 1U, 2U], _sink.TakeSids());
    }

    [Fact]
    public void HostbitsOfAHostAreSeenByAllWorkers()
    {
        Start("""
            alert udp any any -> any any (content:"first"; hostbits:set,seen,src; sid:1;)
            alert udp any any -> any any (content:"second"; hostbits:isset,seen,src; sid:2;)
            alert udp any any -> any any (content:"flip"; hostbits:toggle,seen,src; noalert; sid:3;)
            """);
        Send(0, Host, 1000, "first");
        Send(1, Host, 1001, "second");
        Send(1, Host, 1002, "flip");
        Send(0, Host, 1003, "second");
        Send(0, Host, 1004, "flip");
        Send(1, Host, 1005, "second");
        Assert.Equal([1U, 2U, 2U], _sink.TakeSids());
    }

    [Theory]
    [InlineData("threshold:type threshold, track by_src, count 3, seconds 60;", 2)]
    [InlineData("threshold:type limit, track by_src, count 3, seconds 60;", 3)]
    [InlineData("threshold:type both, track by_src, count 3, seconds 60;", 1)]
    [InlineData("threshold:type threshold, track by_rule, count 3, seconds 60;", 2)]
    [InlineData("threshold:type threshold, track by_both, count 3, seconds 60;", 2)]
    [InlineData("threshold:type threshold, track by_dst, count 3, seconds 60;", 2)]
    [InlineData("detection_filter:track by_src, count 3, seconds 60;", 4)]
    public void ThresholdsCountOverAllWorkers(string threshold, int alerts)
    {
        Start($"alert udp any any -> any any (content:\"x\"; {threshold} sid:1;)");
        for (int i = 0; i < 7; i++)
        {
            Send(i % 2, Host, (ushort)(1000 + i), "x");
        }

        Assert.Equal(alerts, _sink.TakeSids().Length);
    }

    [Fact]
    public void ThresholdsOfFlowsStayApart()
    {
        Start("alert udp any any -> any any (content:\"x\"; threshold:type limit, track by_flow, count 1, seconds 60; sid:1;)");
        for (int i = 0; i < 6; i++)
        {
            Send(i % 2, Host, (ushort)(1000 + (i % 2)), "x");
        }

        Assert.Equal(2, _sink.TakeSids().Length);
    }

    [Fact]
    public void APeriodBeginsAnewWhicheverWorkerSeesItsEnd()
    {
        Start("alert udp any any -> any any (content:\"x\"; threshold:type limit, track by_src, count 1, seconds 60; sid:1;)");
        Send(0, Host, 1000, "x");
        _nowUs += 60_000_000 - 1;
        Send(1, Host, 1001, "x");
        Assert.Single(_sink.TakeSids());
        _nowUs += 2;
        Send(1, Host, 1002, "x");
        Send(0, Host, 1003, "x");
        Assert.Single(_sink.TakeSids());
    }

    [Fact]
    public void AHostTaggedByOneWorkerIsLoggedByTheOther()
    {
        Start("alert udp any any -> any any (content:\"x\"; tag:host,2,packets,src; sid:1;)");
        Send(0, Host, 1000, "x");
        Send(1, Host, 1001, "-");
        Send(1, Host, 1002, "-");
        Assert.Equal(1, _sink.Packets);
    }

    [Fact]
    public void ADataConnectionIsKnownOnAnotherWorkerThanItsControlConnection()
    {
        Start("alert ftp-data any any -> any any (filename:\"secret.txt\"; sid:1;)");
        var control = new Conversation(this, 0, Host, 1000, Server, 21);
        control.Server("220 ready\r\n");

        // Ten bytes and more: with fewer it would not be decided what the client speaks before the server answers.
        control.Client("USER anonymous\r\n");
        control.Server("331 go on\r\n");
        control.Client("PASV\r\n");
        control.Server("227 Entering Passive Mode (203,0,113,5,200,10)\r\n");
        control.Client("RETR secret.txt\r\n");
        var data = new Conversation(this, 1, Host, 1001, Server, (200 * 256) + 10);
        data.Server("content of it\r\n");
        data.Close();
        _workers[1].Finish();
        Assert.Contains(1U, _sink.TakeSids());
        JsonElement flow = _sink.Of("flow").Single(record => record.GetProperty("dest_port").GetInt32() == 51210);
        Assert.Equal("ftp-data", flow.GetProperty("app_proto").GetString());
    }

    /// <summary>Four threads match one rule at once: of 40,000 matches exactly every hundredth alerts.</summary>
    [Fact]
    public void NoMatchIsLostOrCountedTwiceUnderContention()
    {
        Start("alert udp any any -> any any (content:\"x\"; threshold:type threshold, track by_src, count 100, seconds 3600; sid:1;)", workers: 4);
        const int each = 10_000;
        var threads = new List<Thread>();
        for (int worker = 0; worker < _workers.Count; worker++)
        {
            int own = worker;
            byte[] frame = FrameBuilder.Udp(Host, (ushort)(1000 + own), Server, 53, "x"u8);
            var thread = new Thread(() =>
            {
                for (int i = 0; i < each; i++)
                {
                    _workers[own].Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs + i, LinkType = LinkType.Ethernet });
                }
            });
            threads.Add(thread);
            thread.Start();
        }

        threads.ForEach(thread => thread.Join());
        Assert.All(_workers, worker => Assert.Equal(0, worker.Faults));
        Assert.Equal(each * _workers.Count / 100, _sink.TakeSids().Length);
    }

    private void Start(string rules, int workers = 2)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rules)] });
        Assert.Empty(loaded.Diagnostics);
        var program = new EngineProgram(loaded.Rules, CompiledPolicy.Empty);
        var environment = new WorkerEnvironment
        {
            Settings = new EngineSettings { Eve = new EveSettings { Types = EveTypes() } },
            Events = _sink,
            FlowHash = new FlowHash(1, 2),
            Shared = _shared,
        };
        for (int i = 0; i < workers; i++)
        {
            _workers.Add(new PacketWorker(environment, i) { Program = program });
        }
    }

    private static EveTypeSettings[] EveTypes() =>
    [
        new("alert", new ProtocolSettings(new Dictionary<string, string> { ["tagged-packets"] = "yes" })),
        new("flow", ProtocolSettings.Empty),
    ];

    private void Send(int worker, string source, ushort port, string payload) =>
        Process(worker, FrameBuilder.Udp(source, port, Server, 53, System.Text.Encoding.Latin1.GetBytes(payload)));

    private void Process(int worker, byte[] frame)
    {
        _workers[worker].Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs++, LinkType = LinkType.Ethernet });
        Assert.Equal(0, _workers[worker].Faults);
    }

    /// <summary>A TCP session on one worker.</summary>
    private sealed class Conversation
    {
        private readonly SharedWorkersTests _test;
        private readonly int _worker;
        private readonly (string Address, ushort Port) _client;
        private readonly (string Address, ushort Port) _server;
        private uint _clientNext = 1000;
        private uint _serverNext = 5000;

        public Conversation(SharedWorkersTests test, int worker, string client, ushort clientPort, string server, ushort serverPort)
        {
            (_test, _worker, _client, _server) = (test, worker, (client, clientPort), (server, serverPort));
            Say(true, "S", "");
            _clientNext++;
            Say(false, "SA", "");
            _serverNext++;
            Say(true, "A", "");
        }

        public void Client(string text)
        {
            Say(true, "AP", text);
            _clientNext += (uint)text.Length;
            Say(false, "A", "");
        }

        public void Server(string text)
        {
            Say(false, "AP", text);
            _serverNext += (uint)text.Length;
            Say(true, "A", "");
        }

        public void Close()
        {
            Say(false, "AF", "");
            _serverNext++;
            Say(true, "AF", "");
            _clientNext++;
            Say(false, "A", "");
        }

        private void Say(bool byClient, string flags, string text)
        {
            (string Address, ushort Port) from = byClient ? _client : _server;
            (string Address, ushort Port) to = byClient ? _server : _client;
            (uint sequence, uint acknowledgement) = byClient ? (_clientNext, _serverNext) : (_serverNext, _clientNext);
            _test.Process(_worker, FrameBuilder.Tcp(
                from.Address, from.Port, to.Address, to.Port, sequence, flags == "S" ? 0 : acknowledgement, flags, System.Text.Encoding.Latin1.GetBytes(text)));
        }
    }

    private sealed class Sink : IEventSink
    {
        private readonly List<JsonElement> _records = [];
        private readonly Lock _lock = new();

        public int Packets => Of("packet").Count();

        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
            Utf8JsonReader reader = new(json);
            JsonElement record = JsonElement.ParseValue(ref reader);
            lock (_lock)
            {
                _records.Add(record);
            }
        }

        public IEnumerable<JsonElement> Of(string type) => _records.Where(record => record.GetProperty("event_type").GetString() == type);

        /// <summary>The sids of the alerts since the last call.</summary>
        public uint[] TakeSids()
        {
            uint[] sids = [.. Of("alert").Select(record => record.GetProperty("alert").GetProperty("signature_id").GetUInt32())];
            _records.RemoveAll(record => record.GetProperty("event_type").GetString() == "alert");
            return sids;
        }
    }
}
