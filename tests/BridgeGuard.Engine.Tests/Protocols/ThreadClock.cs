using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>What this thread alone has computed: a busy machine does not make it go faster, as it does a clock on the wall.</summary>
internal static partial class ThreadClock
{
    /// <summary>CLOCK_THREAD_CPUTIME_ID of clock_gettime(2).</summary>
    private const int ThreadCpuTime = 3;

    private const long NanosecondsPerSecond = 1_000_000_000;

    public static long Nanoseconds =>
        Read(ThreadCpuTime, out Time time) == 0 ? (time.Seconds * NanosecondsPerSecond) + time.Nanoseconds : throw new InvalidOperationException("there is no clock of the thread");

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int Read(int clock, out Time time);

    private struct Time
    {
        public nint Seconds;
        public nint Nanoseconds;
    }
}
