using System.Runtime.InteropServices;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Files.Interop;

/// <summary>libmagic with its compiled rules: describes a file by its first bytes. One per worker, for the process's life.</summary>
/// <remarks>The library's cookie is not thread safe. Rules such as <c>filemagic:"PDF document"</c> are written against its texts.</remarks>
internal sealed unsafe partial class MagicDatabase
{
    private const string Library = "libmagic.so.1";

    /// <summary>Do not look into compressed files, do not call other programs.</summary>
    private const int NoCheckCompress = 0x1000;

    private readonly nint _cookie;

    private MagicDatabase(nint cookie) => _cookie = cookie;

    /// <summary>Null when the library or its rules are not installed.</summary>
    public static MagicDatabase? TryOpen()
    {
        if (!NativeLibrary.TryLoad(Library, typeof(MagicDatabase).Assembly, null, out _))
        {
            return null;
        }

        nint cookie = Open(NoCheckCompress);
        if (cookie == 0)
        {
            return null;
        }

        if (Load(cookie, null) == 0)
        {
            return new MagicDatabase(cookie);
        }

        Close(cookie);
        return null;
    }

    public bool TryDescribe(ReadOnlySpan<byte> head, ByteBuffer description)
    {
        fixed (byte* bytes = head)
        {
            byte* text = Buffer(_cookie, bytes, (nuint)head.Length);
            if (text == null)
            {
                return false;
            }

            description.Append(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text));
            return true;
        }
    }

    [LibraryImport(Library, EntryPoint = "magic_open")]
    private static partial nint Open(int flags);

    [LibraryImport(Library, EntryPoint = "magic_close")]
    private static partial void Close(nint cookie);

    [LibraryImport(Library, EntryPoint = "magic_load")]
    private static partial int Load(nint cookie, byte* path);

    [LibraryImport(Library, EntryPoint = "magic_buffer")]
    private static partial byte* Buffer(nint cookie, byte* bytes, nuint length);
}
