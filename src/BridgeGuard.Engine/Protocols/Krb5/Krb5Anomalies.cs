namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>The named oddities of Kerberos; the value is the index into <see cref="Krb5Anomalies.All"/>.</summary>
internal enum Krb5Anomaly : byte
{
    MalformedData,
    WeakEncryption,
}

/// <summary>Their names in rules.</summary>
internal static class Krb5Anomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_data", "a record that cannot be a message"),
        new("weak_encryption", "a reply encrypted with an algorithm that is no longer safe"),
    ];
}
