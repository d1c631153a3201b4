namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>Caps of the WebSocket parser, from <c>app-layer.protocols.websocket</c>.</summary>
internal sealed class WebSocketLimits(ProtocolSettings settings)
{
    /// <summary>Bytes of a payload that are kept, as sent, put together from fragments, and decompressed (Suricata's default).</summary>
    public int MaxPayloadBytes { get; } = (int)Math.Clamp(settings.GetSize("max-payload-size", ushort.MaxValue), 1, 256 << 10);

    /// <summary>Frames waiting for inspection; above it the oldest goes unseen.</summary>
    public const int MaxTransactions = 1024;
}
