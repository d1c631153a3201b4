namespace BridgeGuard.Engine.Protocols.Tftp;

/// <summary>TFTP publishes no buffers to rules (nor does Suricata): they look at the datagram's payload.</summary>
internal static class TftpBuffers
{
    public static readonly BufferDescriptor[] All = [];
}
