using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Rfb;

/// <summary>The handshake of the Remote Framebuffer Protocol, VNC (RFC 6143): what is published.</summary>
public sealed class RfbProtocol : Protocol
{
    public override ProtocolId Id => ProtocolId.Rfb;

    public override string Name => "rfb";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override ProtocolPattern[] Patterns { get; } =
    [
        new(IpProtocols.Tcp, Direction.ToServer, [.. "RFB "u8], 0, 4),
        new(IpProtocols.Tcp, Direction.ToClient, [.. "RFB "u8], 0, 4),
    ];

    public override Direction? FirstData => Direction.ToClient;

    public override BufferDescriptor[] Buffers => RfbBuffers.All;

    public override string[] Frames { get; } = ["pdu"];

    public override FieldDescriptor[] Fields => RfbBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => RfbAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new RfbEve()];

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override StreamShow ShowsStream(Direction direction) => StreamShow.WithEachPart;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProtocolState CreateState(ProtocolSettings settings) => new RfbParser(this);
}
