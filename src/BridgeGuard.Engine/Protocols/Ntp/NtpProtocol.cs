using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>The Network Time Protocol, versions 3 (RFC 1305) and 4 (RFC 5905, extension fields of RFC 7822), over UDP: what is published.</summary>
public sealed class NtpProtocol : Protocol
{
    private const ushort Port = 123;

    public override ProtocolId Id => ProtocolId.Ntp;

    public override string Name => "ntp";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, Port, Port, 0, 0)];

    public override BufferDescriptor[] Buffers => NtpBuffers.All;

    public override FieldDescriptor[] Fields => NtpBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => NtpAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new NtpEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        NtpMessage.IsWellFormed(data) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new NtpParser(this);
}
