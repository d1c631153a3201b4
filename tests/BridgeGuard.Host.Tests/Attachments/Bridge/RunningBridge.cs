using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Answers a frame; the bytes may be rewritten in place.</summary>
internal delegate Verdict Judge(Span<byte> frame, in FrameInfo info, FrameInjector injector);

/// <summary>A processor from a delegate. Several workers may share the delegate.</summary>
internal sealed class JudgingProcessor(Judge judge) : IFrameProcessor
{
    public FrameInjector Injector { get; } = new();

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info) => judge(buffer.AsSpan(offset, length), in info, Injector);

    public void Tick(long nowUs)
    {
    }
}

/// <summary>A bridge attachment at work in a lab's host namespace.</summary>
internal sealed class RunningBridge : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _ready = new();

    private RunningBridge(BridgeLab lab, BridgeOptions options, Func<int, IFrameProcessor> processorOf)
    {
        Attachment = new BridgeAttachment(options);
        _thread = new Thread(() =>
        {
            BridgeLab.Enter(lab.Host);
            Error = Attachment.Open()
                ?? Attachment.Run(processorOf, new AttachmentHooks { Ready = _ready.Set, Warning = Warnings.Add }, _stop.Token);
            Attachment.Dispose();
            _ready.Set();
        });
        _thread.Start();
        Assert.True(_ready.Wait(60_000), "the attachment did not become ready");
    }

    public BridgeAttachment Attachment { get; }

    public AttachmentError? Error { get; private set; }

    public List<string> Warnings { get; } = [];

    /// <summary>Two workers; a heartbeat limit that a busy test machine keeps, for tests that are not about it.</summary>
    public static BridgeOptions Options(params string[] bridges) =>
        new() { Bridges = bridges.Length == 0 ? ["br0"] : bridges, WorkerCount = 2, HeartbeatMs = 2000 };

    public static RunningBridge Start(BridgeLab lab, Judge judge, BridgeOptions? options = null) =>
        Start(lab, _ => new JudgingProcessor(judge), options);

    public static RunningBridge Start(BridgeLab lab, Func<int, IFrameProcessor> processorOf, BridgeOptions? options = null)
    {
        RunningBridge bridge = new(lab, options ?? Options(), processorOf);
        Assert.Null(bridge.Error);
        return bridge;
    }

    /// <summary>Opens and runs until the first error; null when it got ready.</summary>
    public static AttachmentError? TryStart(BridgeLab lab, BridgeOptions options)
    {
        using RunningBridge bridge = new(lab, options, _ => new JudgingProcessor(static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass));
        return bridge.Error;
    }

    public PortInfo Port(string name)
    {
        Assert.True(BridgeLab.Until(() => Attachment.Ports.All.Any(port => port.Name == name)), $"port {name} is not in the table");
        return Attachment.Ports.All.Single(port => port.Name == name);
    }

    public PortCounters Counters(string name) => Attachment.ReadCounters(Port(name).PortId);

    public void Stop()
    {
        _stop.Cancel();
        if (!_thread.Join(10_000))
        {
            string states = ThreadStates.Of(Environment.ProcessId);
            Assert.Fail($"the attachment did not stop in 10 s{(_thread.Join(20_000) ? ", but within 30" : "")}: {Attachment.Stats}\n{states}");
        }
    }

    public void Dispose()
    {
        Stop();
        _stop.Dispose();
        _ready.Dispose();
    }
}
