using BridgeGuard.Daemon.Plane;
using BridgeGuard.Engine.Events;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>The daemon and its data plane as two processes: either dies, is replaced or told to end, and nothing that was accepted is lost.</summary>
public sealed class PlaneProcessTests(ITestOutputHelper output) : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    private static string Rule(int sid) => $"alert udp any any -> any 9000 (msg:\"rule {sid}\"; content:\"steady\"; sid:{sid};)\n";

    /// <summary>Told to end while its last services start, the daemon takes its data plane with it all the same.</summary>
    [Fact]
    public void AStopInTheMiddleOfTheStartEndsTheDataPlaneToo()
    {
        for (int i = 0; i < 5; i++)
        {
            using RunningDaemon daemon = new(_lab, "", processes: 2);
            daemon.Stop();
            Assert.Empty(daemon.Planes);
        }
    }

    [Fact]
    public void EventsOfTheTimeWithoutADaemonAreWrittenByTheNextOne()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: 2);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(200);
        int plane = daemon.Planes.Single();
        for (int i = 0; i < 2; i++)
        {
            daemon.KillDaemon();
            int written = daemon.AlertedBy(1).Count;
            traffic.GoOn(300);
            Assert.Equal(written, daemon.AlertedBy(1).Count);
            daemon.StartAgain();
            traffic.GoOn(100);
        }

        Assert.Equal([plane], daemon.Planes);
        Assert.Equal(2, daemon.LogCount("it is adopted"));

        // The adopted one takes orders.
        daemon.Reload(Rule(2));
        int after = traffic.Sent;
        traffic.GoOn(200);
        int sent = traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
        List<int> first = daemon.AlertedBy(1);
        List<int> second = daemon.AlertedBy(2);

        // What was written just before a kill may be written once more; nothing is missing and nothing is out of order.
        Assert.InRange(first.Count - first.Distinct().Count(), 0, 100);
        Assert.Equal(Enumerable.Range(0, sent), first.Concat(second).Distinct());
        Assert.All(second, number => Assert.True(number <= after + 1 || !first.Contains(number)));
        Assert.Empty(Directory.GetFiles(daemon.RunFolder, "ring-*"));
        Assert.Empty(daemon.Planes);
    }

    [Fact]
    public void EventsOfADataPlaneThatDiesAreWritten()
    {
        // Closed, so that nothing arrives uninspected when the machine is too busy for the heartbeat.
        using RunningDaemon daemon = new(_lab, Rule(1), processes: 2, bridge: "{name: br0, fail: closed}");
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(100);
        daemon.SignalDaemon("STOP"); // So that everything waits in the ring.
        traffic.GoOn(200);
        BridgeLab.Until(() => traffic.ReceivedNumbers.Count > 200, 10_000); // A busy machine delivers late.
        IReadOnlyList<int> arrived = traffic.ReceivedNumbers;
        daemon.SignalPlane("KILL");
        daemon.SignalDaemon("CONT");
        Assert.True(daemon.WaitForLog("data plane in process", 2), daemon.LogText);
        traffic.GoOn(100);
        traffic.Dispose();
        Assert.Equal(0, daemon.Stop());
        List<int> alerted = daemon.AlertedBy(1);
        Assert.True(arrived.Count > 200);
        Assert.Empty(arrived.Except(alerted)); // An event is in the ring before its frame goes on.
        Assert.Contains("has ended; the next one starts", daemon.LogText, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherConfigurationReplacesTheDataPlaneAndABadOneDoesNot()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: 2);
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(100);
        int first = daemon.Planes.Single();
        daemon.Signal("USR1");
        daemon.WaitForExit();
        Assert.Equal(75, daemon.ExitCode);
        File.AppendAllText(daemon.ConfigFile, "workers: 2\n");
        daemon.StartAgain();
        Assert.True(BridgeLab.Until(() => daemon.Planes.Count == 1, 20_000), "the old one does not end");
        int second = daemon.Planes.Single();
        Assert.NotEqual(first, second);
        traffic.GoOn(100);

        // The next one cannot start (its rules are bad): the one that runs goes on.
        daemon.Signal("USR1");
        daemon.WaitForExit();
        File.AppendAllText(daemon.ConfigFile, "backlog: 512\n");
        daemon.WriteRules("alert nonsense\n");
        daemon.StartAgain();
        Assert.Contains("the one that runs is kept", daemon.LogText, StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => daemon.Planes.Count == 1, 20_000), "the new one does not end");
        Assert.Equal(second, daemon.Planes.Single());
        traffic.GoOn(100);
        traffic.EndWithoutLoss();
        Assert.Equal(0, daemon.Stop());
    }

    [Fact]
    public void ADataPlaneUnderLoadAllocatesNothingPerPacketAndNeverCollects()
    {
        // An alert for every probe, and a stream that never ends: all that a packet can cost but a new flow's state.
        using RunningDaemon daemon = new(_lab, "alert udp any any -> any 9100 (msg:\"probe\"; sid:1;)\n", processes: 2);
        using Probes probes = new(_lab);
        using EndlessStream stream = new(_lab);
        // Warm is when pools have their sizes and everything has happened once, a late segment on a busy machine too: then second after second must be without an allocation.
        PlaneStatus before = daemon.Status();
        PlaneStatus after = before;
        long bytes = stream.Received;
        int quiet = 0;
        for (int i = 0; i < Seconds() + 25 && quiet < Seconds(); i++)
        {
            probes.GoOn(1000 / Probes.EveryMs);
            PlaneStatus now = daemon.Status();
            long allocated = now.Memory.WorkerAllocatedBytes - after.Memory.WorkerAllocatedBytes;
            after = now;
            quiet++;
            if (allocated != 0)
            {
                output.WriteLine($"{allocated} bytes in second {i}");
                (quiet, before, bytes) = (0, now, stream.Received);
            }
        }

        bytes = stream.Received - bytes;
        probes.Dispose();
        stream.Dispose();
        Assert.Equal(0, daemon.Stop());
        Assert.Equal(Seconds(), quiet);
        Assert.True(after.Stats.Frames - before.Stats.Frames > Seconds() * 100 && bytes > 1 << 20, $"{after.Stats.Frames - before.Stats.Frames} frames, {bytes} bytes");
        Assert.Equal(0, after.Memory.WorkerAllocatedBytes - before.Memory.WorkerAllocatedBytes);
        Assert.Equal(0, after.Memory.Collections - before.Memory.Collections);
        Assert.Equal(0, after.Memory.PauseMs - before.Memory.PauseMs);
    }

    [Fact]
    public void AFullRingDropsAndCountsOrWaitsAsConfigured()
    {
        // The daemon is stopped, so nobody makes room; the smallest ring holds some hundred alerts.
        using RunningDaemon daemon = new(_lab, Rule(1), processes: 2, more: "events: {ring: 64 KiB}");
        using SteadyTraffic traffic = new(_lab);
        traffic.GoOn(100);
        daemon.SignalDaemon("STOP");
        traffic.GoOn(1500); // Some of the last may still be on their way to a busy worker when there is room again.
        daemon.SignalDaemon("CONT");
        traffic.GoOn(100);
        int sent = traffic.EndWithoutLoss();
        Assert.True(BridgeLab.Until(() => daemon.Metric("bridgeguard_event_ring_bytes") == 0));
        double dropped = daemon.Metric("bridgeguard_event_ring_dropped_total");
        Assert.Equal(0, daemon.Stop());
        Assert.True(dropped > 100);
        Assert.Equal(sent, daemon.AlertedBy(1).Distinct().Count() + dropped);
    }

    [Fact]
    public void AWaitingWorkerLosesNothingWhileADaemonIsThere()
    {
        var ring = new EventRing(1 << 16);
        var sink = new WorkerEventSink(ring, RingFull.Wait, waitMs: 500);
        using var stop = new CancellationTokenSource();
        long read = 0;
        var consumer = new Thread(() =>
        {
            while (!stop.IsCancellationRequested || ring.UsedBytes > 0)
            {
                ring.ConsumerBeatMs = Environment.TickCount64;
                while (ring.TryPeek(out _, out _))
                {
                    ring.Advance();
                    read++;
                }

                Thread.Sleep(5);
            }
        });
        consumer.Start();
        BridgeLab.Until(() => ring.ConsumerBeatMs != 0);
        byte[] json = new byte[500];
        for (int i = 0; i < 2000; i++)
        {
            sink.Write(default, json);
        }

        stop.Cancel();
        consumer.Join();
        Assert.Equal((2000, 0), (read, ring.Dropped));
        Assert.True(sink.Waits > 0 && sink.WaitedMs > 0);

        // Nobody reads any more, and the last beat gets old: it stops waiting.
        ring.ConsumerBeatMs = Environment.TickCount64 - 5000;
        long start = Environment.TickCount64;
        for (int i = 0; i < 1000; i++)
        {
            sink.Write(default, json);
        }

        Assert.InRange(Environment.TickCount64 - start, 0, 2000);
        Assert.True(ring.Dropped > 500);
    }

    [Fact]
    public void TwoDaemonsDoNotShareARunDirectory()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: 2);
        (int code, string output) = daemon.RunVerb("run");
        Assert.Equal(6, code);
        Assert.Contains("another daemon works in", output, StringComparison.Ordinal);
        Assert.Equal(0, daemon.Stop());
    }

    [Fact]
    public void TheDataPlaneHasFiveCapabilitiesAndPortsStillComeAndRulesAreReloaded()
    {
        using RunningDaemon daemon = new(_lab, "alert icmp any any -> any any (msg:\"ping\"; itype:8; sid:1;)\n", processes: 2, bridge: "{name: br0, mode: inline, fail: closed}");
        string[] status = File.ReadAllLines($"/proc/{Assert.Single(daemon.Planes)}/status");
        const ulong Kept = (1UL << 12) | (1UL << 13) | (1UL << 23) | (1UL << 38) | (1UL << 39);
        foreach (string set in (string[])["CapPrm", "CapEff", "CapBnd"])
        {
            Assert.Equal(0UL, Convert.ToUInt64(status.Single(line => line.StartsWith(set, StringComparison.Ordinal))[7..].Trim(), 16) & ~Kept);
        }

        Assert.Contains("NoNewPrivs:\t1", status);
        Assert.Contains("Seccomp:\t2", status);

        // Its workers and their heartbeat go before ordinary threads: a busy host must not open or close ports.
        string[] priorities = [.. Directory.GetDirectories($"/proc/{Assert.Single(daemon.Planes)}/task").Select(task => File.ReadAllText(Path.Combine(task, "stat")).Split(") ")[1].Split(' ')[16])];
        Assert.Contains("-10", priorities);
        Assert.Contains("-20", priorities);
        Assert.DoesNotContain("more privileges than it needs", daemon.LogText, StringComparison.Ordinal);
        Assert.DoesNotContain("more system calls than it needs", daemon.LogText, StringComparison.Ordinal);
        string other = _lab.AddNamespace("c");
        _lab.AddGuest(other, "pc", "02:77:00:00:00:03", "10.77.0.3", "fd77::3");
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(other, BridgeLab.AddressB)));
        Assert.True(BridgeLab.Until(() => daemon.Records("alert").Exists(record => record.GetProperty("src_ip").GetString() == "10.77.0.3")), daemon.LogText);
        daemon.Reload("drop icmp any any -> any any (msg:\"ping\"; itype:8; sid:1;)\n");
        Assert.False(BridgeLab.Ping(other, BridgeLab.AddressB));
        Assert.Equal(0, daemon.Stop());
    }

    [Fact]
    public void StopEndsWhatACrashLeftAndDoctorTellsOfIt()
    {
        using RunningDaemon daemon = new(_lab, Rule(1), processes: 2, bridge: "{name: br0, fail: closed}", more: "heartbeat-ms: 100");
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));

        // A data plane without a daemon: doctor says so, and what it inspects goes on.
        daemon.KillDaemon();
        Assert.Contains("it inspects without a daemon", daemon.RunVerb("doctor").Output, StringComparison.Ordinal);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));

        // Nobody at all, ports closed: a program and a gate of each.
        daemon.SignalPlane("KILL");
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        (int code, string found) = daemon.RunVerb("doctor");
        Assert.Equal(9, code);
        Assert.Contains("leftover 6 pinned program links: nobody inspects", found, StringComparison.Ordinal);
        Assert.Contains("sockets of data planes that have died", found, StringComparison.Ordinal);
        (code, string fixedLines) = daemon.RunVerb("doctor --fix");
        Assert.Equal(0, code);
        Assert.Contains("removed  6 pinned program links", fixedLines, StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));

        // The same again, ended by stop; and a stop of a daemon that lives.
        daemon.StartAgain();
        daemon.KillDaemon();
        daemon.SignalPlane("KILL");
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.Contains("6 pinned program links were removed", daemon.RunVerb("stop").Output, StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
        daemon.StartAgain();
        string stopped = daemon.RunVerb("stop").Output;
        Assert.Contains("the daemon (process", stopped, StringComparison.Ordinal);
        daemon.WaitForExit();
        Assert.Empty(daemon.Planes);
        Assert.Contains("nothing was running", daemon.RunVerb("stop").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("bgpunt", BridgeLab.Ip($"-n {_lab.Host} link"), StringComparison.Ordinal);
    }

    /// <summary>Three seconds, or as long as <c>BRIDGEGUARD_ALLOCATION_SECONDS</c> says: 600 for the run of ten minutes.</summary>
    private static int Seconds() => int.TryParse(Environment.GetEnvironmentVariable("BRIDGEGUARD_ALLOCATION_SECONDS"), out int seconds) ? seconds : 3;
}
