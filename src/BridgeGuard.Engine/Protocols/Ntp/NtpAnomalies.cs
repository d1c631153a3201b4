namespace BridgeGuard.Engine.Protocols.Ntp;

/// <summary>The named oddities of NTP. None is ever raised on a transaction: what is malformed makes none.</summary>
internal static class NtpAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("unsolicited_response", "a response without a request"),
        new("malformed_data", "a message that cannot be read"),
    ];
}
