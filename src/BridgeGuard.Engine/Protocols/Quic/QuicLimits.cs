namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Caps of the QUIC parser.</summary>
internal static class QuicLimits
{
    /// <summary>RFC 9000 §17.2.</summary>
    public const int MaxConnectionIdBytes = 20;

    /// <summary>A handshake message over CRYPTO frames: as long as Suricata puts together.</summary>
    public const int MaxCryptoBytes = 65535;

    /// <summary>Pieces of it that wait for what lies between them.</summary>
    public const int MaxRanges = 128;

    /// <summary>Packets in one datagram: an Initial needs some 20 bytes of header.</summary>
    public const int MaxPacketsPerDatagram = 64;

    /// <summary>Packets waiting for inspection; above it the oldest goes unseen.</summary>
    public const int MaxTransactions = 256;

    /// <summary>Tags of a CHLO that its fingerprint names.</summary>
    public const int MaxTags = 128;
}
