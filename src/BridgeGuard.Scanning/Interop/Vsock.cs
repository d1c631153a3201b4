using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace BridgeGuard.Scanning.Interop;

/// <summary>Sockets between host and guests (vsock(7)); .NET has none.</summary>
internal static partial class Vsock
{
    private const int Family = 40;
    private const int Stream = 1;
    private const int CloseOnExec = 0x80000;
    private const uint AnyCid = 0xffffffff;
    private const int AddressBytes = 16;

    /// <summary>A listening socket's descriptor, negative when the host has no vsock.</summary>
    public static int Listen(uint port)
    {
        int fd = Socket(Family, Stream | CloseOnExec, 0);
        if (fd < 0)
        {
            return -Marshal.GetLastPInvokeError();
        }

        Span<byte> address = stackalloc byte[AddressBytes];
        address.Clear();
        BitConverter.TryWriteBytes(address, (ushort)Family);
        BitConverter.TryWriteBytes(address[4..], port);
        BitConverter.TryWriteBytes(address[8..], AnyCid);
        if (Bind(fd, ref address[0], AddressBytes) == 0 && Listen(fd, 64) == 0)
        {
            return fd;
        }

        int error = Marshal.GetLastPInvokeError();
        Close(fd);
        return -error;
    }

    /// <summary>The next connection and the guest's context id; negative when there is none.</summary>
    public static int Accept(int listener, out uint cid)
    {
        Span<byte> address = stackalloc byte[AddressBytes];
        int length = AddressBytes;
        int fd = Accept4(listener, ref address[0], ref length, CloseOnExec);
        cid = BitConverter.ToUInt32(address[8..]);
        return fd;
    }

    public static int ReadFrom(int fd, Span<byte> buffer) => (int)Read(fd, ref buffer[0], buffer.Length);

    /// <summary>All of it, or false.</summary>
    public static bool WriteAll(int fd, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int written = (int)Write(fd, in bytes[0], bytes.Length);
            if (written <= 0)
            {
                return false;
            }

            bytes = bytes[written..];
        }

        return true;
    }

    public static void Shut(int fd) => Shutdown(fd, (int)SocketShutdown.Both);

    public static void CloseFd(int fd) => Close(fd);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int fd, ref byte address, int length);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int Listen(int fd, int backlog);

    [LibraryImport("libc", EntryPoint = "accept4", SetLastError = true)]
    private static partial int Accept4(int fd, ref byte address, ref int length, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int fd, ref byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int fd, in byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "shutdown")]
    private static partial int Shutdown(int fd, int how);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int fd);
}
