namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>Frames of DCE/RPC over TCP.</summary>
internal static class DceRpcFrames
{
    public static readonly string[] Names = ["pdu", "hdr", "data"];

    /// <summary>One PDU, its header included.</summary>
    public const int Pdu = 0;

    public const int Header = 1;

    public const int Data = 2;
}
