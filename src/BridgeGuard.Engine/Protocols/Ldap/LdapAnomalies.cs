namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>The named oddities of LDAP; the value is the index into <see cref="LdapAnomalies.All"/>.</summary>
internal enum LdapAnomaly : byte
{
    TooManyTransactions,
    InvalidData,
    RequestNotFound,
    TooManyResponses,
}

/// <summary>Their names in rules.</summary>
internal static class LdapAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("too_many_transactions", "more exchanges are open than the limit; the oldest is completed"),
        new("invalid_data", "bytes that are no message; on TCP parsing ends"),
        new("request_not_found", "a response to no open request"),
        new("too_many_responses", "more responses to one request than the limit; they are not kept"),
    ];
}
