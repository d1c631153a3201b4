namespace BridgeGuard.Engine.Protocols.BitTorrentDht;

/// <summary>Every cap of the parser.</summary>
internal static class BitTorrentDhtLimits
{
    /// <summary>Messages alive on one flow.</summary>
    public const int MaxTransactions = 64;

    /// <summary>Nesting of unknown members; the known ones need two.</summary>
    public const int MaxDepth = 8;

    /// <summary>Peers of one response that are shown; a datagram of common size holds about 180.</summary>
    public const int MaxValues = 256;
}
