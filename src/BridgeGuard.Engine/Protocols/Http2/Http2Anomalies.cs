namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Indexes of <see cref="Http2Anomalies.All"/>.</summary>
internal enum Http2Anomaly
{
    InvalidFrameHeader,
    InvalidClientMagic,
    InvalidFrameData,
    InvalidHeader,
    InvalidFrameLength,
    ExtraHeaderData,
    LongFrameData,
    StreamIdReuse,
    InvalidHttp1Settings,
    FailedDecompression,
    InvalidRange,
    HeaderIntegerOverflow,
    TooManyStreams,
    AuthorityHostMismatch,
    UserinfoInUri,
    ReassemblyLimitReached,
    DnsRequestTooLong,
    DnsResponseTooLong,
    DataStreamZero,
    TooManyFrames,
    CompressionBomb,
    HeaderTableOverflow,
    ContinuationWithoutHeaders,
    TooLongRepeatedHeaders,
}

/// <summary>Named oddities of HTTP/2.</summary>
internal static class Http2Anomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("invalid_frame_header", "a frame header with its reserved parts misused"),
        new("invalid_client_magic", "the connection does not begin with the client's preface"),
        new("invalid_frame_data", "a frame's content cannot be read"),
        new("invalid_header", "a header block refers to an entry that does not exist"),
        new("invalid_frame_length", "a frame of a type with a fixed length has another"),
        new("extra_header_data", "bytes remain behind a header block"),
        new("long_frame_data", "a frame is longer than what is looked at"),
        new("stream_id_reuse", "a stream that is over is used again"),
        new("invalid_http1_settings", "HTTP2-Settings of the upgrade cannot be decoded"),
        new("failed_decompression", "a content coding broke"),
        new("invalid_range", "Content-Range cannot be read"),
        new("header_integer_overflow", "a number in a header block does not end or is too large"),
        new("too_many_streams", "more streams at a time than the limit"),
        new("authority_host_mismatch", ":authority and host name different hosts"),
        new("userinfo_in_uri", ":authority holds user information"),
        new("reassembly_limit_reached", "a header block is larger than the limit"),
        new("dns_request_too_long", "a DNS request is larger than a message can be"),
        new("dns_response_too_long", "a DNS response is larger than a message can be"),
        new("data_stream_zero", "DATA on the stream that carries none"),
        new("too_many_frames", "more frames in a stream than the limit"),
        new("compression_bomb", "a body grows out of proportion when decoded"),
        new("header_table_overflow", "an entry is larger than the header table may be"),
        new("continuation_without_headers", "CONTINUATION follows no header block"),
        new("too_long_repeated_headers", "a repeated field is too long when joined"),
    ];
}
