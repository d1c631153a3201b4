namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>POP3 publishes no buffers to rules (nor does Suricata 8).</summary>
internal static class Pop3Buffers
{
    public static readonly BufferDescriptor[] All = [];
}
