using System.Runtime.InteropServices;

namespace BridgeGuard.Testing.Timing;

/// <summary>CPU time of the calling thread alone: what other programs and the runtime's own threads take is not in it.</summary>
public static class ThreadClock
{
    private const int ClockThreadCpuTime = 3; // CLOCK_THREAD_CPUTIME_ID, linux/time.h

    public static long Nanoseconds => clock_gettime(ClockThreadCpuTime, out Timespec time) == 0
        ? (time.Seconds * 1_000_000_000L) + time.Nanoseconds
        : throw new PlatformNotSupportedException("the kernel has no clock of a thread's CPU time");

#pragma warning disable SYSLIB1054 // LibraryImport makes unsafe code, which this project does not allow.
    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int clock_gettime(int clock, out Timespec time);
#pragma warning restore SYSLIB1054

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
