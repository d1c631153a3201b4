namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Runs of bytes that rules may look at: a frame's header, its payload, both.</summary>
internal static class Http2Frames
{
    public static readonly string[] Names = ["hdr", "data", "pdu"];

    public const int Header = 0;
    public const int Data = 1;
    public const int Pdu = 2;
}
