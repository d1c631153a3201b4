using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>QUIC (RFC 8999 to 9001, RFC 9369, drafts from 23 on) and Google's versions Q039 to Q050: what is published.</summary>
public sealed class QuicProtocol : Protocol
{
    /// <summary>Shorter datagrams are not taken for QUIC: a packet with its protection has at least so many bytes (RFC 9001 §5.4.2).</summary>
    private const int MinimumBytes = 21;

    public override ProtocolId Id => ProtocolId.Quic;

    public override string Name => "quic";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, 443, 443, 1, 0), new(IpProtocols.Udp, 80, 80, 1, 0)];

    public override BufferDescriptor[] Buffers => QuicBuffers.All;

    public override AnomalyDescriptor[] Anomalies => QuicAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new QuicEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        data.Length >= MinimumBytes && QuicHeader.TryRead(data, out _) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new QuicParser(this);
}
