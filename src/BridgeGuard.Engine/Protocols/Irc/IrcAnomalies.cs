namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>The named oddities; the value is the index into <see cref="IrcAnomalies.All"/>.</summary>
internal enum IrcAnomaly : byte
{
    LineTooLong,
    MalformedMessage,
    TooManyParameters,
}

/// <summary>Their names in rules.</summary>
internal static class IrcAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("line_too_long", "a message above the limit"),
        new("malformed_message", "a line that has no command"),
        new("too_many_parameters", "more parameters than the protocol allows"),
    ];
}
