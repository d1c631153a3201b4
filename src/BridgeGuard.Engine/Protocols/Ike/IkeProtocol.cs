using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>The Internet Key Exchange, versions 1 (RFC 2408, RFC 2409) and 2 (RFC 7296), over UDP: what is published.</summary>
public sealed class IkeProtocol : Protocol
{
    private const ushort Port = 500;

    public override ProtocolId Id => ProtocolId.Ike;

    public override string Name => "ike";

    public override string[] Aliases => ["ikev2"];

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, Port, Port, 0, 0)];

    public override BufferDescriptor[] Buffers => IkeBuffers.All;

    public override FieldDescriptor[] Fields => IkeBuffers.Fields;

    public override KeywordDescriptor[] Keywords => IkeKeywords.All;

    public override AnomalyDescriptor[] Anomalies => IkeAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new IkeEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        IkeHeader.TryCreate(data, out _) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new IkeParser(this);
}
