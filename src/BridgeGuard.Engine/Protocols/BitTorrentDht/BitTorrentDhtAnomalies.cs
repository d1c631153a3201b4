namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>The named oddities; the value is the index into <see cref="BitTorrentDhtAnomalies.All"/>.</summary>
internal enum BitTorrentDhtAnomaly : byte
{
    MalformedPacket,
}

/// <summary>Their names in rules.</summary>
internal static class BitTorrentDhtAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_packet", "a message that cannot be read or lacks what its kind needs"),
    ];
}
