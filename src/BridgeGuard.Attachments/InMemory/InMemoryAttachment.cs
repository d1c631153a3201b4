using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.InMemory;

/// <summary>One frame to feed.</summary>
/// <param name="Bytes">The frame from its link layer; never written to.</param>
/// <param name="Info">What goes with it.</param>
public readonly record struct InMemoryFrame(byte[] Bytes, FrameInfo Info);

/// <summary>Feeds frames from an array to one worker on the caller's thread, for tests and benches.</summary>
public sealed class InMemoryAttachment(IReadOnlyList<InMemoryFrame> frames) : IAttachment
{
    /// <summary>Free bytes before each frame, as on the other attachments.</summary>
    public const int HeadroomBytes = 64;

    private byte[] _buffer = [];
    private VerdictDelivery _delivery = new(null);

    public string Name => "inmemory";

    public int WorkerCount => 1;

    public AttachmentStats Stats => _delivery.Snapshot();

    public AttachmentError? Open()
    {
        int longest = 0;
        for (int i = 0; i < frames.Count; i++)
        {
            longest = Math.Max(longest, frames[i].Bytes.Length);
        }

        _buffer = new byte[HeadroomBytes + longest];
        return null;
    }

    public AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop)
    {
        IFrameProcessor processor = processorOf(0);
        _delivery = new VerdictDelivery(hooks.Sink);
        hooks.Ready?.Invoke();
        for (int i = 0; i < frames.Count && !stop.IsCancellationRequested; i++)
        {
            InMemoryFrame frame = frames[i];
            frame.Bytes.CopyTo(_buffer, HeadroomBytes);
            FrameInfo info = frame.Info;
            Verdict verdict = processor.Process(_buffer, HeadroomBytes, frame.Bytes.Length, in info);
            _delivery.CarryOut(_buffer, HeadroomBytes, frame.Bytes.Length, in info, in verdict, processor.Injector);
        }

        return null;
    }

    public void Dispose()
    {
    }
}
