namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>The named oddities of SIP; the value is the index into <see cref="SipAnomalies.All"/>.</summary>
internal enum SipAnomaly : byte
{
    IncompleteData,
    InvalidData,
    HeadersTooLong,
}

/// <summary>Their names in rules.</summary>
internal static class SipAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("incomplete_data", "a datagram that ends within a message"),
        new("invalid_data", "bytes that are no message"),
        new("headers_too_long", "headers above the limit; parsing ends"),
    ];
}
