using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>A capture as the C library's <c>FILE</c>, which is what libpcap reads from, with a buffer of 256 KiB.</summary>
/// <remarks>
/// The library's own buffer has the file system's block, 4 KiB, so that every fourth full frame costs a system call. libpcap closes the stream together with the
/// device (SharpPcap then marks this handle invalid); what it never opened is closed here.
/// </remarks>
internal sealed partial class CaptureStream : SafeHandle
{
    private const int BufferBytes = 256 << 10;
    private const int FullyBuffered = 0;

    private nint _buffer;

    private CaptureStream()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Opens a file for reading; null with the reason when it cannot be.</summary>
    public static CaptureStream? Open(string path, out string problem)
    {
        CaptureStream stream = new();
        nint file = OpenFile(path, "rbe");
        if (file == 0)
        {
            problem = Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
            stream.Dispose();
            return null;
        }

        stream.SetHandle(file);
        stream._buffer = Marshal.AllocHGlobal(BufferBytes);
        _ = SetBuffer(file, stream._buffer, FullyBuffered, BufferBytes);
        problem = "";
        return stream;
    }

    /// <summary>Gives the buffer back: after the device was closed, as closing looks at it.</summary>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        Marshal.FreeHGlobal(Interlocked.Exchange(ref _buffer, 0));
    }

    protected override bool ReleaseHandle() => CloseFile(handle) == 0;

    [LibraryImport("libc", EntryPoint = "fopen", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenFile(string path, string mode);

    [LibraryImport("libc", EntryPoint = "setvbuf")]
    private static partial int SetBuffer(nint file, nint buffer, int mode, nuint size);

    [LibraryImport("libc", EntryPoint = "fclose")]
    private static partial int CloseFile(nint file);
}
