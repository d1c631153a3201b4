namespace BridgeGuard.Engine.Protocols.Rfb;

/// <summary>Every cap of the RFB parser.</summary>
internal static class RfbLimits
{
    /// <summary>Bytes kept of a desktop's name or a reason (Suricata's limit as observed).</summary>
    public const int MaxTextBytes = 4096;
}
