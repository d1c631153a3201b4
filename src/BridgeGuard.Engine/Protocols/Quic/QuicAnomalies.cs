namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Indexes of <see cref="QuicAnomalies.All"/>.</summary>
internal enum QuicAnomaly
{
    FailedDecrypt,
    ErrorOnData,
    CryptoFragTooLong,
}

/// <summary>Named oddities of QUIC.</summary>
internal static class QuicAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("failed_decrypt", "an Initial packet cannot be opened"),
        new("error_on_data", "the frames of a packet cannot be read"),
        new("crypto_frag_too_long", "a handshake message is longer or in more pieces than what is put together"),
    ];
}
