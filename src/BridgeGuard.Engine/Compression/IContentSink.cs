namespace BridgeGuard.Engine.Compression;

/// <summary>Takes decoded bytes. One call per chunk of a body, never per byte.</summary>
internal interface IContentSink
{
    /// <summary>Bytes valid for the call only.</summary>
    void OnContent(ReadOnlySpan<byte> bytes);
}

/// <summary>A content coding (RFC 9110 §8.4.1).</summary>
internal enum ContentCoding : byte
{
    /// <summary>Bytes as they are.</summary>
    Identity,
    Gzip,

    /// <summary>zlib or raw deflate: servers send either under this name.</summary>
    Deflate,
    Brotli,

    /// <summary>Igor Pavlov's LZMA with its file header; not registered, but some servers and clients have it.</summary>
    Lzma,
}
