namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>Every cap of FTP, from <c>app-layer.protocols.ftp</c>. Read once.</summary>
internal sealed class FtpLimits(ProtocolSettings settings)
{
    /// <summary>Bytes of a command or reply line that are read; the rest is skipped with an anomaly (Suricata's figure; RFC 959 names none).</summary>
    public const int MaxLineBytes = 4096;

    /// <summary>Bytes and lines of a reply that are kept; more are counted as read.</summary>
    public const int MaxReplyBytes = 64 << 10;
    public const int MaxReplyLines = 512;

    /// <summary>Commands with all their replies that may wait for their records: more than one packet's worth.</summary>
    public const int MaxAnswered = 32 << 10;

    /// <summary>Commands at a time that have no final reply.</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 65536);

    /// <summary>1xx replies kept of one command.</summary>
    public int MaxPreliminary { get; } = (int)Math.Clamp(settings.GetSize("max-preliminary-responses", 16), 0, 1024);
}
