namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Every cap of the Kerberos parser.</summary>
internal static class Krb5Limits
{
    /// <summary>A TCP record. Tickets with large authorization data reach 64 KiB (MaxTokenSize of Windows is 48,000 bytes).</summary>
    public const int MaxRecordBytes = 128 << 10;

    /// <summary>Bytes kept of one realm or part of a name.</summary>
    public const int MaxNameBytes = 1024;

    /// <summary>Parts kept of one name; services have two or three.</summary>
    public const int MaxNames = 16;

    /// <summary>Transactions alive on one flow; above it the oldest goes.</summary>
    public const int MaxTransactions = 256;
}
