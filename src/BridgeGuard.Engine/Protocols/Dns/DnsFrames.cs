namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Frames of DNS and what shares its format.</summary>
internal static class DnsFrames
{
    public static readonly string[] Names = ["pdu"];

    /// <summary>One message, without the length that stands before it on TCP.</summary>
    public const int Pdu = 0;
}
