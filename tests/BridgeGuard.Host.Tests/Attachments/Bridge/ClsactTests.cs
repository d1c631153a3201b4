using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The way of kernels before 6.6, forced here: the same programs as filters of the clsact queueing discipline.</summary>
public sealed class ClsactTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    private static BridgeOptions Options => RunningBridge.Options() with { Hook = KernelHook.Clsact };

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0;

    private string Disciplines() => BridgeLab.Run("ip", $"netns exec {_lab.Host} tc qdisc show").Output;

    private string Filters(string device) => BridgeLab.Run("ip", $"netns exec {_lab.Host} tc filter show dev {device} ingress").Output;

    [Fact]
    public void FramesAreJudgedDecidedAndInjectedAsWithTcx()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            Is(frame, "deny") ? new Verdict { Action = VerdictAction.Drop, Offload = FlowOffload.Drop } : Verdict.Pass, Options);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB) && BridgeLab.Ping(_lab.A, BridgeLab.Address6B));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressHost) && BridgeLab.Ping(_lab.Host, BridgeLab.AddressB));
        using Socket b = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket a = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        a.Send("hello"u8);
        Assert.Equal(5, b.Receive(new byte[10]));
        a.Send("deny"u8);
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded == 1));
        a.Send("more"u8);
        Assert.True(BridgeLab.Until(() => bridge.Counters("pa").Dropped.Frames == 1));
        Assert.False(b.Poll(100_000, SelectMode.SelectRead));
        Assert.All(bridge.Attachment.Ports.All, port => Assert.Null(port.Uncovered));
    }

    [Fact]
    public void ACleanStopLeavesNothingAndAForeignFilterStays()
    {
        Assert.SkipUnless(BridgeLab.Run("ip", $"netns exec {_lab.Host} tc qdisc add dev pb clsact").Code == 0, "needs tc and clsact");
        string before = Disciplines();
        using (RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass, Options))
        {
            Assert.Contains("bridgeguard", Filters("pa"), StringComparison.Ordinal);
            Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        }

        Assert.Equal(before, Disciplines()); // pb's was there before, pa's and br0's were ours.
        Assert.Equal("", Filters("pb").Trim());
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
    }

    [Theory]
    [InlineData(FailMode.Open)]
    [InlineData(FailMode.Closed)]
    public void AfterACrashTheHeartbeatDecidesAndTheNextStartTakesOver(FailMode mode)
    {
        using (BridgeChild child = BridgeChild.Start(_lab.Host, mode == FailMode.Closed ? "closed" : "open", "/sys/fs/bpf/bridgeguard;clsact"))
        {
            Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
            child.Signal("KILL");
        }

        Assert.Contains("bridgeguard", Filters("pa"), StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB) == (mode == FailMode.Open)));
        using (RunningBridge.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass, Options))
        {
            Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
        }

        Assert.Equal("", Filters("pa").Trim());
    }

    [Fact]
    public void LeftoversOfACrashAreRemovedOnRequest()
    {
        using (BridgeChild child = BridgeChild.Start(_lab.Host, "closed", "/sys/fs/bpf/bridgeguard;clsact"))
        {
            child.Signal("KILL");
        }

        Assert.True(BridgeLab.Until(() => !BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
        IReadOnlyList<string> done = BridgeLab.In(_lab.Host, () => BridgeAttachment.Cleanup(Options));
        Assert.Contains("filter of pa", done);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
        Assert.DoesNotContain("clsact", Disciplines(), StringComparison.Ordinal);
    }
}
