using System.Runtime.InteropServices;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
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
    private const int CloneNewMounts = 0x20000;
    private const int MountRecursive = 0x4000;
    private const int MountPrivate = 0x40000;

    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _ready = new();

    private RunningBridge(BridgeLab lab, BridgeOptions options, Func<int, IFrameProcessor> processorOf, bool seesDevices = false)
    {
        Attachment = new BridgeAttachment(options);
        _thread = new Thread(() =>
        {
            BridgeLab.Enter(lab.Host);
            if (seesDevices)
            {
                MountSys();
            }

            Error = Attachment.Open()
                ?? Attachment.Run(processorOf, new AttachmentHooks { Ready = _ready.Set, Warning = Warnings.Add }, _stop.Token);
            Attachment.Dispose();
            _ready.Set();
        });
        _thread.Start();
        Assert.True(_ready.Wait(10_000), "the attachment did not become ready");
    }

    public BridgeAttachment Attachment { get; }

    public AttachmentError? Error { get; private set; }

    public List<string> Warnings { get; } = [];

    /// <summary>Two workers; a heartbeat limit that a busy test machine keeps, for tests that are not about it.</summary>
    public static BridgeOptions Options(params string[] bridges) =>
        new() { Bridges = bridges.Length == 0 ? ["br0"] : bridges, WorkerCount = 2, HeartbeatMs = 2000 };

    public static RunningBridge Start(BridgeLab lab, Judge judge, BridgeOptions? options = null) =>
        Start(lab, _ => new JudgingProcessor(judge), options);

    /// <param name="lab">Its bridge.</param>
    /// <param name="processorOf">Of each worker.</param>
    /// <param name="options">Null: the usual ones.</param>
    /// <param name="seesDevices">The lab's devices are below /sys, as on a host; else those of the tests' own namespace are.</param>
    public static RunningBridge Start(BridgeLab lab, Func<int, IFrameProcessor> processorOf, BridgeOptions? options = null, bool seesDevices = false)
    {
        RunningBridge bridge = new(lab, options ?? Options(), processorOf, seesDevices);
        Assert.Null(bridge.Error);
        return bridge;
    }

    /// <summary>Opens and runs until the first error; null when it got ready.</summary>
    public static AttachmentError? TryStart(BridgeLab lab, BridgeOptions options)
    {
        using RunningBridge bridge = new(lab, options, _ => new JudgingProcessor(static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass));
        return bridge.Error;
    }

    /// <summary>For the calling thread alone.</summary>
    private static void MountSys()
    {
        Assert.True(
            Unshare(CloneNewMounts) == 0 && Libc.Mount("none", "/", "none", MountRecursive | MountPrivate, 0) == 0 && Libc.Mount("sysfs", "/sys", "sysfs", 0, 0) == 0,
            $"the lab's /sys cannot be mounted: {Libc.LastMessage()}");
    }

    [DllImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static extern int Unshare(int flags);

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
