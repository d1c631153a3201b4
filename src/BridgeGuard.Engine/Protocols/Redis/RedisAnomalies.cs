namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>The named oddities; the value is the index into <see cref="RedisAnomalies.All"/>.</summary>
internal enum RedisAnomaly : byte
{
    MalformedRequest,
    MalformedResponse,
    NestedTooDeep,
    TooManyArguments,
    TooManyTransactions,
}

/// <summary>Their names in rules.</summary>
internal static class RedisAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_request", "bytes of the client that are no command; nothing more is read"),
        new("malformed_response", "bytes of the server that are no reply; nothing more is read"),
        new("nested_too_deep", "replies within replies above the limit; nothing more is read"),
        new("too_many_arguments", "more arguments than are kept"),
        new("too_many_transactions", "more commands without a reply than the limit: the oldest is given up"),
    ];
}
