namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>TFTP names no oddities (nor does Suricata).</summary>
internal static class TftpAnomalies
{
    public static readonly AnomalyDescriptor[] All = [];
}
