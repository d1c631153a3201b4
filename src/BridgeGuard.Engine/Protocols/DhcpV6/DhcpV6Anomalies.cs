namespace BridgeGuard.Engine.Protocols.DhcpV6;

/// <summary>The named oddities; the value is the index into <see cref="DhcpV6Anomalies.All"/>.</summary>
internal enum DhcpV6Anomaly : byte
{
    MalformedOptions,
    NestedTooDeep,
    TooManyOptions,
    TruncatedOptions,
}

/// <summary>Their names in rules.</summary>
internal static class DhcpV6Anomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_options", "an option of a length that it cannot have"),
        new("nested_too_deep", "relays or options within one another above the limit"),
        new("too_many_options", "more options than are looked at"),
        new("truncated_options", "the message ends within an option"),
    ];
}
