namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>The named oddities; the value is the index into <see cref="MySqlAnomalies.All"/>.</summary>
internal enum MySqlAnomaly : byte
{
    AccessDenied,
    LocalInfile,
    MalformedRequest,
    MalformedResponse,
    TooManyTransactions,
}

/// <summary>Their names in rules.</summary>
internal static class MySqlAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("access_denied", "the server refused the login"),
        new("local_infile", "the server asked the client for one of its files"),
        new("malformed_request", "a packet of the client that ends within a field"),
        new("malformed_response", "a packet of the server that ends within a field; of a greeting, nothing more is read"),
        new("too_many_transactions", "more commands without a response than the limit: the oldest is given up"),
    ];
}
