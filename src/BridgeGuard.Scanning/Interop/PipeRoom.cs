using System.Runtime.InteropServices;

namespace BridgeGuard.Scanning.Interop;

/// <summary>The kernel's room in a pipe: with the usual 64 KiB both ends wait for one another at every block of a content.</summary>
internal static partial class PipeRoom
{
    /// <summary>fcntl(2), F_SETPIPE_SZ.</summary>
    private const int SetPipeSize = 1031;

    /// <summary>The most that a user may ask for as kernels are shipped (/proc/sys/fs/pipe-max-size).</summary>
    private const int Bytes = 1 << 20;

    /// <summary>Gives the pipe behind a descriptor more room; what is no pipe, or may not, stays as it is.</summary>
    public static void Widen(int descriptor) => _ = Control(descriptor, SetPipeSize, Bytes);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command, int argument);
}
