namespace BridgeGuard.Engine.Protocols.WebSocket;

/// <summary>Runs of bytes that rules may look at: a frame's header, both, its payload as sent.</summary>
internal static class WebSocketFrames
{
    public static readonly string[] Names = ["header", "pdu", "data"];

    public const int Header = 0;
    public const int Pdu = 1;
    public const int Data = 2;
}
