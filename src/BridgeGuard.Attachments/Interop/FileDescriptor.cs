using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Attachments.Interop;

/// <summary>Owns one descriptor and closes it once.</summary>
internal sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    public FileDescriptor(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    public int Value => (int)handle;

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
