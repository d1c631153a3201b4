namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>Every cap of the PostgreSQL parser.</summary>
internal sealed class PgsqlLimits(ProtocolSettings settings)
{
    /// <summary>Bytes of one message that are read; the rest of a longer one is passed over (the protocol allows 1 GiB).</summary>
    public const int MaxMessageBytes = 256 << 10;

    /// <summary>Longest first message of a connection (the server's own MAX_STARTUP_PACKET_LENGTH).</summary>
    public const int MaxStartupBytes = 10000;

    /// <summary>Named values kept of one transaction: start-up parameters, parameter statuses, error fields.</summary>
    public const int MaxValues = 512;

    /// <summary>Transactions alive on one flow but for one; above it the oldest is completed (<c>max-tx</c>, Suricata's default).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);

    /// <summary>Responses of one transaction; more are not kept (<c>max-responses</c>, Suricata's default and range).</summary>
    public int MaxResponses { get; } = (int)Math.Clamp(settings.GetSize("max-responses", 64), 21, 64);
}
