using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

/// <summary>The functions of libhs that are used (hs_compile.h, hs_runtime.h, hs_common.h of version 5).</summary>
internal static unsafe partial class HyperscanNative
{
    public const string Name = "libhs.so.5";
    public const uint CaseLess = 1;
    public const uint SingleMatch = 8;
    public const uint ModeBlock = 1;
    public const int Success = 0;

    public static bool IsPlatformValid() => hs_valid_platform() == Success;

    public static string Version() => Marshal.PtrToStringUTF8(hs_version()) ?? "";

    /// <summary>The text of a compile error, which is freed.</summary>
    public static string TakeMessage(CompileError* error)
    {
        if (error == null)
        {
            return "unknown error";
        }
        string message = Marshal.PtrToStringUTF8(error->Message) ?? "";
        _ = hs_free_compile_error(error);
        return message;
    }

    [LibraryImport(Name)]
    public static partial int hs_valid_platform();

    [LibraryImport(Name)]
    public static partial nint hs_version();

    [LibraryImport(Name)]
    public static partial int hs_compile_multi(
        byte** expressions, uint* flags, uint* ids, uint count, uint mode, nint platform, nint* database, CompileError** error);

    [LibraryImport(Name)]
    public static partial int hs_free_compile_error(CompileError* error);

    [LibraryImport(Name)]
    public static partial int hs_free_database(nint database);

    [LibraryImport(Name)]
    public static partial int hs_database_size(nint database, nuint* size);

    [LibraryImport(Name)]
    public static partial int hs_serialize_database(nint database, byte** bytes, nuint* length);

    [LibraryImport(Name)]
    public static partial int hs_deserialize_database(byte* bytes, nuint length, nint* database);

    [LibraryImport(Name)]
    public static partial int hs_alloc_scratch(nint database, nint* scratch);

    [LibraryImport(Name)]
    public static partial int hs_free_scratch(nint scratch);

    [LibraryImport(Name)]
    public static partial int hs_scan(
        nint database,
        byte* data,
        uint length,
        uint flags,
        nint scratch,
        delegate* unmanaged[Cdecl]<uint, ulong, ulong, uint, nint, int> onMatch,
        nint context);

    /// <summary>hs_compile_error_t.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct CompileError
    {
        public nint Message;
        public int Expression;
    }
}
