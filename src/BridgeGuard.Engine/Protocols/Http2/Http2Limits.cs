namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Every cap of the HTTP/2 parser, from <c>app-layer.protocols.http2</c>. Names and defaults are those documented for Suricata 8.</summary>
internal sealed class Http2Limits
{
    public Http2Limits(ProtocolSettings settings)
    {
        MaxStreams = (int)Math.Clamp(settings.GetSize("max-streams", 256), 1, 1 << 16);
        MaxTableBytes = (int)Math.Clamp(settings.GetSize("max-table-size", 65536), 0, 1 << 24);
        MaxReassemblyBytes = (int)Math.Clamp(settings.GetSize("max-reassembly-size", 102400), 1024, 1 << 24);
        MaxFrames = (int)Math.Clamp(settings.GetSize("max-frames", 65536), 1, 1 << 20);
        BombBytes = settings.GetSize("compression-bomb-limit", 1 << 20);
    }

    /// <summary>Live streams of a connection; above it the oldest is taken for finished.</summary>
    public int MaxStreams { get; }

    /// <summary>Bytes of a header table, whatever the endpoints agree on.</summary>
    public int MaxTableBytes { get; }

    /// <summary>Bytes of a header block over its frames.</summary>
    public int MaxReassemblyBytes { get; }

    /// <summary>Frames of one direction of a stream that are remembered.</summary>
    public int MaxFrames { get; }

    /// <summary>Decoded bytes above which the compression ratio is judged.</summary>
    public long BombBytes { get; }

    /// <summary>Output by input above which a decoded body is a bomb; Suricata's figure.</summary>
    public const int BombRatio = 64;

    /// <summary>Transactions, streams and frames of the connection, that wait for inspection; above it the oldest goes unseen.</summary>
    public const int MaxTransactions = 4096;

    /// <summary>Bytes of a frame other than DATA that are looked at; the rest is skipped. Frames are at most 16 KiB unless agreed (RFC 9113 §4.2).</summary>
    public const int MaxFrameBytes = 64 << 10;

    /// <summary>Fields of one direction of a stream.</summary>
    public const int MaxHeaders = 1024;

    /// <summary>Text of these fields.</summary>
    public const int MaxHeadBytes = 256 << 10;

    /// <summary>A repeated field joined for a rule's buffer.</summary>
    public const int MaxJoinedBytes = 64 << 10;

    /// <summary>Codings of a body, one over the other.</summary>
    public const int MaxCodings = 2;

    /// <summary>A DNS message over HTTP/2 (RFC 8484 §6).</summary>
    public const int MaxDnsBytes = 65535;
}
