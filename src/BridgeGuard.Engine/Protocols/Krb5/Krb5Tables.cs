namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Names of types, errors and algorithms as EVE writes them. An empty name: the number has none.</summary>
internal static class Krb5Tables
{
    /// <summary>Encryption types (IANA's Kerberos registry; negative numbers are Windows').</summary>
    private static readonly (int Number, string Name)[] Encryptions =
    [
        (-141, "rc4-plain-exp"),
        (-140, "rc4-plain"),
        (-136, "rc4-plain-OLD-exp"),
        (-135, "rc4-hmac-OLD-exp"),
        (-134, "rc4-plain-OLD"),
        (-133, "rc4-hmac-OLD"),
        (-132, "des-plain"),
        (-131, "rc4-sha"),
        (-130, "rc4-lm"),
        (-129, "rc4-plain2"),
        (-128, "rc4-md4"),
        (1, "des-cbc-crc"),
        (2, "des-cbc-md4"),
        (3, "des-cbc-md5"),
        (5, "des3-cbc-md5"),
        (7, "des3-cbc-sha1"),
        (9, "dsaWithSHA1-CmsOID"),
        (10, "md5WithRSAEncryption-CmsOID"),
        (11, "sha1WithRSAEncryption-CmsOID"),
        (12, "rc2CBC-EnvOID"),
        (13, "rsaEncryption-EnvOID"),
        (14, "rsaES-OAEP-ENV-OID"),
        (15, "des-ede3-cbc-Env-OID"),
        (16, "des3-cbc-sha1-kd"),
        (17, "aes128-cts-hmac-sha1-96"),
        (18, "aes256-cts-hmac-sha1-96"),
        (19, "aes128-cts-hmac-sha256-128"),
        (20, "aes256-cts-hmac-sha384-192"),
        (23, "rc4-hmac"),
        (24, "rc4-hmac-exp"),
        (25, "camellia128-cts-cmac"),
        (26, "camellia256-cts-cmac"),
        (65, "subkey-keymaterial"),
    ];

    public static ReadOnlySpan<byte> MessageType(int type) => type switch
    {
        Krb5Message.AsRequest => "KRB_AS_REQ"u8,
        Krb5Message.AsReply => "KRB_AS_REP"u8,
        Krb5Message.TgsRequest => "KRB_TGS_REQ"u8,
        Krb5Message.TgsReply => "KRB_TGS_REP"u8,
        Krb5Message.ApRequest => "KRB_AP_REQ"u8,
        Krb5Message.ApReply => "KRB_AP_REP"u8,
        Krb5Message.Error => "KRB_ERROR"u8,
        _ => "UNKNOWN"u8,
    };

    /// <summary>Everything but AES and Camellia.</summary>
    public static bool IsWeak(int encryption) => encryption is not ((>= 17 and <= 20) or 25 or 26);

    public static string? Encryption(int encryption)
    {
        foreach ((int number, string name) in Encryptions)
        {
            if (number == encryption)
            {
                return name;
            }
        }

        return null;
    }

    public static bool TryFindEncryption(string name, out int encryption)
    {
        foreach ((int number, string known) in Encryptions)
        {
            if (known == name)
            {
                encryption = number;
                return true;
            }
        }

        encryption = 0;
        return false;
    }

    /// <summary>Error codes (RFC 4120 §7.5.9, RFC 4556 §3.1.3).</summary>
    public static ReadOnlySpan<byte> ErrorCode(int code) => code switch
    {
        0 => "KDC_ERR_NONE"u8,
        1 => "KDC_ERR_NAME_EXP"u8,
        2 => "KDC_ERR_SERVICE_EXP"u8,
        3 => "KDC_ERR_BAD_PVNO"u8,
        4 => "KDC_ERR_C_OLD_MAST_KVNO"u8,
        5 => "KDC_ERR_S_OLD_MAST_KVNO"u8,
        6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN"u8,
        7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN"u8,
        8 => "KDC_ERR_PRINCIPAL_NOT_UNIQUE"u8,
        9 => "KDC_ERR_NULL_KEY"u8,
        10 => "KDC_ERR_CANNOT_POSTDATE"u8,
        11 => "KDC_ERR_NEVER_VALID"u8,
        12 => "KDC_ERR_POLICY"u8,
        13 => "KDC_ERR_BADOPTION"u8,
        14 => "KDC_ERR_ETYPE_NOSUPP"u8,
        15 => "KDC_ERR_SUMTYPE_NOSUPP"u8,
        16 => "KDC_ERR_PADATA_TYPE_NOSUPP"u8,
        17 => "KDC_ERR_TRTYPE_NOSUPP"u8,
        18 => "KDC_ERR_CLIENT_REVOKED"u8,
        19 => "KDC_ERR_SERVICE_REVOKED"u8,
        20 => "KDC_ERR_TGT_REVOKED"u8,
        21 => "KDC_ERR_CLIENT_NOTYET"u8,
        22 => "KDC_ERR_SERVICE_NOTYET"u8,
        23 => "KDC_ERR_KEY_EXPIRED"u8,
        24 => "KDC_ERR_PREAUTH_FAILED"u8,
        25 => "KDC_ERR_PREAUTH_REQUIRED"u8,
        26 => "KDC_ERR_SERVER_NOMATCH"u8,
        27 => "KDC_ERR_MUST_USE_USER2USER"u8,
        28 => "KDC_ERR_PATH_NOT_ACCEPTED"u8,
        29 => "KDC_ERR_SVC_UNAVAILABLE"u8,
        31 => "KRB_AP_ERR_BAD_INTEGRITY"u8,
        32 => "KRB_AP_ERR_TKT_EXPIRED"u8,
        33 => "KRB_AP_ERR_TKT_NYV"u8,
        34 => "KRB_AP_ERR_REPEAT"u8,
        35 => "KRB_AP_ERR_NOT_US"u8,
        36 => "KRB_AP_ERR_BADMATCH"u8,
        37 => "KRB_AP_ERR_SKEW"u8,
        38 => "KRB_AP_ERR_BADADDR"u8,
        39 => "KRB_AP_ERR_BADVERSION"u8,
        40 => "KRB_AP_ERR_MSG_TYPE"u8,
        41 => "KRB_AP_ERR_MODIFIED"u8,
        42 => "KRB_AP_ERR_BADORDER"u8,
        44 => "KRB_AP_ERR_BADKEYVER"u8,
        45 => "KRB_AP_ERR_NOKEY"u8,
        46 => "KRB_AP_ERR_MUT_FAIL"u8,
        47 => "KRB_AP_ERR_BADDIRECTION"u8,
        48 => "KRB_AP_ERR_METHOD"u8,
        49 => "KRB_AP_ERR_BADSEQ"u8,
        50 => "KRB_AP_ERR_INAPP_CKSUM"u8,
        51 => "KRB_AP_PATH_NOT_ACCEPTED"u8,
        52 => "KRB_ERR_RESPONSE_TOO_BIG"u8,
        60 => "KRB_ERR_GENERIC"u8,
        61 => "KRB_ERR_FIELD_TOOLONG"u8,
        62 => "KDC_ERROR_CLIENT_NOT_TRUSTED"u8,
        63 => "KDC_ERROR_KDC_NOT_TRUSTED"u8,
        64 => "KDC_ERROR_INVALID_SIG"u8,
        65 => "KDC_ERR_KEY_TOO_WEAK"u8,
        66 => "KDC_ERR_CERTIFICATE_MISMATCH"u8,
        67 => "KRB_AP_ERR_NO_TGT"u8,
        68 => "KDC_ERR_WRONG_REALM"u8,
        69 => "KRB_AP_ERR_USER_TO_USER_REQUIRED"u8,
        70 => "KDC_ERR_CANT_VERIFY_CERTIFICATE"u8,
        71 => "KDC_ERR_INVALID_CERTIFICATE"u8,
        72 => "KDC_ERR_REVOKED_CERTIFICATE"u8,
        73 => "KDC_ERR_REVOCATION_STATUS_UNKNOWN"u8,
        74 => "KDC_ERR_REVOCATION_STATUS_UNAVAILABLE"u8,
        75 => "KDC_ERR_CLIENT_NAME_MISMATCH"u8,
        76 => "KDC_ERR_KDC_NAME_MISMATCH"u8,
        _ => default,
    };
}
