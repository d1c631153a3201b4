namespace BridgeGuard.Engine.Protocols.Dhcp;

/// <summary>The named oddities; the value is the index into <see cref="DhcpAnomalies.All"/>.</summary>
internal enum DhcpAnomaly : byte
{
    TruncatedOptions,
    MalformedOptions,
}

/// <summary>Their names in rules.</summary>
internal static class DhcpAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("truncated_options", "the message ends within an option or without the end option"),
        new("malformed_options", "an option of a length that it cannot have"),
    ];
}
