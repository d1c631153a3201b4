namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>The named oddities of FTP; the value is the index into <see cref="FtpAnomalies.All"/>.</summary>
internal enum FtpAnomaly : byte
{
    RequestCommandTooLong,
    ResponseCommandTooLong,
    TooManyTransactions,
    FileBeforePort,
    FileWithoutName,
    TooManyPreliminaryResponses,
}

/// <summary>Their rule names and what they mean.</summary>
internal static class FtpAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("request_command_too_long", "a command line above the limit; what is behind it was skipped"),
        new("response_command_too_long", "a reply line above the limit; what is behind it was skipped"),
        new("too_many_transactions", "more commands without a reply than the limit; the conversation is no longer read"),
        new("file_before_port", "a file is asked for before a data connection was arranged"),
        new("file_without_name", "a file is asked for without a name"),
        new("too_many_preliminary_responses", "more 1xx replies to a command than the limit"),
    ];
}
