using System.Diagnostics;

namespace BridgeGuard.Testing.Timing;

/// <summary>The longest that a busy worker stood still between two packets, and what of it was its own work and what the collector's.</summary>
/// <param name="Packets">Packets handled.</param>
/// <param name="Gap">From the end of one packet to the end of the next, by the wall clock: with what other programs took of the CPU.</param>
/// <param name="Own">CPU time of the thread within one packet: what the exchange of a rule set makes it do.</param>
/// <param name="Collector">What the collector stopped all threads for between two packets.</param>
public sealed record Pauses(long Packets, TimeSpan Gap, TimeSpan Own, TimeSpan Collector);

/// <summary>Plays packets on a thread of its own without pause, and measures while something else goes on beside.</summary>
public static class PauseProbe
{
    /// <param name="packet">Plays the packet of a number that goes up; called on one thread.</param>
    /// <param name="warm">Packets before anything counts.</param>
    /// <param name="beside">What goes on beside; on the caller's thread.</param>
    /// <returns>What was measured from the begin of <paramref name="beside"/> until <paramref name="warm"/> packets after its end.</returns>
    public static Pauses Measure(Action<long> packet, int warm, Action beside)
    {
        using ManualResetEventSlim isWarm = new();
        long stopAfter = long.MaxValue;
        long number = 0;
        Pauses? result = null;
        Exception? failure = null;
        Thread worker = new(() =>
        {
            try
            {
                for (; number < warm; number++)
                {
                    packet(number);
                }

                isWarm.Set();
                result = Run(packet, ref number, ref stopAfter);
            }
            catch (Exception error)
            {
                failure = error; // Thrown again below, on the caller's thread.
                isWarm.Set();
            }
        })
        { Name = "worker", IsBackground = true };
        worker.Start();
        isWarm.Wait();
        try
        {
            beside();
        }
        finally
        {
            Volatile.Write(ref stopAfter, Volatile.Read(ref number) + warm);
            worker.Join();
        }

        return result ?? throw new InvalidOperationException("the worker failed", failure);
    }

    private static Pauses Run(Action<long> packet, ref long number, ref long stopAfter)
    {
        long gap = 0;
        long own = 0;
        TimeSpan collector = TimeSpan.Zero;
        long first = number;
        long lastWall = Stopwatch.GetTimestamp();
        long lastOwn = ThreadClock.Nanoseconds;
        TimeSpan lastCollector = GC.GetTotalPauseDuration();
        while (Volatile.Read(ref number) < Volatile.Read(ref stopAfter))
        {
            packet(number);
            Volatile.Write(ref number, number + 1);
            long wall = Stopwatch.GetTimestamp();
            long cpu = ThreadClock.Nanoseconds;
            TimeSpan paused = GC.GetTotalPauseDuration();
            gap = Math.Max(gap, wall - lastWall);
            own = Math.Max(own, cpu - lastOwn);
            collector = paused - lastCollector > collector ? paused - lastCollector : collector;
            (lastWall, lastOwn, lastCollector) = (wall, cpu, paused);
        }

        return new Pauses(number - first, Stopwatch.GetElapsedTime(0, gap), TimeSpan.FromMicroseconds(own / 1000.0), collector);
    }
}
