using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Multicast DNS (RFC 6762): DNS messages on port 5353, with its own name in rules and records.</summary>
public sealed class MdnsProtocol : Protocol
{
    private const ushort Port = 5353;

    public override ProtocolId Id => ProtocolId.Mdns;

    public override string Name => "mdns";

    public override bool UsesTcp => false;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } = [new(IpProtocols.Udp, Port, Port, DnsMessage.HeaderBytes, DnsMessage.HeaderBytes)];

    public override BufferDescriptor[] Buffers => DnsBuffers.Mdns;

    public override AnomalyDescriptor[] Anomalies => DnsAnomalies.All;

    public override string[] Frames => DnsFrames.Names;

    public override EveLogger[] Loggers { get; } = [new MdnsEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>Both ends use the same port and address: whatever way a message goes, it is one.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow) =>
        DnsMessage.IsPlausible(data, out _) ? ProbeResult.Certain : ProbeResult.NotMine;

    public override ProtocolState CreateState(ProtocolSettings settings) => new DnsParser(this, ignoresDirection: true);
}
