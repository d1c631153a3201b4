using System.Text;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>A client and a server that talk TCP through a worker; between them, where <c>carries</c> says so, a kernel that carries a direction when it is told to.</summary>
internal sealed class Conversation : IEventSink, IDisposable
{
    private const string Client = "192.168.1.10";
    private const string Server = "192.168.1.20";
    private const ushort ClientPort = 4444;

    private readonly ushort _serverPort;
    private readonly bool _carries;
    private uint _clientNext = 1000;
    private uint _serverNext = 5000;
    private uint? _carriedAck;
    private long _nowUs = 1_700_000_000_000_000;
    private long _untoldFrames;
    private long _untoldBytes;

    /// <summary>Loads the rules, which must be right, and shakes hands.</summary>
    public Conversation(string rules, EngineSettings settings, ushort serverPort, PolicyModel? policy = null, bool carries = false)
    {
        _serverPort = serverPort;
        _carries = carries;
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rules)] });
        Assert.False(loaded.HasErrors);
        Worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(policy ?? PolicyModel.Empty, loaded.Rules.Rules)),
        };
        Say(true, "S", 0);
        Say(false, "SA", 0);
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

    public void Dispose() => Worker.Dispose();

    public FlowOffload Say(bool byClient, string flags, int length) => Say(byClient, flags, new string('z', length));

    /// <summary>One segment, a byte a character, with the numbers that are due. What the kernel carries by now never reaches the worker.</summary>
    public FlowOffload Say(bool byClient, string flags, string text)
    {
        byte[] data = Encoding.Latin1.GetBytes(text);
        (uint sequence, uint acknowledgement) = byClient ? (_clientNext, _serverNext) : (_serverNext, _clientNext);
        (string from, ushort fromPort, string to, ushort toPort) = byClient ? (Client, ClientPort, Server, _serverPort) : (Server, _serverPort, Client, ClientPort);
        byte[] frame = FrameBuilder.Tcp(from, fromPort, to, toPort, sequence, flags is "S" or "R" ? 0 : acknowledgement, flags, data);
        uint taken = (uint)data.Length + (flags.Contains('S', StringComparison.Ordinal) || flags.Contains('F', StringComparison.Ordinal) ? 1u : 0);
        _ = byClient ? _clientNext += taken : _serverNext += taken;
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

    /// <summary>Exchanges blocks of <paramref name="bytes"/>; what the worker said of the last acknowledgement.</summary>
    public FlowOffload Exchange(int times, int bytes)
    {
        FlowOffload last = FlowOffload.None;
        for (int i = 0; i < times; i++)
        {
            Say(true, "AP", bytes);
            Say(false, "AP", bytes);
            last = Say(true, "A", 0);
        }

        return last;
    }

    /// <summary>A request and its answer of <paramref name="bodyBytes"/>, every second segment acknowledged.</summary>
    public void Download(string uri, int bodyBytes, int segmentBytes)
    {
        Tell();
        Say(true, "AP", $"GET {uri} HTTP/1.1\r\nHost: example\r\n\r\n");
        Say(false, "AP", $"HTTP/1.1 200 OK\r\nContent-Length: {bodyBytes}\r\n\r\n");
        for (int i = 0; i < bodyBytes / segmentBytes; i++)
        {
            Say(false, "A", segmentBytes);
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
            Say(true, "FA", 0);
            Say(false, "A", 0);
        }

        Tell();
        Worker.Finish();
    }

    /// <summary>Frames that the kernel has carried for the flow, as an attachment tells them.</summary>
    public void TellBypassed(long toClientFrames, long toClientBytes, long toServerFrames = 0, long toServerBytes = 0)
    {
        IpAddress client = IpAddress.ReadV4([192, 168, 1, 10]);
        IpAddress server = IpAddress.ReadV4([192, 168, 1, 20]);
        Worker.NoteBypassed(new BypassedTraffic(new FlowKey(server, client, _serverPort, ClientPort, 6, 4, 0, 0, 0, 0, 0), toClientFrames, toClientBytes, toServerFrames, toServerBytes, _nowUs));
    }

    /// <summary>What the kernel has counted since the last time, as the attachment tells it every five seconds.</summary>
    private void Tell()
    {
        TellBypassed(_untoldFrames, _untoldBytes);
        _untoldFrames = _untoldBytes = 0;
    }
}
