namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Suricata has no keywords for this protocol; rules match its packets and name it in their header.</summary>
internal static class RdpBuffers
{
    public static readonly BufferDescriptor[] All = [];
}
