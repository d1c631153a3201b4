namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>The named oddities of SMB; the value is the index into <see cref="SmbAnomalies.All"/>.</summary>
internal enum SmbAnomaly : byte
{
    InternalError,
    MalformedData,
    RecordOverflow,
    MalformedNtlmSspRequest,
    MalformedNtlmSspResponse,
    DuplicateNegotiate,
    NegotiateMalformedDialects,
    FileOverlap,
    RequestToClient,
    ResponseToServer,
    NegotiateMaxReadSizeTooLarge,
    NegotiateMaxWriteSizeTooLarge,
    ReadRequestTooLarge,
    ReadResponseTooLarge,
    ReadQueueSizeExceeded,
    ReadQueueCountExceeded,
    WriteRequestTooLarge,
    WriteQueueSizeExceeded,
    WriteQueueCountExceeded,
    UnusualNtlmSspOrder,
    TooManyTransactions,
}

/// <summary>Their names in rules.</summary>
internal static class SmbAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("internal_error", "the parser could not go on"),
        new("malformed_data", "a message that cannot be read"),
        new("record_overflow", "data that reaches beyond its message"),
        new("malformed_ntlmssp_request", "an NTLMSSP message of the client that cannot be read"),
        new("malformed_ntlmssp_response", "an NTLMSSP message of the server that cannot be read"),
        new("duplicate_negotiate", "a second negotiation"),
        new("negotiate_malformed_dialects", "a list of dialects that cannot be read, or a choice that is not on it"),
        new("file_overlap", "file data that was there already"),
        new("request_to_client", "a request on its way to the client"),
        new("response_to_server", "a response on its way to the server"),
        new("negotiate_max_read_size_too_large", "the server allows larger reads than max-read-size"),
        new("negotiate_max_write_size_too_large", "the server allows larger writes than max-write-size"),
        new("read_request_too_large", "a read that asks for more than max-read-size"),
        new("read_response_too_large", "a read that gives more than max-read-size"),
        new("read_queue_size_exceeded", "more bytes read out of order than max-read-queue-size"),
        new("read_queue_cnt_exceeded", "more chunks read out of order than max-read-queue-cnt"),
        new("write_request_too_large", "a write of more than max-write-size"),
        new("write_queue_size_exceeded", "more bytes written out of order than max-write-queue-size"),
        new("write_queue_cnt_exceeded", "more chunks written out of order than max-write-queue-cnt"),
        new("unusual_ntlmssp_order", "an NTLMSSP message out of turn"),
        new("too_many_transactions", "more transactions than max-tx"),
    ];
}
