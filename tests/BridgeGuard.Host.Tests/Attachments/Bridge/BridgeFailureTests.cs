using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The daemon is killed, stopped, hangs or is too slow: the kernel does what each port's policy says.</summary>
public sealed class BridgeFailureTests : IDisposable
{
    private readonly BridgeLab _lab = new();
    private readonly ScratchFolder _scratch = new();
    private bool _isMounted;

    public void Dispose()
    {
        _lab.Dispose();
        if (_isMounted)
        {
            BridgeLab.Run("umount", Path.Combine(_scratch.Path, "bpf"));
        }

        _scratch.Dispose();
    }

    private string PinFolder()
    {
        string mountPoint = Directory.CreateDirectory(Path.Combine(_scratch.Path, "bpf")).FullName;
        if (!_isMounted && Libc.Mount("bpf", mountPoint, "bpf", 0, 0) != 0)
        {
            Assert.Skip($"cannot mount a bpffs: {Libc.LastMessage()}");
        }

        _isMounted = true;
        return Path.Combine(mountPoint, "bridgeguard");
    }

    private bool Pings() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB);

    private bool PingsSoon() => BridgeLab.Until(() => Echo.Answers(_lab.A, BridgeLab.AddressB, 100), 3000);

    [Fact]
    public void KilledFailOpenTrafficGoesOn()
    {
        using BridgeChild child = BridgeChild.Start(_lab.Host);
        Assert.True(Pings());
        child.Signal("KILL");
        Assert.True(PingsSoon());
        Assert.DoesNotContain("bgpunt0", BridgeLab.Ip($"-n {_lab.Host} link"));
    }

    [Fact]
    public void KilledFailClosedTrafficStaysOffUntilCleanup()
    {
        string pins = PinFolder();
        using BridgeChild child = BridgeChild.Start(_lab.Host, "closed", pins);
        Assert.True(Pings());
        child.Signal("KILL");
        Assert.False(Pings());
        BridgeOptions options = RunningBridge.Options() with { PinFolder = pins };
        IReadOnlyList<string> removed = BridgeLab.In(_lab.Host, () => BridgeAttachment.Cleanup(options));
        Assert.Single(removed, line => line.Contains("pinned program links", StringComparison.Ordinal));
        Assert.True(PingsSoon());
        Assert.Empty(BridgeLab.In(_lab.Host, () => BridgeAttachment.Cleanup(options)));
    }

    [Fact]
    public void TheNextStartTakesOverFromAKilledFailClosedOne()
    {
        string pins = PinFolder();
        using BridgeChild first = BridgeChild.Start(_lab.Host, "closed", pins);
        first.Signal("KILL");
        Assert.False(Pings());
        using BridgeChild second = BridgeChild.Start(_lab.Host, "closed", pins);
        Assert.True(PingsSoon());
        second.Signal("KILL");
        Assert.False(Pings());
    }

    [Fact]
    public void CleanupLeavesARunningDaemonAlone()
    {
        string pins = PinFolder();
        using BridgeChild child = BridgeChild.Start(_lab.Host, "closed", pins);
        Assert.Empty(BridgeLab.In(_lab.Host, () => BridgeAttachment.Cleanup(RunningBridge.Options() with { PinFolder = pins })));
        child.Signal("KILL");
        Assert.False(Pings());
    }

    [Fact]
    public void ACleanStopOfAFailClosedDaemonLeavesNothing()
    {
        string pins = PinFolder();
        using (RunningBridge.Start(_lab, _ => new PassingProcessor(), RunningBridge.Options() with { WhenStale = FailMode.Closed, PinFolder = pins }))
        {
            Assert.True(Pings());
            Assert.NotEmpty(Directory.GetFiles(pins, "*", SearchOption.AllDirectories));
        }

        Assert.True(Pings());
        Assert.Empty(Directory.GetFiles(pins, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void StoppedFailOpenTrafficGoesOnAndIsInspectedAgainAfterwards()
    {
        using BridgeChild child = BridgeChild.Start(_lab.Host);
        Assert.True(Pings());
        child.Signal("STOP");
        Assert.True(PingsSoon());
        child.Signal("CONT");
        Assert.True(PingsSoon());
    }

    [Fact]
    public void StoppedFailClosedTrafficWaitsForTheDaemon()
    {
        using BridgeChild child = BridgeChild.Start(_lab.Host, "closed", PinFolder());
        Assert.True(Pings());
        child.Signal("STOP");
        Thread.Sleep(200);
        Assert.False(Pings());
        child.Signal("CONT");
        Assert.True(PingsSoon());
    }

    [Theory]
    [InlineData(FailMode.Open)]
    [InlineData(FailMode.Closed)]
    public void AHungWorkerIsLeftToThePolicyUntilItAnswersAgain(FailMode mode)
    {
        using ManualResetEventSlim release = new();
        BridgeOptions options = RunningBridge.Options() with { WorkerCount = 1, HeartbeatMs = 100, WhenStale = mode, PinFolder = PinFolder() };
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
        {
            if (frame.IndexOf("hang"u8) >= 0)
            {
                release.Wait(20_000);
            }

            return Verdict.Pass;
        }, options);
        Assert.True(Pings());
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        sender.Send("hang"u8);
        Thread.Sleep(500);
        Assert.Equal(mode == FailMode.Open, Pings());
        PortCounters counters = bridge.Counters("pa");
        Assert.True((mode == FailMode.Open ? counters.Opened : counters.Closed).Frames > 0);
        release.Set();
        Assert.True(PingsSoon());
        long punted = bridge.Counters("pa").Punted.Frames;
        Assert.True(BridgeLab.Until(() => Pings() && bridge.Counters("pa").Punted.Frames > punted));
    }

    [Theory]
    [InlineData(FailMode.Open)]
    [InlineData(FailMode.Closed)]
    public void OverTheBacklogLimitFramesGoByThePolicy(FailMode mode)
    {
        const int Sent = 150;
        BridgeOptions options = RunningBridge.Options() with { WorkerCount = 1, WhenOverloaded = mode, BacklogFrames = 8 };
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
        {
            if (frame.IndexOf("slow"u8) >= 0)
            {
                Thread.Sleep(2);
            }

            return Verdict.Pass;
        }, options);
        Assert.True(Pings());
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        for (int i = 0; i < Sent; i++)
        {
            sender.Send("slow"u8);
        }

        int received = 0;
        while (receiver.Poll(500_000, SelectMode.SelectRead))
        {
            received += receiver.Receive(new byte[100]) > 0 ? 1 : 0;
        }

        PortCounters counters = bridge.Counters("pa");
        Assert.Equal(counters.Seen, counters.Punted + counters.Opened + counters.Closed + counters.Control);
        if (mode == FailMode.Open)
        {
            Assert.Equal(Sent, received);
            Assert.True(counters.Opened.Frames > 0 && counters.Closed.Frames == 0);
        }
        else
        {
            Assert.Equal(Sent - counters.Closed.Frames, received);
            Assert.True(counters.Closed.Frames > 0 && counters.Opened.Frames == 0);
        }
    }

    [Fact]
    public void AMissingBridgeIsOneErrorAndNothingIsLeft()
    {
        AttachmentError? error = RunningBridge.TryStart(_lab, RunningBridge.Options("br0", "br9"));
        Assert.Equal((AttachmentErrorKind.NotFound, "bridge br9 does not exist"), (error!.Kind, error.Message));
        Assert.DoesNotContain("bgpunt0", BridgeLab.Ip($"-n {_lab.Host} link"));
    }

    [Fact]
    public void ADeviceThatIsNoBridgeIsAnError() =>
        Assert.Equal("pa is not a bridge", RunningBridge.TryStart(_lab, RunningBridge.Options("pa"))?.Message);

    [Fact]
    public void ASecondDaemonIsRefusedAndDoesNotDisturbTheFirst()
    {
        using RunningBridge first = RunningBridge.Start(_lab, _ => new PassingProcessor());
        AttachmentError? error = RunningBridge.TryStart(_lab, RunningBridge.Options());
        Assert.Equal("punt device bgpunt0 exists already: is another bridgeguard running?", error?.Message);
        Assert.True(Pings());
        Assert.True(first.Attachment.Stats.Frames > 0);
    }
}
