using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>WebSocket (RFC 6455) with permessage-deflate (RFC 7692), after an upgrade from HTTP/1: what is published.</summary>
public sealed class WebSocketProtocol : Protocol
{
    public override ProtocolId Id => ProtocolId.WebSocket;

    public override string Name => "websocket";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override bool FollowsUpgrade => true;

    public override string[] Frames => WebSocketFrames.Names;

    public override BufferDescriptor[] Buffers => WebSocketBuffers.All;

    public override FieldDescriptor[] Fields => WebSocketBuffers.Fields;

    public override AnomalyDescriptor[] Anomalies => WebSocketAnomalies.All;

    public override EveLogger[] Loggers { get; } = [new WebSocketEve()];

    public override bool IsUnidirectional => true;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? PlainRequestProgress : PlainResponseProgress;

    public override byte CompletedProgress(Direction direction) => 1;

    public override ProtocolState CreateState(ProtocolSettings settings) => new WebSocketParser(this, new WebSocketLimits(settings));
}
