using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>The client/server protocol of MySQL and MariaDB (version 10; «MySQL Internals», «Client/Server Protocol»): what is published.</summary>
/// <remarks>Suricata 8 does not know it: an extension of ours.</remarks>
public sealed class MySqlProtocol : Protocol
{
    private const ushort Port = 3306;

    /// <summary>A greeting has its version within these, and is no longer.</summary>
    private const int MaxGreetingBytes = 512;
    private const int MaxVersionBytes = 64;

    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.MySql;

    public override string Name => "mysql";

    public override bool IsExtension => true;

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToClient, [0, MySqlParser.ProtocolVersion], 3, 5, MinimumBytes: 16, Confirm: true),
    ];

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Tcp, Port, Port, 16, 128, ServerSpeaksFirst: true)];

    public override BufferDescriptor[] Buffers => MySqlBuffers.All;

    public override FieldDescriptor[] Fields => MySqlBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => MySqlAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new MySqlEve()];

    public override bool ServerGreets => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>The server greets: a packet numbered 0 with the protocol's version and its own, or an error instead. The client's answer is numbered 1.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (data.Length < MySqlParser.HeaderBytes + 1)
        {
            return ProbeResult.Unsure;
        }

        int length = MySqlParser.LengthOf(data);
        ReadOnlySpan<byte> body = data[MySqlParser.HeaderBytes..];
        if (direction == Direction.ToServer)
        {
            return flow.AppToClient == ProtocolId.MySql && length > 0 && data[3] == 1 ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        if (data[3] != 0 || length is < 8 or > MaxGreetingBytes)
        {
            return ProbeResult.NotMine;
        }

        if (body[0] == MySqlParser.Error)
        {
            bool isCode = body.Length > 2 && (body[1] | (body[2] << 8)) is >= 1000 and < 5000;
            return isCode && flow.Key.SourcePort != Port && flow.Key.DestinationPort == Port ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        int end = body[..Math.Min(body.Length, MaxVersionBytes)].IndexOf((byte)0);
        bool isText = end > 1 && body[1..end].IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0;
        return body[0] == MySqlParser.ProtocolVersion && isText && body[1] is >= (byte)'0' and <= (byte)'9' ? ProbeResult.Certain : ProbeResult.NotMine;
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new MySqlParser(this, new MySqlLimits(settings));
}
