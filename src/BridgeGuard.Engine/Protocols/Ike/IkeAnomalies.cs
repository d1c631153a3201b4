namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>The named oddities; the value is the index into <see cref="IkeAnomalies.All"/>.</summary>
internal enum IkeAnomaly : byte
{
    MalformedData,
    NoEncryption,
    WeakCryptoEnc,
    WeakCryptoPrf,
    WeakCryptoDh,
    WeakCryptoAuth,
    WeakCryptoNoDh,
    WeakCryptoNoAuth,
    InvalidProposal,
    UnknownProposal,
    PayloadExtraData,
    MultipleServerProposal,
}

/// <summary>Their names in rules.</summary>
internal static class IkeAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_data", "a message that cannot be read; such a message makes no transaction"),
        new("no_encryption", "AH is proposed, which does not encrypt"),
        new("weak_crypto_enc", "a cipher that is broken or null"),
        new("weak_crypto_prf", "a pseudo-random function over MD5 or SHA-1"),
        new("weak_crypto_dh", "a group that is too small"),
        new("weak_crypto_auth", "an integrity algorithm over MD5, SHA-1 or DES"),
        new("weak_crypto_no_dh", "a proposal without a group"),
        new("weak_crypto_no_auth", "a proposal without integrity"),
        new("invalid_proposal", "a transform that must not be proposed"),
        new("unknown_proposal", "a transform of a type that is not assigned"),
        new("payload_extra_data", "bytes behind the last payload; not told apart here"),
        new("multiple_server_proposal", "a responder that takes more than one; not told apart here"),
    ];
}
