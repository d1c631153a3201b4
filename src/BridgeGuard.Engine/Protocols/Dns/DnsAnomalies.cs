namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>The named oddities of DNS; the value is the index into <see cref="DnsAnomalies.All"/>.</summary>
internal enum DnsAnomaly : byte
{
    MalformedData,
    NotRequest,
    NotResponse,
    ZFlagSet,
    InvalidOpcode,
    NameTooLong,
    InfiniteLoop,
    TooManyLabels,
    InvalidAdditionals,
    InvalidAuthorities,
}

/// <summary>Their names in rules.</summary>
internal static class DnsAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_data", "a message that cannot be read"),
        new("not_request", "a response on its way to the server"),
        new("not_response", "a request on its way to the client"),
        new("z_flag_set", "the reserved bit of the header is set"),
        new("invalid_opcode", "an operation code that is not assigned"),
        new("name_too_long", "a name above the limit, cut"),
        new("infinite_loop", "compression pointers that lead back to themselves"),
        new("too_many_labels", "a name of more labels than the limit, cut"),
        new("invalid_additionals", "additional records that cannot be read"),
        new("invalid_authorities", "authority records that cannot be read"),
    ];
}
