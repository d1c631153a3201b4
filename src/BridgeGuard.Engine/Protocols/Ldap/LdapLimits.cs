namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>Every cap of the LDAP parser.</summary>
internal sealed class LdapLimits(ProtocolSettings settings)
{
    /// <summary>Longest message that is read; a longer one ends parsing as invalid.</summary>
    public const int MaxMessageBytes = 256 << 10;

    /// <summary>Text kept of one transaction; of responses beyond it only operation and result are kept.</summary>
    public const int MaxTransactionBytes = 1 << 20;

    /// <summary>Attributes, values and controls kept of one transaction, each.</summary>
    public const int MaxElements = 8192;

    /// <summary>Lists in a record end here, for a record has 1 MiB at most.</summary>
    public const int MaxRecordBytes = 512 << 10;

    /// <summary>Transactions alive on one flow; one more than one above it ends the parsing of the flow (<c>max-tx</c>; measured of Suricata 8.0.8, whose file says 1024).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 256), 1, 1 << 20);

    /// <summary>Responses of one transaction; more are not kept (<c>max-responses</c>, Suricata's default).</summary>
    public int MaxResponses { get; } = (int)Math.Clamp(settings.GetSize("max-responses", 1024), 1, 1 << 20);
}
