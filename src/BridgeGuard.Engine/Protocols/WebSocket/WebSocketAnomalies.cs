namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>Indexes of <see cref="WebSocketAnomalies.All"/>.</summary>
internal enum WebSocketAnomaly
{
    SkipEndOfPayload,
    ReassemblyLimitReached,
}

/// <summary>Named oddities of WebSocket.</summary>
internal static class WebSocketAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("skip_end_of_payload", "a payload is longer than what is looked at"),
        new("reassembly_limit_reached", "a fragmented message is longer than what is put together"),
    ];
}
