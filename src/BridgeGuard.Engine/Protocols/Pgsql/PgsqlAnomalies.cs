namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>The named oddities; the value is the index into <see cref="PgsqlAnomalies.All"/>.</summary>
internal enum PgsqlAnomaly : byte
{
    InvalidLength,
    MalformedRequest,
    MalformedResponse,
    TooManyTransactions,
    TooManyResponses,
}

/// <summary>Their names in rules.</summary>
internal static class PgsqlAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("invalid_length", "a message whose length contradicts its content; parsing ends"),
        new("malformed_request", "a request that cannot be read"),
        new("malformed_response", "a response that cannot be read"),
        new("too_many_transactions", "more exchanges are open than the limit; the oldest is completed"),
        new("too_many_responses", "more responses to one request than the limit; they are not kept"),
    ];
}
