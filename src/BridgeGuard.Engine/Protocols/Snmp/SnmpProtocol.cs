using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>SNMP 1, 2c and 3 over UDP: what is published to rules and outputs.</summary>
public sealed class SnmpProtocol : Protocol
{
    private const ushort AgentPort = 161;
    private const ushort TrapPort = 162;
    private const ushort LeastBytes = 5;

    public override ProtocolId Id => ProtocolId.Snmp;

    public override string Name => "snmp";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, AgentPort, TrapPort, LeastBytes, 0)];

    public override BufferDescriptor[] Buffers => SnmpBuffers.All;

    public override FieldDescriptor[] Fields => SnmpBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => SnmpAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new SnmpEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        SnmpParser.TryReadVersion(data, out _, out _) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new SnmpParser(this);
}
