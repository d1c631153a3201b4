namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Code points of TLS (RFC 8446, RFC 5246) that the parser knows.</summary>
internal static class TlsTables
{
    public const byte ChangeCipherSpec = 20;
    public const byte Alert = 21;
    public const byte Handshake = 22;
    public const byte ApplicationData = 23;
    public const byte Heartbeat = 24;

    public const byte ClientHello = 1;
    public const byte ServerHello = 2;
    public const byte NewSessionTicket = 4;
    public const byte Certificate = 11;
    public const byte CertificateRequest = 13;
    public const byte ServerHelloDone = 14;

    public const ushort ServerName = 0;
    public const ushort SupportedGroups = 10;
    public const ushort PointFormats = 11;
    public const ushort SignatureAlgorithms = 13;
    public const ushort Alpn = 16;
    public const ushort SessionTicket = 35;
    public const ushort SupportedVersions = 43;

    public const ushort Sslv2 = 0x0200;
    public const ushort Sslv3 = 0x0300;
    public const ushort Tls10 = 0x0301;
    public const ushort Tls11 = 0x0302;
    public const ushort Tls12 = 0x0303;
    public const ushort Tls13 = 0x0304;

    /// <summary>Values that clients strew in so that servers stay tolerant (RFC 8701): 0x0a0a, 0x1a1a … 0xfafa.</summary>
    public static bool IsGrease(ushort value) => (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);

    /// <summary>TLS 1.3 or a draft of it (0x7f00 + draft).</summary>
    public static bool IsTls13(ushort version) => version == Tls13 || version >> 8 == 0x7f || (version & 0xff00) == 0xfb00;

    /// <summary>The version's name in EVE; empty when it has none.</summary>
    public static ReadOnlySpan<byte> VersionName(ushort version) => version switch
    {
        Sslv2 => "SSLv2"u8,
        Sslv3 => "SSLv3"u8,
        Tls10 => "TLSv1"u8,
        Tls11 => "TLS 1.1"u8,
        Tls12 => "TLS 1.2"u8,
        Tls13 => "TLS 1.3"u8,
        0xfb17 or 0xfb1a => "TLS 1.3 Facebook-draft"u8,
        _ => default,
    };
}
