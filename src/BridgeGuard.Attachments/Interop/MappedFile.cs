using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Attachments.Interop;

/// <summary>A file mapped into this process and shared with others that map it: the memory between the daemon and its data plane.</summary>
/// <remarks>
/// Room is reserved when the file is made, so that a full file system is an error there and no bus error later. The mapping lives as long as the
/// process unless it is given up (<see cref="ReleaseLater"/>), and then a while longer, so that it is not taken away from under a reader.
/// </remarks>
public sealed unsafe class MappedFile : MemoryManager<byte>
{
    private const int ProtectReadWrite = 3;
    private const int MapShared = 1;
    private const int MapPopulate = 0x8000;

    /// <summary>A thread that still looks at the memory when it is given up is done within this time.</summary>
    private static readonly TimeSpan s_release = TimeSpan.FromSeconds(30);

    private byte* _start;
    private readonly int _length;

    private MappedFile(byte* start, int length)
    {
        _start = start;
        _length = length;
    }

    /// <summary>Makes the file, all zero, readable by its owner only; it appears under its name when <paramref name="prepare"/> has filled it in.</summary>
    /// <exception cref="IOException">It is there already, or there is no room for it.</exception>
    public static MappedFile Create(string path, int bytes, Action<Memory<byte>> prepare)
    {
        string temporary = path + ".new";
        File.Delete(temporary);
        FileStreamOptions options = new()
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.ReadWrite,
            PreallocationSize = bytes,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using FileStream file = new(temporary, options);
        file.SetLength(bytes);
        MappedFile mapped = Map(file.SafeFileHandle, bytes, path);
        prepare(mapped.Memory);
        File.Move(temporary, path);
        return mapped;
    }

    /// <summary>Maps a file that somebody has made.</summary>
    /// <exception cref="IOException">It is not there, or cannot be mapped.</exception>
    public static MappedFile Open(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        return Map(file.SafeFileHandle, checked((int)file.Length), path);
    }

    public override Span<byte> GetSpan() => _start == null ? default : new(_start, _length);

    /// <summary>Nobody will begin to use it any more.</summary>
    public void ReleaseLater() => _ = Task.Delay(s_release).ContinueWith(_ => Release(), TaskScheduler.Default);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex, pinnable: this);

    public override void Unpin()
    {
        // It does not move.
    }

    protected override void Dispose(bool disposing)
    {
        // Never by a "using": see ReleaseLater.
    }

    private void Release()
    {
        byte* start = _start;
        _start = null;
        if (start != null)
        {
            Libc.Unmap((nint)start, (nuint)_length);
        }
    }

    private static MappedFile Map(SafeFileHandle file, int bytes, string path)
    {
        nint start = bytes == 0 ? -1 : Libc.Map(0, (nuint)bytes, ProtectReadWrite, MapShared | MapPopulate, (int)file.DangerousGetHandle(), 0);
        return start == -1 ? throw new IOException($"{path}: cannot be mapped: {Marshal.GetLastPInvokeErrorMessage()}") : new MappedFile((byte*)start, bytes);
    }
}
