namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>Every cap of the DNP3 parser.</summary>
internal sealed class Dnp3Limits(ProtocolSettings settings)
{
    /// <summary>Longest application message put together from segments.</summary>
    public const int MaxApplicationBytes = 16 << 10;

    /// <summary>Points of a record end here, for a record has 1 MiB at most.</summary>
    public const int MaxRecordBytes = 512 << 10;

    /// <summary>Fields of one object; the longest has 12.</summary>
    public const int MaxFields = 16;

    /// <summary>Transactions alive on one flow; more are a flood (<c>max-tx</c>, Suricata's default).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 32), 1, 1 << 16);

    /// <summary>Points of one message (<c>max-points</c>, Suricata's default).</summary>
    public int MaxPoints { get; } = (int)Math.Clamp(settings.GetSize("max-points", 16384), 1, 1 << 20);

    /// <summary>Objects of one message (<c>max-objects</c>, Suricata's default).</summary>
    public int MaxObjects { get; } = (int)Math.Clamp(settings.GetSize("max-objects", 2048), 1, 1 << 16);
}
