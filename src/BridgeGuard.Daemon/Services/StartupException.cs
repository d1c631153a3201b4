namespace BridgeGuard.Daemon.Services;

/// <summary>The daemon cannot start; carries the one line for the operator and the documented exit code.</summary>
public sealed class StartupException(int exitCode, string message) : Exception(message)
{
    /// <summary>One of <see cref="ExitCodes"/>.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>The operator has been told already, by the process that failed.</summary>
    public bool IsTold { get; init; }
}
