namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Suricata names no oddities of this protocol.</summary>
internal static class RdpAnomalies
{
    public static readonly AnomalyDescriptor[] All = [];
}
