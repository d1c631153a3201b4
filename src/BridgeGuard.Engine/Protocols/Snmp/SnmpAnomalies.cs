namespace BridgeGuard.Engine.Protocols.Snmp;

/// <summary>The named oddities of SNMP; the value is the index into <see cref="SnmpAnomalies.All"/>.</summary>
internal enum SnmpAnomaly : byte
{
    MalformedData,
    UnknownSecurityModel,
    VersionMismatch,
}

/// <summary>Their names in rules.</summary>
internal static class SnmpAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_data", "a datagram that is no message"),
        new("unknown_security_model", "a version 3 message with another security model than USM"),
        new("version_mismatch", "a message of another version than the first of its flow"),
    ];
}
