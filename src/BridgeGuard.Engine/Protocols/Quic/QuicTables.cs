namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Versions, big-endian as on the wire.</summary>
internal static class QuicVersions
{
    public const uint Version1 = 1;

    /// <summary>RFC 9369.</summary>
    public const uint Version2 = 0x6b3343cf;
    public const uint Draft23 = 0xff000017;
    public const uint Draft29 = 0xff00001d;
    public const uint Draft32 = 0xff000020;
    public const uint Draft33 = 0xff000021;
    public const uint Draft34 = 0xff000022;
    public const uint Q050 = 0x51303530;

    /// <summary>Google's own versions up to Q046: packets are not encrypted until the handshake has keys.</summary>
    public static bool IsOpenGoogle(uint version) => version is >= 0x51303339 and <= 0x51303436 && version >> 16 == 0x5130;

    /// <summary>The version in records: "1", "v2", "Q046", else hexadecimal.</summary>
    /// <param name="version">The version.</param>
    /// <param name="text">At least 8 bytes.</param>
    /// <returns>Bytes written.</returns>
    public static int Format(uint version, Span<byte> text)
    {
        ReadOnlySpan<byte> name = version == Version1 ? "1"u8 : version == Version2 ? "v2"u8 : default;
        if (!name.IsEmpty)
        {
            name.CopyTo(text);
            return name.Length;
        }

        if (IsOpenGoogle(version))
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(text, version);
            return sizeof(uint);
        }

        version.TryFormat(text, out int written, version == 0 ? "x" : "x8", System.Globalization.CultureInfo.InvariantCulture);
        return written;
    }
}

/// <summary>Names of TLS extensions in records (the registry of RFC 8447).</summary>
internal static class QuicTables
{
    private static readonly (ushort Type, byte[] Name)[] Extensions =
    [
        (0, "server_name"u8.ToArray()), (1, "max_fragment_length"u8.ToArray()), (2, "client_certificate_url"u8.ToArray()),
        (3, "trusted_ca_keys"u8.ToArray()), (4, "truncated_hmac"u8.ToArray()), (5, "status_request"u8.ToArray()), (6, "user_mapping"u8.ToArray()),
        (7, "client_authz"u8.ToArray()), (8, "server_authz"u8.ToArray()), (9, "cert_type"u8.ToArray()), (10, "supported_groups"u8.ToArray()),
        (11, "ec_point_formats"u8.ToArray()), (12, "srp"u8.ToArray()), (13, "signature_algorithms"u8.ToArray()), (14, "use_srtp"u8.ToArray()),
        (15, "heartbeat"u8.ToArray()), (16, "alpn"u8.ToArray()), (17, "status_request_v2"u8.ToArray()), (18, "signed_certificate_timestamp"u8.ToArray()),
        (19, "client_certificate_type"u8.ToArray()), (20, "server_certificate_type"u8.ToArray()), (21, "padding"u8.ToArray()),
        (22, "encrypt_then_mac"u8.ToArray()), (23, "extended_master_secret"u8.ToArray()), (24, "token_binding"u8.ToArray()), (25, "cached_info"u8.ToArray()),
        (26, "tls_lts"u8.ToArray()), (27, "compress_certificate"u8.ToArray()), (28, "record_size_limit"u8.ToArray()), (29, "pwd_protect"u8.ToArray()),
        (30, "pwd_clear"u8.ToArray()), (31, "password_salt"u8.ToArray()), (32, "ticket_pinning"u8.ToArray()), (33, "tls_cert_with_extern_psk"u8.ToArray()),
        (34, "delegated_credentials"u8.ToArray()), (35, "session_ticket"u8.ToArray()), (41, "pre_shared_key"u8.ToArray()), (42, "early_data"u8.ToArray()),
        (43, "supported_versions"u8.ToArray()), (44, "cookie"u8.ToArray()), (45, "psk_key_exchange_modes"u8.ToArray()),
        (47, "certificate_authorities"u8.ToArray()), (48, "oid_filters"u8.ToArray()), (49, "post_handshake_auth"u8.ToArray()),
        (50, "signature_algorithms_cert"u8.ToArray()), (51, "key_share"u8.ToArray()), (52, "transparency_info"u8.ToArray()),
        (54, "connection_id"u8.ToArray()), (55, "external_id_hash"u8.ToArray()), (56, "external_session_id"u8.ToArray()),
        (57, "quic_transport_parameters"u8.ToArray()), (65281, "renegotiation_info"u8.ToArray()),
    ];

    /// <summary>Empty when it has none.</summary>
    public static ReadOnlySpan<byte> ExtensionName(ushort type)
    {
        foreach ((ushort known, byte[] name) in Extensions)
        {
            if (known == type)
            {
                return name;
            }
        }

        return default;
    }
}
