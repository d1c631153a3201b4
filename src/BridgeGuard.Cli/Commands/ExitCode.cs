namespace BridgeGuard.Cli.Commands;

/// <summary>Exit codes of our own verbs; stable, documented for scripts.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int BadConfiguration = 3;
    public const int BadRules = 4;
    public const int NoPrivilege = 5;
    public const int CannotAttach = 6;
    public const int Unreachable = 7;
    public const int Timeout = 8;
    public const int ProblemsFound = 9;
    public const int VerificationFailed = 10;
}
