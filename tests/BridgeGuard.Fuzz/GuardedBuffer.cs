using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace BridgeGuard.Fuzz;

/// <summary>An array as attachments hand it to the engine, larger than its frame, in which every byte behind the frame lies on a page that cannot be touched.</summary>
/// <remarks>
/// <para>
/// The page is part of a pinned array, whose contents the collector never looks at, so the engine gets an ordinary <c>byte[]</c>, offset and length, and reading or
/// writing one byte too far ends the process with SIGSEGV, whether the code checks bounds, uses <c>Unsafe</c> or vectors. An array that ends with the frame would
/// only show what the runtime's own checks see.
/// </para>
/// <para>The input at work is kept in a file, because nothing can be printed after that. Owner: one thread. Lives as long as the process.</para>
/// </remarks>
internal sealed unsafe partial class GuardedBuffer
{
    /// <summary>The largest frame: an IP datagram with link headers, and the 64 KiB that a bridge hands over.</summary>
    public const int CapacityBytes = 1 << 17;

    private const int ProtectNone = 0;
    private const byte Poison = 0x45;

    /// <summary>What lies before a frame in a live buffer, at least.</summary>
    private const int MarginBytes = 96;

    /// <summary>
    /// Holds every array for the life of the process: the collector clears memory that it gives out again, and would die at the page of an array nobody holds any more.
    /// </summary>
    private static readonly ConcurrentBag<byte[]> Held = [];

    private readonly int _end;

    public GuardedBuffer()
    {
        int page = Environment.SystemPageSize;
        Array = GC.AllocateUninitializedArray<byte>(CapacityBytes + MarginBytes + (3 * page), pinned: true);
        Held.Add(Array);
        nint address = Marshal.UnsafeAddrOfPinnedArrayElement(Array, 0);
        nint guard = (address + CapacityBytes + MarginBytes + page - 1) / page * page;
        _end = (int)(guard - address);
        if (Protect(guard, (nuint)page, ProtectNone) != 0)
        {
            throw new InvalidOperationException($"mprotect: error {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>The array; its tail may be longer than the page, but nothing behind a frame can be reached without crossing it.</summary>
    public byte[] Array { get; }

    /// <summary>Copies <paramref name="frame"/> so that it ends where the page begins, with other bytes before it; returns where it starts.</summary>
    public int Place(ReadOnlySpan<byte> frame)
    {
        int start = Reserve(frame.Length);
        frame.CopyTo(Array.AsSpan(start));
        return start;
    }

    /// <summary>Where a frame of <paramref name="length"/> bytes has to start; what is before it is poisoned.</summary>
    public int Reserve(int length)
    {
        int start = _end - length;
        Array.AsSpan(start - MarginBytes, MarginBytes).Fill(Poison);
        return start;
    }

    /// <summary>Bytes right before the frame at <paramref name="start"/> were changed.</summary>
    public bool IsMarginChanged(int start) => Array.AsSpan(start - MarginBytes, MarginBytes).ContainsAnyExcept(Poison);

    /// <summary>Reads the byte behind a frame, which must end the process; the campaign lets a child do so to know that the guard guards.</summary>
    public static int ReadTooFar()
    {
        GuardedBuffer buffer = new();
        int start = buffer.Place([1, 2, 3]);
        return buffer.Array[start + 2] == 3 ? buffer.Array[start + 3] : 0;
    }

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(nint address, nuint length, int protection);
}
