using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Tap;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Tap;

/// <summary>Listening beside a bridge port: everything is seen, nothing is touched.</summary>
public sealed class TapAttachmentTests : IDisposable
{
    private readonly BridgeLab _lab = new(withIp: false);

    public void Dispose() => _lab.Dispose();

    private (AttachmentError? Error, AttachmentStats Stats) Listen(TapOptions options, IFrameProcessor processor, Action? whenReady = null, int frames = 0) =>
        BridgeLab.In(_lab.Host, () =>
        {
            using CancellationTokenSource stop = new();
            using TapAttachment attachment = new(options);
            Thread? acting = null;
            void Ready()
            {
                acting = new Thread(() =>
                {
                    whenReady?.Invoke();
                    BridgeLab.Until(() => attachment.Stats.Frames >= frames);
                    stop.Cancel();
                });
                acting.Start();
            }

            AttachmentError? error = attachment.Open() ?? attachment.Run(_ => processor, new AttachmentHooks { Ready = Ready }, stop.Token);
            acting?.Join();
            return (error, attachment.Stats);
        });

    [Fact]
    public void FramesAreSeenWholeWithTheirTagsAndVerdictsDoNothing()
    {
        byte[][] frames =
        [
            FrameBuilder.Udp("10.0.0.1", "10.0.0.2", 1, 2, "one"),
            FrameBuilder.Udp("10.0.0.1", "10.0.0.2", 1, 2, "two, tagged", tags: [100]),
            FrameBuilder.Udp("fd00::1", "fd00::2", 1, 2, "three"),
        ];
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        ScriptedProcessor processor = new((_, _) => new Verdict { Action = VerdictAction.Drop, Reject = RejectTarget.Both });
        (AttachmentError? error, AttachmentStats stats) =
            Listen(new TapOptions { Devices = ["pa"] }, processor, () => Array.ForEach(frames, frame => a.Send(frame)), frames.Length);
        Assert.Null(error);
        Assert.Equal(frames, processor.Seen.Select(seen => seen.Frame));
        Assert.All(processor.Seen, seen => Assert.Equal(1, seen.Info.PortId));
        Assert.Equal((3, 3, 0), (stats.Frames, stats.Dropped, stats.Rejects));
        Assert.True(b.Poll(1_000_000, SelectMode.SelectRead));
    }

    [Fact]
    public void NothingIsAllocatedPerFrame()
    {
        byte[] frame = FrameBuilder.Udp("10.0.0.1", "10.0.0.2", 1, 2, "x");
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        PassingProcessor processor = new();
        Listen(new TapOptions { Devices = ["pa"] }, processor, () =>
        {
            for (int i = 0; i < 300; i++)
            {
                a.Send(frame);
            }
        }, 300);
        Assert.Equal(300, processor.Frames);
        Assert.Equal(0, processor.AllocatedAtLast - processor.AllocatedAtFirst);
    }

    [Fact]
    public void AFilterAndASilentDeviceEndInTime()
    {
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        ScriptedProcessor processor = new();
        Assert.Null(Listen(new TapOptions { Devices = ["pa"], Filter = "udp port 9" }, processor, () =>
        {
            a.Send(FrameBuilder.Udp("10.0.0.1", "10.0.0.2", 1, 2, "no"));
            a.Send(FrameBuilder.Udp("10.0.0.1", "10.0.0.2", 1, 9, "yes"));
        }, 1).Error);
        Assert.Single(processor.Seen);
    }

    [Theory]
    [InlineData("nothere", null, AttachmentErrorKind.NotFound)]
    [InlineData("pa", "udp prot 9", AttachmentErrorKind.BadArgument)]
    public void WrongArgumentsAreOneLineErrors(string device, string? filter, AttachmentErrorKind kind)
    {
        AttachmentError? error = Listen(new TapOptions { Devices = [device], Filter = filter }, new ScriptedProcessor()).Error;
        Assert.Equal(kind, error?.Kind);
        Assert.Contains(device, error?.Message);
        Assert.DoesNotContain('\n', error!.Message);
    }
}
