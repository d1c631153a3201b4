namespace BridgeGuard.Engine.Protocols.Rfb;

/// <summary>The named oddities; the value is the index into <see cref="RfbAnomalies.All"/>.</summary>
internal enum RfbAnomaly : byte
{
    UnimplementedSecurityType,
    UnknownSecurityResult,
    MalformedMessage,
    ConfusedState,
    TooLongString,
}

/// <summary>Their names in rules.</summary>
internal static class RfbAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("unimplemented_security_type", "a security type that is not followed"),
        new("unknown_security_result", "an outcome that is neither success nor failure"),
        new("malformed_message", "a message that cannot be read; none of the handshake can be"),
        new("confused_state", "a side that speaks out of turn, or something that is no version"),
        new("too_long_string", "a name or reason above the limit, cut"),
    ];
}
