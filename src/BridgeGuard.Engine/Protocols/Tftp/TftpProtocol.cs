using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>TFTP's requests (RFC 1350). The transfer itself goes on between other ports and is not followed, as in Suricata 8.</summary>
public sealed class TftpProtocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.Tftp;

    public override string Name => "tftp";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override bool IsUnidirectional => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, 69, 69, 4, 4)];

    public override BufferDescriptor[] Buffers => TftpBuffers.All;

    public override AnomalyDescriptor[] Anomalies => TftpAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new TftpEve()];

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => TftpTransaction.Complete;

    /// <summary>An operation code between 1 and 5 (RFC 1350 §5) or 6, the option acknowledgement (RFC 2347).</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        data.Length >= 4 && data[0] == 0 && data[1] is >= 1 and <= 6 ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new TftpParser(this);
}
