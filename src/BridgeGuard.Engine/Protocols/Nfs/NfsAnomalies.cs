namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>The named oddities of NFS; the value is the index into <see cref="NfsAnomalies.All"/>.</summary>
internal enum NfsAnomaly : byte
{
    MalformedData,
    NonExistingVersion,
    UnsupportedVersion,
    TooManyTransactions,
}

/// <summary>Their names in rules.</summary>
internal static class NfsAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("malformed_data", "a message that cannot be read"),
        new("non_existing_version", "a version of NFS that there is not"),
        new("unsupported_version", "a version of NFS that is not read"),
        new("too_many_transactions", "more transactions than max-tx"),
    ];
}
