using System.Text;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>Every cap and choice of SMTP and its MIME reader, from <c>app-layer.protocols.smtp</c>. Read once.</summary>
internal sealed class SmtpLimits
{
    /// <summary>Bytes of a command or reply line that are read; the rest is skipped with an anomaly. Suricata's figure; RFC 5321 §4.5.3.1.4 asks for 512.</summary>
    public const int MaxLineBytes = 4096;

    /// <summary>A longer line of a message is handed on in pieces: bounds what the stream must keep.</summary>
    public const int MaxDataLineBytes = 16 << 10;

    /// <summary>Commands waiting for their reply; RFC 2920 knows no limit, servers stop reading far earlier.</summary>
    public const int MaxPendingCommands = 1024;

    /// <summary>RFC 5321 §4.5.3.1.8 asks servers for 100 recipients; more than this of one mail are not kept.</summary>
    public const int MaxRecipients = 1024;

    /// <summary>Header fields kept of one mail, URLs and attachment names likewise.</summary>
    public const int MaxFields = 512;
    public const int MaxUrls = 1024;
    public const int MaxAttachments = 512;

    /// <summary>RFC 5322 §2.1.1.</summary>
    public const int MaxMimeLineBytes = 998;

    /// <summary>RFC 2045 §6.7 and §6.8.</summary>
    public const int MaxEncodedLineBytes = 76;

    /// <summary>Longest field name without an anomaly (Suricata's figure).</summary>
    public const int MaxHeaderNameBytes = 75;

    /// <summary>Longest boundary that is followed (Suricata's figure; RFC 2046 §5.1.1 allows 70).</summary>
    public const int MaxBoundaryBytes = 254;

    /// <summary>An attachment's longer name is cut to this (Suricata's figure).</summary>
    public const int MaxFileNameBytes = 255;

    /// <summary>Multipart bodies within one another; deeper ones are read as plain content.</summary>
    public const int MaxMimeDepth = 64;

    /// <summary>Text of one line in which URLs are looked for.</summary>
    public const int MaxUrlLineBytes = 8 << 10;

    /// <summary>Text of a mail's header fields, names and URLs together.</summary>
    public const int MaxMailTextBytes = 256 << 10;

    private static readonly string[] DefaultSchemes = ["http"];

    public SmtpLimits(ProtocolSettings settings)
    {
        MaxTransactions = (int)Math.Clamp(settings.GetSize("max-tx", 256), 1, 65536);
        RawExtraction = settings.GetBool("raw-extraction", false);
        DecodeMime = settings.GetBool("mime.decode-mime", true) && !RawExtraction;
        DecodeBase64 = settings.GetBool("mime.decode-base64", true);
        DecodeQuotedPrintable = settings.GetBool("mime.decode-quoted-printable", true);
        HeaderValueDepth = (int)Math.Clamp(settings.GetSize("mime.header-value-depth", 2000), 0, MaxMailTextBytes);

        // As in Suricata on as soon as there is a section for mails, and off without one.
        ExtractUrls = settings.GetBool("mime.extract-urls", HasMimeSection(settings));
        LogUrlScheme = settings.GetBool("mime.log-url-scheme", false);
        BodyMd5 = settings.GetBool("mime.body-md5", false);
        UrlSchemes = ReadSchemes(settings);
    }

    public int MaxTransactions { get; }

    /// <summary>The message as it is becomes a file of its own (<c>rawmsg</c>); it is not read as MIME then.</summary>
    public bool RawExtraction { get; }

    public bool DecodeMime { get; }

    public bool DecodeBase64 { get; }

    public bool DecodeQuotedPrintable { get; }

    /// <summary>Bytes kept of a header field's value.</summary>
    public int HeaderValueDepth { get; }

    public bool ExtractUrls { get; }

    public bool LogUrlScheme { get; }

    public bool BodyMd5 { get; }

    /// <summary>Lower case, with <c>://</c>.</summary>
    public byte[][] UrlSchemes { get; }

    private static bool HasMimeSection(ProtocolSettings settings)
    {
        foreach (KeyValuePair<string, string> option in settings.All)
        {
            if (option.Key.StartsWith("mime.", StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static byte[][] ReadSchemes(ProtocolSettings settings)
    {
        var names = new List<string>();
        foreach (KeyValuePair<string, string> option in settings.All)
        {
            if (option.Key.StartsWith("mime.extract-urls-schemes", StringComparison.Ordinal))
            {
                names.AddRange(option.Value.Split([',', ' ', '[', ']'], StringSplitOptions.RemoveEmptyEntries));
            }
        }

        if (names.Count == 0)
        {
            names.AddRange(DefaultSchemes);
        }

        var schemes = new List<byte[]>();
        foreach (string name in names)
        {
            schemes.Add(Encoding.ASCII.GetBytes(name.ToLowerInvariant() + "://"));
        }

        return [.. schemes];
    }
}
