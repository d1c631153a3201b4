namespace BridgeGuard.Engine.Protocols.Ssh;

/// <summary>The named oddities; the value is the index into <see cref="SshAnomalies.All"/>.</summary>
internal enum SshAnomaly : byte
{
    InvalidBanner,
    LongBanner,
    InvalidRecord,
    LongKexRecord,
}

/// <summary>Their names in rules.</summary>
internal static class SshAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("invalid_banner", "the identification line has another form"),
        new("long_banner", "the identification line is longer than 255 bytes"),
        new("invalid_record", "a record too short for its message code"),
        new("long_kex_record", "a key exchange proposal above the limit, not read"),
    ];
}
