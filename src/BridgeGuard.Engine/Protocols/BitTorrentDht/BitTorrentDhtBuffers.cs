namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>Suricata has no keywords for this protocol; rules match its packets and its anomaly.</summary>
internal static class BitTorrentDhtBuffers
{
    public static readonly BufferDescriptor[] All = [];
}
