using System.Runtime.InteropServices;

namespace BridgeGuard.Rules.Caching;

/// <summary>Whether a file can only have been written by us: a compiled set is code, in effect.</summary>
internal static class FileTrust
{
    private const int AtCurrentFolder = -100;
    private const int NoFollow = 0x100;
    private const uint AskMode = 0x2;
    private const uint AskOwner = 0x8;
    private const int StatxBytes = 256;
    private const int OwnerAt = 20;
    private const int ModeAt = 28;
    private const int WritableByOthers = 0x12; // Group and others, octal 022.

    /// <summary>Empty for a file or folder of this user or root that nobody else can write; else what is wrong with it.</summary>
    public static string Problem(string path)
    {
        byte[] found = new byte[StatxBytes];
        if (statx(AtCurrentFolder, path, NoFollow, AskMode | AskOwner, found) != 0)
        {
            return "its owner cannot be read";
        }

        uint owner = BitConverter.ToUInt32(found, OwnerAt);
        int mode = BitConverter.ToUInt16(found, ModeAt);
        bool isLink = (mode & 0xF000) == 0xA000;
        return isLink ? "it is a symbolic link"
            : owner != 0 && owner != geteuid() ? $"it belongs to the user {owner}"
            : (mode & WritableByOthers) != 0 ? "others may write to it"
            : "";
    }

    /// <summary>Makes a rename in the folder outlast a crash of the machine; what cannot be synced is left to the kernel.</summary>
    public static void Sync(string folder)
    {
        try
        {
            using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle(folder, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            RandomAccess.FlushToDisk(handle);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // .NET opens no folders on some systems; the file itself is synced.
        }
    }

#pragma warning disable SYSLIB1054 // LibraryImport makes unsafe code, which this project does not allow.
    [DllImport("libc", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int statx(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, byte[] found);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint geteuid();
#pragma warning restore SYSLIB1054
}
