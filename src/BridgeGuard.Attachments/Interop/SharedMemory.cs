using System.Runtime.CompilerServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>An array map mapped into this process: the kernel programs and we read and write the same bytes.</summary>
/// <remarks>Owner: who made it; no reference obtained from <see cref="At"/> may be used after <see cref="Dispose"/>.</remarks>
internal sealed unsafe class SharedMemory : IDisposable
{
    private const int ProtectReadWrite = 3;
    private const int MapShared = 1;
    private const int PageBytes = 4096;

    private readonly nuint _length;
    private byte* _start;

    private SharedMemory(byte* start, nuint length)
    {
        _start = start;
        _length = length;
    }

    /// <summary>Maps the first bytes of a map; null with the last error set on failure.</summary>
    public static SharedMemory? TryMap(int fd, int bytes)
    {
        nuint length = (nuint)((bytes + PageBytes - 1) & ~(PageBytes - 1));
        nint start = Libc.Map(0, length, ProtectReadWrite, MapShared, fd, 0);
        return start == -1 ? null : new SharedMemory((byte*)start, length);
    }

    /// <summary>The value at a byte offset.</summary>
    public ref T At<T>(int offset)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(_start == null, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((nuint)(uint)offset + (nuint)sizeof(T), _length);
        return ref Unsafe.AsRef<T>(_start + offset);
    }

    public void Dispose()
    {
        if (_start != null)
        {
            Libc.Unmap((nint)_start, _length);
            _start = null;
        }
    }
}
