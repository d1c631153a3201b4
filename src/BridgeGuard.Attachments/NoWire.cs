using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>Stands where no bridge is inspected: without ports, workers or frames; runs until it is stopped. A host with a SPAN port alone has it.</summary>
public sealed class NoWire : IWireAttachment
{
    public string Name => "none";

    public int WorkerCount => 0;

    public AttachmentStats Stats => default;

    public PortTable Ports { get; } = new();

    public long Faults => 0;

    public Exception? LastFault => null;

    public long Lost => 0;

    public long AllocatedBytes => 0;

    public PortCounters ReadCounters(ushort portId) => default;

    public AttachmentError? Open() => null;

    public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
    {
        hooks.Ready?.Invoke();
        stop.WaitHandle.WaitOne();
        return null;
    }

    public void Dispose()
    {
    }
}
