namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>The named oddities of POP3; the value is the index into <see cref="Pop3Anomalies.All"/>.</summary>
internal enum Pop3Anomaly : byte
{
    TooManyTransactions,
    RequestTooLong,
    IncorrectArgumentCount,
    UnknownCommand,
    ResponseTooLong,
}

/// <summary>Their rule names and what they mean.</summary>
internal static class Pop3Anomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("too_many_transactions", "more commands without a response than the limit; the conversation is no longer read"),
        new("request_too_long", "a command line above the limit"),
        new("incorrect_argument_count", "too few or too many words behind a command"),
        new("unknown_command", "a command that no RFC names"),
        new("response_too_long", "the first line of a response above the limit"),
    ];
}
