using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Worker;

/// <summary>What an attachment drives: one per queue, one thread. The engine's <c>PacketWorker</c> is the one that ships.</summary>
public interface IFrameProcessor
{
    /// <summary>Frames to send, to be drained after each call of <see cref="Process"/> and <see cref="Tick"/>.</summary>
    FrameInjector Injector { get; }

    /// <summary>Judges one frame.</summary>
    /// <param name="buffer">Holds the frame; it may be rewritten in place, never beyond the frame.</param>
    /// <param name="offset">Where the frame (its link layer) begins.</param>
    /// <param name="length">Bytes of the frame; from 0.</param>
    /// <param name="info">What is known besides the bytes.</param>
    Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info);

    /// <summary>How often <see cref="Tick"/> should be called now, microseconds: shorter while frames are held.</summary>
    long TickEveryUs => 100_000;

    /// <summary>Traffic of a decided flow that the attachment's kernel carried itself. On the worker's thread, between two frames.</summary>
    void NoteBypassed(in BypassedTraffic traffic)
    {
    }

    /// <summary>Lets time pass where no frame comes: expires flows, thresholds and holds. Cheap; call it every <see cref="TickEveryUs"/>.</summary>
    void Tick(long nowUs);
}
