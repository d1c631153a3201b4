namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>Every cap of the NTP parser.</summary>
internal static class NtpLimits
{
    /// <summary>Messages alive on one flow; each leaves as soon as it was inspected, so that the cap is only met when nothing inspects.</summary>
    public const int MaxTransactions = 64;
}
