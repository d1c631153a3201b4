namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>Every cap of the SMB parser, from <c>app-layer.protocols.smb</c>; names and defaults are Suricata's.</summary>
internal sealed class SmbLimits(ProtocolSettings settings)
{
    /// <summary>A message that must be read whole is at most this long; a longer one is skipped. File data is never held.</summary>
    public const int MaxMessageBytes = 256 << 10;

    /// <summary>Messages of one compound. Servers take some 30; a chain also ends when it stops moving forward.</summary>
    public const int MaxCompound = 256;

    /// <summary>Commands of one SMB1 AndX chain.</summary>
    public const int MaxAndX = 32;

    /// <summary>Dialects kept of one negotiation.</summary>
    public const int MaxDialects = 64;

    /// <summary>Bytes kept of one name (Windows paths end at 32,767 characters; shares at 80).</summary>
    public const int MaxNameBytes = 4096;

    /// <summary>Service names of one Kerberos ticket.</summary>
    public const int MaxServiceNames = 8;

    /// <summary>Half a DCE/RPC PDU that waits in one direction of a pipe; a PDU's length has 16 bits.</summary>
    public const int MaxPipeBytes = 64 << 10;

    /// <summary>Largest read, as negotiated, asked for and answered; 0: any.</summary>
    public long MaxReadBytes { get; } = settings.GetSize("max-read-size", 16 << 20);

    public long MaxWriteBytes { get; } = settings.GetSize("max-write-size", 16 << 20);

    /// <summary>What waits of a file that is read out of order.</summary>
    public long MaxReadQueueBytes { get; } = settings.GetSize("max-read-queue-size", 64 << 20);

    public int MaxReadQueueChunks { get; } = Count(settings, "max-read-queue-cnt", 64);

    public long MaxWriteQueueBytes { get; } = settings.GetSize("max-write-queue-size", 64 << 20);

    public int MaxWriteQueueChunks { get; } = Count(settings, "max-write-queue-cnt", 64);

    /// <summary>Open files whose names are known.</summary>
    public int MaxFiles { get; } = Math.Max(Count(settings, "max-guid-cache-size", 1024), 1);

    /// <summary>Reads whose answers are awaited.</summary>
    public int MaxPendingReads { get; } = Math.Max(Count(settings, "max-rec-offset-cache-size", 128), 1);

    public int MaxTrees { get; } = Math.Max(Count(settings, "max-tree-cache-size", 512), 1);

    public int MaxStubBytes { get; } = (int)Math.Clamp(settings.GetSize("dcerpc.max-stub-size", 1 << 20), 0, int.MaxValue / 2);

    /// <summary>Transactions alive on one flow; one more ends the parsing of the flow.</summary>
    public int MaxTransactions { get; } = Math.Max(Count(settings, "max-tx", 1024), 1);

    private static int Count(ProtocolSettings settings, string key, long otherwise) =>
        (int)Math.Clamp(settings.GetSize(key, otherwise), 0, 1 << 20);
}
