namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Every cap and choice of the TLS parser, from <c>app-layer.protocols.tls</c>.</summary>
internal sealed class TlsLimits(ProtocolSettings settings)
{
    /// <summary>Show JA3 without a rule that asks for it.</summary>
    public bool ShowsJa3 { get; } = settings.GetBool("ja3-fingerprints", false);

    public bool ShowsJa4 { get; } = settings.GetBool("ja4-fingerprints", false);

    /// <summary>2^14 bytes of text and what compression may add (RFC 5246 §6.2.2), where Suricata draws the line for records of every type and version.</summary>
    public const int MaxRecordBytes = (1 << 14) + 1024;

    /// <summary>A handshake message that spans records. Certificate chains are the longest; real ones stay below 32 KiB.</summary>
    public const int MaxHandshakeBytes = 128 << 10;

    public const int MaxCertificates = 32;

    /// <summary>Subject alternative names kept of one certificate.</summary>
    public const int MaxAltNames = 512;

    public const int MaxAlpns = 64;

    /// <summary>Cipher suites, extensions, groups and algorithms kept of one hello.</summary>
    public const int MaxListEntries = 512;
}
