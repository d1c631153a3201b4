using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>What the calling thread, and programs that it starts from now on, may ask of the kernel.</summary>
/// <remarks>
/// Capabilities belong to threads, and a .NET process has many of them before it runs a line of ours. So a process is not made smaller, but started small:
/// by a thread that has given up first what its child shall never have.
/// </remarks>
public static partial class ThreadPrivileges
{
    // linux/capability.h.
    public const int NetAdmin = 12;
    public const int NetRaw = 13;
    public const int SysNice = 23;
    public const int PerfMon = 38;
    public const int Bpf = 39;
    private const int Last = 63;

    // linux/prctl.h.
    private const int CapBoundingRead = 23;
    private const int CapBoundingDrop = 24;
    private const int SetNoNewPrivileges = 38;

    /// <summary>Programs started by this thread never have any other capability than these, nor gain one from a file. For good.</summary>
    /// <returns>Null, or what could not be given up.</returns>
    public static string? Keep(ReadOnlySpan<int> capabilities)
    {
        for (int capability = 0; capability <= Last; capability++)
        {
            // Beyond the kernel's last one the question is an error.
            if (Prctl(CapBoundingRead, (nuint)capability, 0, 0, 0) == 1 && !capabilities.Contains(capability)
                && Prctl(CapBoundingDrop, (nuint)capability, 0, 0, 0) != 0)
            {
                return $"capability {capability} cannot be given up: {Libc.LastMessage()}";
            }
        }

        return Prctl(SetNoNewPrivileges, 1, 0, 0, 0) == 0 ? null : $"no_new_privs cannot be set: {Libc.LastMessage()}";
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Prctl(int option, nuint a, nuint b, nuint c, nuint d);
}
