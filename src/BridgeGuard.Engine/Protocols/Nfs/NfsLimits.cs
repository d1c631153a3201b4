namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>Every cap of the NFS parser, from <c>app-layer.protocols.nfs</c>.</summary>
internal sealed class NfsLimits(ProtocolSettings settings)
{
    /// <summary>A message that must be read whole is at most this long; a longer one is skipped. File data is never held.</summary>
    public const int MaxMessageBytes = 256 << 10;

    /// <summary>Handles: 32 bytes in version 2, up to 64 in 3, up to 128 in 4 (RFC 7530 §2.1).</summary>
    public const int MaxHandleBytes = 128;

    public const int MaxNameBytes = 1024;

    /// <summary>Operations of one compound of version 4; clients send some ten.</summary>
    public const int MaxOperations = 64;

    /// <summary>Handles whose names are known; Suricata's default.</summary>
    public const int MaxHandles = 1024;

    /// <summary>Calls whose replies are awaited.</summary>
    public const int MaxPendingCalls = 1024;

    /// <summary>Entries of one directory whose names are remembered.</summary>
    public const int MaxEntries = 1024;

    /// <summary>What waits of a file that comes out of order.</summary>
    public const long MaxQueueBytes = 16 << 20;

    public const int MaxQueueChunks = 256;

    /// <summary>Transactions alive on one flow (<c>max-tx</c>, Suricata's default) but for one; for each more the oldest that waits is given up.</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("max-tx", 1024), 1, 1 << 20);
}
