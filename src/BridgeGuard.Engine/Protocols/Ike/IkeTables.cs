namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>Payload types of version 1 that are read (RFC 2408 §3.1).</summary>
internal enum IkePayload1 : byte
{
    SecurityAssociation = 1,
    Proposal = 2,
    Transform = 3,
    KeyExchange = 4,
    Nonce = 10,
    VendorId = 13,
}

/// <summary>Payload types of version 2 that are read (RFC 7296 §3.2).</summary>
internal enum IkePayload2 : byte
{
    SecurityAssociation = 33,
    KeyExchange = 34,
    Nonce = 40,
    Notify = 41,
    TrafficSelectorInitiator = 44,
    TrafficSelectorResponder = 45,
}

/// <summary>Transform types of version 2 less one (RFC 7296 §3.3.2).</summary>
internal enum IkeTransform2
{
    Encryption,
    Prf,
    Integrity,
    Group,
    SequenceNumbers,
}

/// <summary>Names as EVE writes them, by the numbers that IANA assigns.</summary>
internal static class IkeTables
{
    public const int TransformTypes = 5;
    public const ushort NullEncryption = 11;
    public const ushort FirstStatusNotification = 16384;

    private static readonly string[] Payloads1 =
    [
        "None", "SecurityAssociation", "Proposal", "Transform", "KeyExchange", "Identification", "Certificate", "CertificateRequest", "Hash", "Signature",
        "Nonce", "Notification", "Delete", "VendorID", "", "SaKekPayload", "SaTekPayload", "KeyDownload", "SequenceNumber", "ProofOfPossession",
        "NatDiscovery", "NatOriginalAddress", "GroupAssociatedPolicy",
    ];

    private static readonly string[] Payloads2 =
    [
        "SecurityAssociation", "KeyExchange", "IdentInitiator", "IdentResponder", "Certificate", "CertificateRequest", "Authentication", "Nonce", "Notify",
        "Delete", "VendorID", "TrafficSelectorInitiator", "TrafficSelectorResponder", "EncryptedAndAuthenticated", "Configuration",
        "ExtensibleAuthentication",
    ];

    private static readonly string[] Encryption2 =
    [
        "", "ENCR_DES_IV64", "ENCR_DES", "ENCR_3DES", "ENCR_RC5", "ENCR_IDEA", "ENCR_CAST", "ENCR_BLOWFISH", "ENCR_3IDEA", "ENCR_DES_IV32", "",
        "ENCR_NULL", "ENCR_AES_CBC", "ENCR_AES_CTR", "ENCR_AES_CCM_8", "ENCR_AES_CCM_12", "ENCR_AES_CCM_16", "", "ENCR_AES_GCM_8", "ENCR_AES_GCM_12",
        "ENCR_AES_GCM_16", "ENCR_NULL_AUTH_AES_GMAC", "", "ENCR_CAMELLIA_CBC", "ENCR_CAMELLIA_CTR", "ENCR_CAMELLIA_CCM_8", "ENCR_CAMELLIA_CCM_12",
        "ENCR_CAMELLIA_CCM_16", "ENCR_CHACHA20_POLY1305",
    ];

    private static readonly string[] Prf2 =
    [
        "PRF_NULL", "PRF_HMAC_MD5", "PRF_HMAC_SHA1", "PRF_HMAC_TIGER", "PRF_AES128_XCBC", "PRF_HMAC_SHA2_256", "PRF_HMAC_SHA2_384", "PRF_HMAC_SHA2_512",
        "PRF_AES128_CMAC",
    ];

    private static readonly string[] Integrity2 =
    [
        "NONE", "AUTH_HMAC_MD5_96", "AUTH_HMAC_SHA1_96", "AUTH_DES_MAC", "AUTH_KPDK_MD5", "AUTH_AES_XCBC_96", "AUTH_HMAC_MD5_128", "AUTH_HMAC_SHA1_160",
        "AUTH_AES_CMAC_96", "AUTH_AES_128_GMAC", "AUTH_AES_192_GMAC", "AUTH_AES_256_GMAC", "AUTH_HMAC_SHA2_256_128", "AUTH_HMAC_SHA2_384_192",
        "AUTH_HMAC_SHA2_512_256",
    ];

    private static readonly string[] Group2 =
    [
        "None", "Modp768", "Modp1024", "", "", "Modp1536", "", "", "", "", "", "", "", "", "Modp2048", "Modp3072", "Modp4096", "Modp6144", "Modp8192",
        "Ecp256", "Ecp384", "Ecp521", "Modp1024s160", "Modp2048s224", "Modp2048s256", "Ecp192", "Ecp224", "BrainpoolP224r1", "BrainpoolP256r1",
        "BrainpoolP384r1", "BrainpoolP512r1", "Curve25519", "Curve448",
    ];

    private static readonly string[] SequenceNumbers2 = ["NoESN", "ESN"];

    private static readonly string[][] Transforms2 = [Encryption2, Prf2, Integrity2, Group2, SequenceNumbers2];

    private static readonly string[] UnknownTransforms2 =
        ["IkeTransformEncType", "IkeTransformPRFType", "IkeTransformAuthType", "IkeTransformDHType", "IkeTransformESNType"];

    private static readonly string[] Attributes1 =
    [
        "unknown", "alg_enc", "alg_hash", "alg_auth", "alg_dh", "sa_group_type", "sa_group_prime", "sa_group_generator_one", "sa_group_generator_two",
        "sa_group_curve_a", "sa_group_curve_b", "sa_life_type", "sa_life_duration", "alg_prf", "sa_key_length", "sa_field_size", "sa_group_order",
    ];

    private static readonly string[][] Values1 =
    [
        [],
        ["", "EncDesCbc", "EncIdeaCbc", "EncBlowfishCbc", "EncRc5R16B64Cbc", "EncTripleDesCbc", "EncCastCbc", "EncAesCbc", "EncCamelliaCbc"],
        ["", "HashMd5", "HashSha", "HashTiger", "HashSha2_256", "HashSha2_384", "HashSha2_512"],
        [
            "", "AuthPreSharedKey", "AuthDssSignatures", "AuthRsaSignatures", "AuthEncryptionWithRsa", "AuthRevisedEncryptionWithRsa", "AuthReserved",
            "AuthReserved", "AuthReserved", "AuthEcdsaSha256", "AuthEcdsaSha384", "AuthEcdsaSha512",
        ],
        [
            "", "GroupDefault768BitModp", "GroupAlternate1024BitModpGroup", "GroupEc2nOnGp2p155", "GroupEc2nOnGp2p185", "GroupModp1536Bit",
            "GroupEc2nOverGf2p163", "GroupEc2nOverGf2p163", "GroupEc2nOverGf2p283", "GroupEc2nOverGf2p283", "GroupEc2nOverGf2p409",
            "GroupEc2nOverGf2p409", "GroupEc2nOverGf2p571", "GroupEc2nOverGf2p571", "GroupModp2048Bit", "GroupModp3072Bit", "GroupModp4096Bit",
            "GroupModp6144Bit", "GroupModp8192Bit", "GroupRandomEcp256", "GroupRandomEcp384", "GroupRandomEcp521", "GroupModp1024With160BitPrime",
            "GroupModp2048With224BitPrime", "GroupModp2048With256BitPrime", "GroupRandomEcp192", "GroupRandomEcp224", "GroupBrainpoolEcp224",
            "GroupBrainpoolEcp256", "GroupBrainpoolEcp384", "GroupBrainpoolEcp512",
        ],
        [], [], [], [], [], [],
        ["", "LifeTypeSeconds", "LifeTypeKilobytes"],
    ];

    /// <summary>The attributes that rules may name.</summary>
    public static readonly string[] RuleAttributes = ["alg_enc", "alg_hash", "alg_auth", "alg_dh", "alg_prf", "sa_group_type", "sa_life_type", "sa_life_duration", "sa_key_length", "sa_field_size"];

    public static bool IsVersion1Payload(byte type) => type < Payloads1.Length && Payloads1[type].Length > 0;

    public static string Payload1(byte type) => IsVersion1Payload(type) ? Payloads1[type] : "";

    /// <summary>The exchange's name in version 1 (RFC 2408 §3.1, RFC 2409); empty when it has none.</summary>
    public static string Exchange1(byte type) => type switch
    {
        0 => "Unknown Exchange Type",
        1 => "Base",
        2 => "Identity Protection",
        3 => "Authentication Only",
        4 => "Aggressive",
        5 => "Informational",
        6 => "Transaction (Config Mode)",
        32 => "Quick Mode",
        33 => "New Group Mode",
        _ => "",
    };

    /// <summary>Empty when the type has no name.</summary>
    public static string Payload2(byte type) => type switch
    {
        0 => "NoNextPayload",
        >= 33 when type - 33 < Payloads2.Length => Payloads2[type - 33],
        _ => "",
    };

    public static string Transform2(IkeTransform2 type, ushort id) => id < Transforms2[(int)type].Length ? Transforms2[(int)type][id] : "";

    public static string UnknownTransform2(IkeTransform2 type) => UnknownTransforms2[(int)type];

    public static string Attribute1(ushort type) => type < Attributes1.Length ? Attributes1[type] : Attributes1[0];

    /// <summary>The attribute's number by its name in rules; -1 when rules cannot ask for it.</summary>
    public static int FindAttribute(string name) => Array.IndexOf(RuleAttributes, name) < 0 ? -1 : Array.IndexOf(Attributes1, name);

    public static string Value1(ushort type, uint value) =>
        type < Values1.Length && value < Values1[type].Length && Values1[type][value].Length > 0 ? Values1[type][value] : "Unknown";

    public static bool IsWeakEncryption(ushort id) => id is (>= 1 and <= 9) or NullEncryption;

    public static bool IsAuthenticating(ushort id) => id is (>= 14 and <= 16) or (>= 18 and <= 20) or (>= 25 and <= 28);

    /// <summary>RFC 7296 §3.10.1; empty when the type has no name.</summary>
    public static string Notification2(ushort type) => type switch
    {
        1 => "UNSUPPORTED_CRITICAL_PAYLOAD",
        4 => "INVALID_IKE_SPI",
        5 => "INVALID_MAJOR_VERSION",
        7 => "INVALID_SYNTAX",
        9 => "INVALID_MESSAGE_ID",
        11 => "INVALID_SPI",
        14 => "NO_PROPOSAL_CHOSEN",
        17 => "INVALID_KE_PAYLOAD",
        24 => "AUTHENTICATION_FAILED",
        34 => "SINGLE_PAIR_REQUIRED",
        35 => "NO_ADDITIONAL_SAS",
        36 => "INTERNAL_ADDRESS_FAILURE",
        37 => "FAILED_CP_REQUIRED",
        38 => "TS_UNACCEPTABLE",
        39 => "INVALID_SELECTORS",
        43 => "TEMPORARY_FAILURE",
        44 => "CHILD_SA_NOT_FOUND",
        16384 => "INITIAL_CONTACT",
        16385 => "SET_WINDOW_SIZE",
        16386 => "ADDITIONAL_TS_POSSIBLE",
        16387 => "IPCOMP_SUPPORTED",
        16388 => "NAT_DETECTION_SOURCE_IP",
        16389 => "NAT_DETECTION_DESTINATION_IP",
        16390 => "COOKIE",
        16391 => "USE_TRANSPORT_MODE",
        16392 => "HTTP_CERT_LOOKUP_SUPPORTED",
        16393 => "REKEY_SA",
        16394 => "ESP_TFC_PADDING_NOT_SUPPORTED",
        16395 => "NON_FIRST_FRAGMENTS_ALSO",
        16404 => "MULTIPLE_AUTH_SUPPORTED",
        16405 => "ANOTHER_AUTH_FOLLOWS",
        16406 => "REDIRECT_SUPPORTED",
        16430 => "IKEV2_FRAGMENTATION_SUPPORTED",
        16431 => "SIGNATURE_HASH_ALGORITHMS",
        _ => "",
    };
}
