namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Every cap and choice of the HTTP/1 parser, from <c>app-layer.protocols.http.libhtp</c>. Read once.</summary>
/// <remarks>Names and defaults are those documented for Suricata 8. A section of <c>server-config</c> begins with the same defaults.</remarks>
internal sealed class Http1Limits
{
    private const string DefaultPrefix = "libhtp.default-config.";

    public Http1Limits(ProtocolSettings settings)
        : this(settings, DefaultPrefix)
    {
    }

    /// <param name="settings">The protocol's section.</param>
    /// <param name="prefix">Of the keys, with a dot at its end.</param>
    public Http1Limits(ProtocolSettings settings, string prefix)
    {
        RequestBodyBytes = settings.GetSize(prefix + "request-body-limit", 100 << 10);
        ResponseBodyBytes = settings.GetSize(prefix + "response-body-limit", 100 << 10);
        RequestMinInspect = (int)settings.GetSize(prefix + "request-body-minimal-inspect-size", 32 << 10);
        RequestWindow = (int)settings.GetSize(prefix + "request-body-inspect-window", 4 << 10);
        ResponseMinInspect = (int)settings.GetSize(prefix + "response-body-minimal-inspect-size", 40 << 10);
        ResponseWindow = (int)settings.GetSize(prefix + "response-body-inspect-window", 16 << 10);
        DecompressLayers = (int)settings.GetSize(prefix + "response-body-decompress-layer-limit", 2);
        BombBytes = settings.GetSize(prefix + "compression-bomb-limit", 1 << 20);
        LzmaLayers = settings.Get(prefix + "lzma-enabled") is null ? int.MaxValue : settings.GetBool(prefix + "lzma-enabled", true) ? 1 : 0;
        LzmaMemoryBytes = Math.Min(settings.GetSize(prefix + "lzma-memlimit", 1 << 20), MaxLzmaMemoryBytes);
        DoubleDecodePath = settings.GetBool(prefix + "double-decode-path", false);
        DoubleDecodeQuery = settings.GetBool(prefix + "double-decode-query", false);
        PlusIsSpace = settings.GetBool(prefix + "query-plusspace-decode", false);
        UriIncludesAll = settings.GetBool(prefix + "uri-include-all", false);
        MetaFieldBytes = (int)settings.GetSize(prefix + "meta-field-limit", 18000);
        MaxHeaders = (int)settings.GetSize(prefix + "headers-limit", 1024);
        MaxTransactions = (int)settings.GetSize(prefix + "max-tx", 512);
        InlineBody = settings.GetBool(prefix + "http-body-inline", settings.IsInline);
    }

    /// <summary>Bytes of a body that are inspected; 0: all.</summary>
    public long RequestBodyBytes { get; }

    public long ResponseBodyBytes { get; }

    /// <summary>Bytes that must be there before a body is inspected for the first time.</summary>
    public int RequestMinInspect { get; }

    public int ResponseMinInspect { get; }

    /// <summary>Bytes before the new ones that are inspected again.</summary>
    public int RequestWindow { get; }

    public int ResponseWindow { get; }

    public int DecompressLayers { get; }

    /// <summary>Decoded bytes above which the compression ratio is judged.</summary>
    public long BombBytes { get; }

    /// <summary>
    /// Layers of LZMA that are taken off: one with <c>lzma-enabled: yes</c>, none with <c>no</c>. Unsaid it is not limited by itself: so Suricata 8.0.8 does, whatever its
    /// file says of the default (there <c>no</c> is the same as unsaid).
    /// </summary>
    public int LzmaLayers { get; }

    /// <summary>History that each such body may keep.</summary>
    public long LzmaMemoryBytes { get; }

    public bool DoubleDecodePath { get; }

    public bool DoubleDecodeQuery { get; }

    public bool PlusIsSpace { get; }

    /// <summary>Scheme, host and port stay in <c>http.uri</c>.</summary>
    public bool UriIncludesAll { get; }

    /// <summary>Longest line; above it the parser gives up.</summary>
    public int MetaFieldBytes { get; }

    public int MaxHeaders { get; }

    /// <summary>Requests waiting for their responses on one flow.</summary>
    public int MaxTransactions { get; }

    /// <summary>Bodies are inspected packet by packet, however small (<c>http-body-inline</c>; <c>auto</c>: when the engine is inline).</summary>
    public bool InlineBody { get; }

    /// <summary>More than any encoder's preset asks for (64 MiB), whatever is configured; an array cannot hold a dictionary of 4 GiB.</summary>
    public const long MaxLzmaMemoryBytes = 64 << 20;

    /// <summary>All header fields of a message together: 1,024 fields of 18 KiB would be 18 MiB.</summary>
    public const int MaxHeadBytes = 256 << 10;

    /// <summary>Longest name of a file (Linux's PATH_MAX; Suricata's figure).</summary>
    public const int MaxFileNameBytes = 4096;

    /// <summary>Repetitions of one field that are joined; the rest is dropped.</summary>
    public const int MaxRepetitions = 64;

    /// <summary>Bytes before a status line that may be junk.</summary>
    public const int MaxJunkBytes = 1024;

    /// <summary>A chunk-size line; its digits alone need 16.</summary>
    public const int MaxChunkLineBytes = 4096;

    /// <summary>Bytes of a body nobody inspects that are kept when there is no body limit.</summary>
    public const int MaxUnseenBodyBytes = 1 << 20;
}
