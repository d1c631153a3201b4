using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Nfqueue;

/// <summary>An nfqueue attachment at work in a lab's host namespace.</summary>
internal sealed class RunningQueue : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualResetEventSlim _ready = new();
    private readonly Thread _thread;

    private RunningQueue(BridgeLab lab, NfqueueOptions options, Func<int, IFrameProcessor> processorOf)
    {
        Attachment = new NfqueueAttachment(options);
        _thread = new Thread(() =>
        {
            BridgeLab.Enter(lab.Host);
            Error = Attachment.Open() ?? Attachment.Run(processorOf, new AttachmentHooks { Ready = _ready.Set }, _stop.Token);
            Attachment.Dispose();
            _ready.Set();
        });
        _thread.Start();
        Assert.True(_ready.Wait(60_000), "the attachment did not become ready");
    }

    public NfqueueAttachment Attachment { get; }

    public AttachmentError? Error { get; private set; }

    public static NfqueueOptions Options() => new() { Bridges = ["br0"] };

    /// <summary>Skips where the kernel or the host has no queues for bridged packets.</summary>
    public static void SkipUnlessPossible(BridgeLab lab)
    {
        (int code, string output) = BridgeLab.Run("ip", $"netns exec {lab.Host} iptables -w -S");
        Assert.SkipUnless(code == 0, $"needs iptables: {output}");
        Assert.SkipUnless(
            BridgeLab.Run("ip", $"netns exec {lab.Host} test -e /proc/sys/net/bridge/bridge-nf-call-iptables").Code == 0, "needs br_netfilter in the kernel");
        Assert.SkipUnless(
            BridgeLab.Run("ip", $"netns exec {lab.Host} test -e /proc/net/netfilter/nfnetlink_queue").Code == 0, "needs nfnetlink_queue in the kernel");
    }

    public static RunningQueue Start(BridgeLab lab, Judge judge, NfqueueOptions? options = null) =>
        Start(lab, _ => new JudgingProcessor(judge), options);

    public static RunningQueue Start(BridgeLab lab, Func<int, IFrameProcessor> processorOf, NfqueueOptions? options = null)
    {
        RunningQueue queue = new(lab, options ?? Options(), processorOf);
        Assert.Null(queue.Error);
        return queue;
    }

    public static AttachmentError? TryStart(BridgeLab lab, NfqueueOptions options)
    {
        using RunningQueue queue = new(lab, options, _ => new JudgingProcessor(static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass));
        return queue.Error;
    }

    public void Dispose()
    {
        _stop.Cancel();
        Assert.True(_thread.Join(20_000), "the attachment did not stop");
        _stop.Dispose();
        _ready.Dispose();
    }
}
