using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Regex.Interop;

/// <summary>The functions of libpcre2-8 that are used (pcre2api(3)).</summary>
/// <remarks>
/// The library is loaded by its soname (libpcre2-8.so.0, Debian package libpcre2-8-0) on first use; no development package is
/// needed. All sizes are <c>size_t</c>.
/// </remarks>
internal static unsafe partial class Pcre2Library
{
    public const uint Anchored = 0x80000000;
    public const uint CaseLess = 0x00000008;
    public const uint DollarEndOnly = 0x00000010;
    public const uint DotAll = 0x00000020;
    public const uint Extended = 0x00000080;
    public const uint MultiLine = 0x00000400;
    public const uint Ungreedy = 0x00040000;
    public const uint JitComplete = 1;
    public const uint InfoCaptureCount = 4;
    public const uint InfoJitSize = 16;
    public const int ErrorNoMatch = -1;
    public const int ErrorMatchLimit = -47;
    public const int ErrorDepthLimit = -53;
    public const int ErrorHeapLimit = -63;
    public const int ErrorJitStackLimit = -46;

    /// <summary>The soname: found without a development package.</summary>
    private const string Name = "libpcre2-8.so.0";

    /// <summary>Whether libpcre2-8 was found.</summary>
    public static bool IsAvailable { get; } = NativeLibrary.TryLoad(Name, out _); // Kept loaded for the life of the process.

    [LibraryImport(Name)]
    public static partial nint pcre2_compile_8(
        byte* pattern, nuint length, uint options, int* errorCode, nuint* errorOffset, nint compileContext);

    [LibraryImport(Name)]
    public static partial void pcre2_code_free_8(nint code);

    [LibraryImport(Name)]
    public static partial int pcre2_jit_compile_8(nint code, uint options);

    [LibraryImport(Name)]
    public static partial int pcre2_pattern_info_8(nint code, uint what, void* where);

    [LibraryImport(Name)]
    public static partial int pcre2_get_error_message_8(int errorCode, byte* buffer, nuint length);

    [LibraryImport(Name)]
    public static partial nint pcre2_match_context_create_8(nint generalContext);

    [LibraryImport(Name)]
    public static partial void pcre2_match_context_free_8(nint context);

    [LibraryImport(Name)]
    public static partial int pcre2_set_match_limit_8(nint context, uint value);

    [LibraryImport(Name)]
    public static partial int pcre2_set_depth_limit_8(nint context, uint value);

    [LibraryImport(Name)]
    public static partial nint pcre2_match_data_create_8(uint ovectorSize, nint generalContext);

    [LibraryImport(Name)]
    public static partial void pcre2_match_data_free_8(nint data);

    [LibraryImport(Name)]
    public static partial nuint* pcre2_get_ovector_pointer_8(nint data);

    [LibraryImport(Name)]
    public static partial nint pcre2_jit_stack_create_8(nuint start, nuint max, nint generalContext);

    [LibraryImport(Name)]
    public static partial void pcre2_jit_stack_free_8(nint stack);

    [LibraryImport(Name)]
    public static partial void pcre2_jit_stack_assign_8(nint context, nint callback, nint data);

    [LibraryImport(Name)]
    public static partial int pcre2_jit_match_8(
        nint code, byte* subject, nuint length, nuint start, uint options, nint data, nint context);

    [LibraryImport(Name)]
    public static partial int pcre2_match_8(
        nint code, byte* subject, nuint length, nuint start, uint options, nint data, nint context);
}
