using System.Buffers.Binary;

namespace BridgeGuard.Agent.Interop;

/// <summary>What tells one state of a file from another: which file it is, how long, and when it was last changed. From statx(2).</summary>
internal readonly record struct FileFacts(ulong Device, ulong Inode, long Size, long ModifiedNs, long ChangedNs, bool IsRegular)
{
    private const int EmptyPath = 0x1000;
    private const uint BasicStats = 0x7ff;
    private const int StatxBytes = 256;
    private const ushort TypeMask = 0xf000;
    private const ushort RegularFile = 0x8000;

    public static bool TryRead(int fd, out FileFacts facts)
    {
        Span<byte> bytes = stackalloc byte[StatxBytes];
        bool isRead = Libc.Statx(fd, "", EmptyPath, BasicStats, ref bytes[0]) == 0;
        // struct statx: mode at 28, ino at 32, size at 40, ctime at 96, mtime at 112, dev at 136.
        facts = new FileFacts(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[136..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            TimeNs(bytes[112..]),
            TimeNs(bytes[96..]),
            (BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]) & TypeMask) == RegularFile);
        return isRead;
    }

    private static long TimeNs(ReadOnlySpan<byte> time) =>
        (BinaryPrimitives.ReadInt64LittleEndian(time) * 1_000_000_000) + BinaryPrimitives.ReadUInt32LittleEndian(time[8..]);
}
