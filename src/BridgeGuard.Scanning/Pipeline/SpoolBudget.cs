namespace BridgeGuard.Scanning.Pipeline;

/// <summary>What all spools together may use. Thread: any.</summary>
internal sealed class SpoolBudget(long memoryBytes, long diskBytes)
{
    private long _memory;
    private long _disk;

    public long MemoryUsed => Volatile.Read(ref _memory);

    public long DiskUsed => Volatile.Read(ref _disk);

    public bool TryTakeMemory(long bytes) => TryTake(ref _memory, bytes, memoryBytes);

    public bool TryTakeDisk(long bytes) => TryTake(ref _disk, bytes, diskBytes);

    public void ReturnMemory(long bytes) => Interlocked.Add(ref _memory, -bytes);

    public void ReturnDisk(long bytes) => Interlocked.Add(ref _disk, -bytes);

    private static bool TryTake(ref long used, long bytes, long limit)
    {
        if (Interlocked.Add(ref used, bytes) <= limit)
        {
            return true;
        }

        Interlocked.Add(ref used, -bytes);
        return false;
    }
}
