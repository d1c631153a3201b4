using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>DHCP for IPv6 (RFC 8415): what is published.</summary>
/// <remarks>Suricata 8 does not know it: an extension of ours.</remarks>
public sealed class DhcpV6Protocol : Protocol
{
    private const ushort ClientPort = 546;
    private const ushort ServerPort = 547;

    public override ProtocolId Id => ProtocolId.DhcpV6;

    public override string Name => "dhcpv6";

    public override bool IsExtension => true;

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, ClientPort, ServerPort, 0, 0)];

    public override BufferDescriptor[] Buffers => DhcpV6Buffers.All;

    public override FieldDescriptor[] Fields => DhcpV6Buffers.Fields;

    public override AnomalyDescriptor[] Anomalies => DhcpV6Anomalies.All;

    public override EveLogger[] Loggers { get; } = [new DhcpV6Eve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        DhcpV6Message.IsMessage(data) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new DhcpV6Parser(this);
}
