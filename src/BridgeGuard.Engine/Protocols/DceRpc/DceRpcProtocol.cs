using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>DCE/RPC over TCP (C706 §12.6, version 5; MS-RPCE) and over UDP (C706 §12.5, version 4): what is published.</summary>
/// <remarks>DCE/RPC over SMB's named pipes has the same keywords and is read with the same types, by SMB's parser.</remarks>
public sealed class DceRpcProtocol : Protocol
{
    public override ProtocolId Id => ProtocolId.DceRpc;

    public override string Name => "dcerpc";

    public override bool UsesTcp => true;

    public override bool UsesUdp => true;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToServer, [5, 0], 0, 2, MinimumBytes: DceRpcHeader.Bytes, Confirm: true),
        new(IpProtocols.Tcp, Direction.ToClient, [5, 0], 0, 2, MinimumBytes: DceRpcHeader.Bytes, Confirm: true),
        new(IpProtocols.Udp, Direction.ToServer, [4, 0], 0, 2, MinimumBytes: DceRpcDatagram.HeaderBytes, Confirm: true),
    ];

    public override BufferDescriptor[] Buffers => DceRpcBuffers.All;

    public override KeywordDescriptor[] Keywords => DceRpcKeywords.All;

    public override string[] Frames => DceRpcFrames.Names;

    public override AnomalyDescriptor[] Anomalies => DceRpcAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new DceRpcEve()];

    public override bool AcceptsGaps => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProbeResult Probe(ReadOnlySpan<byte> data, Direction direction, Flow flow)
    {
        if (flow.Key.Protocol != IpProtocols.Tcp)
        {
            return DceRpcDatagram.TryRead(data, out DceRpcDatagram datagram) && datagram.Type == DceRpcType.Request
                ? ProbeResult.Certain : ProbeResult.NotMine;
        }

        if (data.Length < DceRpcHeader.Bytes)
        {
            return ProbeResult.Unsure;
        }

        if (!DceRpcHeader.TryRead(data, out DceRpcHeader header) || header.Type > DceRpcType.Last || header.MinorVersion > 1)
        {
            return ProbeResult.NotMine;
        }

        return new ProbeResult(ProbeStatus.Certain, header.IsFromServer == (direction == Direction.ToServer));
    }

    public override ProtocolState CreateState(ProtocolSettings settings) => new DceRpcParser(this, new DceRpcLimits(settings));
}
