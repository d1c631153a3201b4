namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>The named oddities of SMTP and of the mail it carries; the value is the index into <see cref="SmtpAnomalies.All"/>.</summary>
internal enum SmtpAnomaly : byte
{
    InvalidReply,
    UnableToMatchReplyWithRequest,
    MaxCommandLineLenExceeded,
    MaxReplyLineLenExceeded,
    InvalidPipelinedSequence,
    BdatChunkLenExceeded,
    NoServerWelcomeMessage,
    TlsRejected,
    DataCommandRejected,
    FailedProtocolChange,
    InvalidBdat,
    MimeParseFailed,
    MimeMalformedMessage,
    MimeInvalidBase64,
    MimeInvalidQuotedPrintable,
    MimeLongLine,
    MimeLongEncodedLine,
    MimeLongHeaderName,
    MimeLongHeaderValue,
    MimeLongBoundary,
    MimeLongFileName,
    DuplicateFields,
    UnparsableContent,
    TruncatedLine,
}

/// <summary>Their rule names and what they mean.</summary>
internal static class SmtpAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("invalid_reply", "a server's line without a known reply code"),
        new("unable_to_match_reply_with_request", "so many commands wait for a reply that replies are no longer matched"),
        new("max_command_line_len_exceeded", "a command line above the limit (named for old rules; today it is truncated_line)"),
        new("max_reply_line_len_exceeded", "a reply line above the limit (named for old rules; today it is truncated_line)"),
        new("invalid_pipelined_sequence", "sent ahead of the reply that had to be waited for (STARTTLS, DATA)"),
        new("bdat_chunk_len_exceeded", "more bytes than the BDAT chunk announced"),
        new("no_server_welcome_message", "the client spoke before the server's greeting"),
        new("tls_rejected", "the server refused STARTTLS"),
        new("data_command_rejected", "the server refused DATA"),
        new("failed_protocol_change", "the agreed change to TLS cannot be followed"),
        new("invalid_bdat", "a BDAT command whose arguments cannot be read"),
        new("mime_parse_failed", "the mail cannot be read"),
        new("mime_malformed_msg", "the mail is nested beyond the limit"),
        new("mime_invalid_base64", "a Base64 body that cannot be decoded"),
        new("mime_invalid_qp", "a quoted-printable body with an invalid escape"),
        new("mime_long_line", "a line of the mail above 998 bytes"),
        new("mime_long_enc_line", "a line of an encoded body above 76 bytes"),
        new("mime_long_header_name", "a header field's name above the limit"),
        new("mime_long_header_value", "a header field's value above the limit"),
        new("mime_long_boundary", "a multipart boundary above the limit"),
        new("mime_long_filename", "an attachment's name above the limit"),
        new("duplicate_fields", "a second HELO or MAIL FROM where one is allowed"),
        new("unparsable_content", "a second message within one mail transaction"),
        new("truncated_line", "a line above the limit; what is behind it was skipped"),
    ];
}
