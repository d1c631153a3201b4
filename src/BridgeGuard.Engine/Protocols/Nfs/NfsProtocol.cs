using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>NFS 2, 3 and 4 (RFC 1094, RFC 1813, RFC 7530) over ONC RPC (RFC 5531), TCP and UDP: what is published.</summary>
public sealed class NfsProtocol : Protocol
{
    private const ushort Port = 2049;

    public override ProtocolId Id => ProtocolId.Nfs;

    public override string Name => "nfs";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override ProbePort[] ProbePorts { get; } =
    [
        new(IpProtocols.Tcp, Port, Port, RpcMessage.MarkBytes + RpcMessage.MinimumBytes, 0),
        new(IpProtocols.Udp, Port, Port, RpcMessage.MinimumDatagramBytes, 0),
    ];

    public override BufferDescriptor[] Buffers => NfsBuffers.All;

    public override KeywordDescriptor[] Keywords => NfsBuffers.Keywords;

    public override string[] Frames => NfsFrames.Names;

    public override AnomalyDescriptor[] Anomalies => NfsAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new NfsEve()];

    public override bool AcceptsGaps => true;

    public override DirectionMask FileDirections => DirectionMask.Both;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    /// <summary>A call to the NFS program; or, where a connection is joined in its midst, a reply that was accepted.</summary>
    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        ReadOnlySpan<byte> message = data;
        if (flow.Key.Protocol == IpProtocols.Tcp)
        {
            if (data.Length < RpcMessage.MarkBytes + RpcMessage.MinimumBytes)
            {
                return ProbeResult.Unsure;
            }

            if (RpcMessage.FragmentLength(data) < RpcMessage.MinimumBytes)
            {
                return ProbeResult.NotMine;
            }

            message = data[RpcMessage.MarkBytes..];
        }

        return RpcMessage.Judge(message) switch
        {
            RpcKind.Call => new ProbeResult(ProbeStatus.Certain, direction == Direction.ToClient),
            RpcKind.Reply => new ProbeResult(ProbeStatus.Certain, direction == Direction.ToServer),
            _ => ProbeResult.NotMine,
        };
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new NfsParser(this, new NfsLimits(settings));
}
