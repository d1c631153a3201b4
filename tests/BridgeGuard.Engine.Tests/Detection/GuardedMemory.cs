using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Tests.Detection;

/// <summary>Memory whose last byte is the last byte of a page, with an inaccessible page behind it and one before it.</summary>
/// <remarks>A read past either end ends the process: a test over this proves that code stays inside its span.</remarks>
internal sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int NoAccess = 0;
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private readonly nuint _page = (nuint)Environment.SystemPageSize;
    private readonly nuint _bytes;
    private readonly byte* _map;

    public GuardedMemory(int pages)
    {
        _bytes = (nuint)pages * _page;
        _map = (byte*)mmap(0, _bytes + (2 * _page), ReadWrite, PrivateAnonymous, -1, 0);
        if (_map == (byte*)-1 || mprotect((nint)_map, _page, NoAccess) != 0 || mprotect((nint)(_map + _page + _bytes), _page, NoAccess) != 0)
        {
            throw new InvalidOperationException("mmap");
        }
    }

    /// <summary>The last bytes before the guard page.</summary>
    public Span<byte> AtEnd(ReadOnlySpan<byte> content)
    {
        var span = new Span<byte>(_map + _page + _bytes - (nuint)content.Length, content.Length);
        content.CopyTo(span);
        return span;
    }

    /// <summary>The first bytes behind the guard page.</summary>
    public Span<byte> AtStart(ReadOnlySpan<byte> content)
    {
        var span = new Span<byte>(_map + _page, content.Length);
        content.CopyTo(span);
        return span;
    }

    public void Dispose() => _ = munmap((nint)_map, _bytes + (2 * _page));

    [LibraryImport("libc")]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc")]
    private static partial int mprotect(nint address, nuint length, int protection);

    [LibraryImport("libc")]
    private static partial int munmap(nint address, nuint length);
}
