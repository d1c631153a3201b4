using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>Redis and Valkey (the serialization protocol RESP, versions 2 and 3): what is published.</summary>
/// <remarks>Suricata 8 does not know it: an extension of ours.</remarks>
public sealed class RedisProtocol : Protocol
{
    private const ushort Port = 6379;
    private const ushort SentinelPort = 26379;

    /// <summary>Bytes after which a first line that is still unfinished is none of ours.</summary>
    private const int ProbeBytes = 64;

    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Redis;

    public override string Name => "redis";

    public override bool IsExtension => true;

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToServer, "*"u8.ToArray(), 0, 1, MinimumBytes: 8, Confirm: true),
    ];

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Tcp, Port, Port, 4, ProbeBytes),
        new(IpProtocols.Tcp, SentinelPort, SentinelPort, 4, ProbeBytes),
    ];

    public override BufferDescriptor[] Buffers => RedisBuffers.All;

    public override FieldDescriptor[] Fields => RedisBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => RedisAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new RedisEve()];

    public override Direction? FirstData => Direction.ToServer;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>A command is an array of strings (<c>*2\r\n$4\r\n</c>), or on the known ports a line that begins with a word; a reply begins with its type.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        int end = data.IndexOf((byte)'\n');
        if (end < 0)
        {
            return data.Length < ProbeBytes && !data.IsEmpty && (data[0] == (byte)'*' || IsPort(flow)) ? ProbeResult.Unsure : ProbeResult.NotMine;
        }

        ReadOnlySpan<byte> line = data[..end].TrimEnd((byte)'\r');
        if (line.IsEmpty || line.Length == end)
        {
            return ProbeResult.NotMine;
        }

        if (direction == Direction.ToClient)
        {
            return flow.AppToServer == ProtocolId.Redis && RedisReply.IsType(line[0]) ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        if (line[0] == (byte)'*')
        {
            ReadOnlySpan<byte> next = data[(end + 1)..];
            return !RedisReply.TryReadNumber(line[1..], out long count) || count is < 1 or > RedisLimits.MaxArguments ? ProbeResult.NotMine
                : next.IsEmpty ? ProbeResult.Unsure
                : next[0] == (byte)'$' ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        return IsPort(flow) && RedisTables.IsInline(line) ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new RedisParser(this, new RedisLimits(settings));

    private static bool IsPort(Flow flow) => flow.Key.DestinationPort is Port or SentinelPort;
}
