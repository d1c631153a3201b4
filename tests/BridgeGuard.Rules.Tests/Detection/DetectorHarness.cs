using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Rule text and packets in, matching sids out: a detector with a real decoder and one flow, without streams.</summary>
internal sealed class DetectorHarness
{
    public const string Client = "192.168.1.10";
    public const string Server = "203.0.113.5";

    private readonly PacketDecoder _decoder = new(new DecoderSettings());
    private readonly PacketQueue _inner = new();

    public DetectorHarness(string rules, bool prefilter = true, bool inline = false, IReadOnlyList<Protocol>? protocols = null, string? thresholdFile = null)
    {
        var options = new RuleLoadOptions { Texts = [("test.rules", rules)], IsInline = inline, ThresholdFile = thresholdFile };
        Result = RuleLoader.Load(options, new KeywordIndex(protocols ?? [FakeProtocol.Instance]));
        Assert.DoesNotContain(Result.Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
        Detector = new Detector(new EngineSettings { IsInline = inline, Detection = new DetectionSettings { Prefilter = prefilter } }, 0);
    }

    public RuleLoadResult Result { get; }

    public Detector Detector { get; }

    public AlertQueue Alerts { get; } = new(15);

    public Flow Flow { get; } = new() { Id = 1 };

    public long TimeUs { get; set; } = 1_000_000;

    public Packet? LastPacket { get; private set; }

    public uint[] Udp(string payload, Direction direction = Direction.ToServer, bool withFlow = true) =>
        Inspect(direction == Direction.ToServer
            ? FrameBuilder.Udp(Client, 4000, Server, 53, Latin1(payload))
            : FrameBuilder.Udp(Server, 53, Client, 4000, Latin1(payload)), direction, withFlow);

    public uint[] Tcp(string payload, string flags = "AP", Direction direction = Direction.ToServer, bool withFlow = true) =>
        Inspect(direction == Direction.ToServer
            ? FrameBuilder.Tcp(Client, 4000, Server, 80, 1000, 2000, flags, Latin1(payload))
            : FrameBuilder.Tcp(Server, 80, Client, 4000, 2000, 1000, flags, Latin1(payload)), direction, withFlow);

    public uint[] Ping(byte type, ushort id, ushort sequence) =>
        Inspect(FrameBuilder.Ping(Client, Server, type, id, sequence, "ping"u8), Direction.ToServer, true);

    public uint[] Inspect(byte[] frame, Direction direction, bool withFlow, ChecksumState checksum = ChecksumState.Unknown)
    {
        var packet = new Packet();
        packet.Reset(frame, 0, frame.Length, new FrameInfo { TimestampUs = TimeUs, LinkType = LinkType.Ethernet, Checksum = checksum });
        _decoder.Decode(packet, _inner);
        packet.Direction = direction;
        packet.Flags |= PacketFlags.Established;
        packet.Flags |= packet.IsTcp && packet.Tcp.Has(TcpFlags.Fin) ? PacketFlags.Closing : PacketFlags.None; // No tracker follows the session here.
        if (withFlow)
        {
            packet.Flow = Flow;
            Flow.Key = Flow.Key with { Protocol = packet.Protocol };
            Flow.Flags |= direction == Direction.ToServer ? FlowFlags.ToServerSeen : FlowFlags.ToClientSeen;
            if (direction == Direction.ToServer)
            {
                Flow.PacketsToServer++;
            }
            else
            {
                Flow.PacketsToClient++;
            }
        }

        // Tests change transactions by hand: as if something had been parsed.
        (withFlow ? Flow.AppState : null)?.NoteChange(direction, ulong.MaxValue);
        LastPacket = packet;
        Detector.Inspect(Result.Rules, packet, withFlow ? Flow : null, Alerts);
        var sids = new List<uint>();
        foreach (AlertEntry entry in Alerts.Entries)
        {
            if (!entry.Has(AlertFlags.Silent))
            {
                sids.Add(entry.Rule.Sid);
            }
        }

        return [.. sids];
    }

    /// <summary>A transaction of the fake protocol on the flow.</summary>
    public FakeTransaction AddTransaction()
    {
        Flow.App = Flow.AppToServer = Flow.AppToClient = ProtocolId.Template;
        Flow.AppState ??= FakeProtocol.Instance.CreateState(ProtocolSettings.Empty);
        var transaction = new FakeTransaction();
        Flow.AppState.Transactions.Add(transaction);
        return transaction;
    }

    private static byte[] Latin1(string text) => System.Text.Encoding.Latin1.GetBytes(text);
}

/// <summary>A protocol whose transactions tests fill by hand.</summary>
internal sealed class FakeProtocol : Protocol
{
    public const int Name1 = 0;
    public const int Body = 1;
    public const int List = 2;
    public const int Answer = 3;
    public const int Code = 0;
    public const int Values = 1;

    public static readonly FakeProtocol Instance = new();

    public override ProtocolId Id => ProtocolId.Template;

    public override string Name => "fake";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override BufferDescriptor[] Buffers { get; } =
    [
        new() { Name = "fake.name", LegacyModifiers = ["fake_name"], LocalId = Name1, Directions = DirectionMask.ToServer, ProgressToServer = 1 },
        new() { Name = "fake.body", LocalId = Body, Directions = DirectionMask.ToServer, ProgressToServer = 2, IsStreaming = true },
        new() { Name = "fake.list", LocalId = List, Directions = DirectionMask.ToServer, ProgressToServer = 1, IsMulti = true },
        new() { Name = "fake.answer", LocalId = Answer, Directions = DirectionMask.ToClient, ProgressToClient = 1 },
    ];

    public override FieldDescriptor[] Fields { get; } =
    [
        new() { Name = "fake.code", LocalId = Code, Directions = DirectionMask.ToServer, ProgressToServer = 1, Bits = 16, Names = [("one", 1), ("two", 2)] },
        new() { Name = "fake.values", LocalId = Values, Directions = DirectionMask.ToServer, ProgressToServer = 1, Bits = 8, IsMulti = true },
    ];

    public override AnomalyDescriptor[] Anomalies { get; } = [new("strange", "test"), new("odd", "test")];

    public override string[] ProgressNames(Direction direction) => ["start", "named", "body", "done"];

    public override byte CompletedProgress(Direction direction) => 3;

    public override ProtocolState CreateState(ProtocolSettings settings) => new FakeState();

    private sealed class FakeState : ProtocolState
    {
        public override Protocol Protocol => Instance;

        public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context) => ParseResult.Done(input.Length);

        public override void Release(Transaction transaction)
        {
        }
    }
}

internal sealed class FakeTransaction : Transaction
{
    public Dictionary<int, List<byte[]>> Buffers { get; } = [];

    public Dictionary<int, List<ulong>> Fields { get; } = [];

    public void Set(int buffer, params string[] values) => Buffers[buffer] = [.. values.Select(System.Text.Encoding.Latin1.GetBytes)];

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (!Buffers.TryGetValue(buffer, out List<byte[]>? values) || index >= values.Count)
        {
            return false;
        }

        view = new BufferView(values[index], 0, buffer != FakeProtocol.Body || ProgressToServer > 2);
        return true;
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = 0;
        if (!Fields.TryGetValue(field, out List<ulong>? values) || index >= values.Count)
        {
            return false;
        }

        value = values[index];
        return true;
    }
}
