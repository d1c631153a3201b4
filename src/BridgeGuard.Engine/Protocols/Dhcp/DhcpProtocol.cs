using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>DHCP for IPv4 (RFC 2131, options of RFC 2132): what is published.</summary>
public sealed class DhcpProtocol : Protocol
{
    private const ushort ServerPort = 67;
    private const ushort ClientPort = 68;

    public override ProtocolId Id => ProtocolId.Dhcp;

    public override string Name => "dhcp";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, ServerPort, ClientPort, 0, 0)];

    public override BufferDescriptor[] Buffers => [];

    public override FieldDescriptor[] Fields => DhcpBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => DhcpAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new DhcpEve()];

    /// <inheritdoc/>
    /// <remarks>As in Suricata alerts say nothing of the lease.</remarks>
    public override void WriteAlertMetadata(EveWriter writer, Transaction transaction, Flow flow)
    {
    }

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        DhcpMessage.IsMessage(data) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new DhcpParser(this);
}
