namespace BridgeGuard.Daemon.Services;

/// <summary>Exit codes of the program; stable, as scripts depend on them.</summary>
public static class ExitCodes
{
    public const int Ok = 0;
    public const int Failure = 1;
    public const int Usage = 2;
    public const int BadConfiguration = 3;
    public const int BadRules = 4;

    /// <summary>A privilege or a kernel feature is missing.</summary>
    public const int MissingPrivilege = 5;
    public const int CannotAttach = 6;
    public const int DaemonUnreachable = 7;
    public const int Timeout = 8;
    public const int ChecksFailed = 9;
    public const int VerificationFailed = 10;

    /// <summary>The daemon has ended and left its data plane: start it again (sysexits.h's EX_TEMPFAIL).</summary>
    public const int StartAgain = 75;
}
