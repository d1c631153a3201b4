using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Host.Tests.Attachments;

/// <summary>A test double: answers each frame by a function and remembers what it saw.</summary>
internal sealed class ScriptedProcessor(Func<byte[], FrameInfo, Verdict>? answer = null) : IFrameProcessor
{
    public List<(byte[] Frame, FrameInfo Info)> Seen { get; } = [];

    public FrameInjector Injector { get; } = new();

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        byte[] frame = buffer.AsSpan(offset, length).ToArray();
        Seen.Add((frame, info));
        return answer is null ? Verdict.Pass : answer(frame, info);
    }

    public void Tick(long nowUs)
    {
    }
}

/// <summary>Passes everything and allocates nothing.</summary>
internal sealed class PassingProcessor : IFrameProcessor
{
    public long Frames { get; private set; }

    public long AllocatedAtFirst { get; private set; }

    public long AllocatedAtLast { get; private set; }

    public FrameInjector Injector { get; } = new();

    public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
    {
        AllocatedAtLast = GC.GetAllocatedBytesForCurrentThread();
        if (Frames++ == 0)
        {
            AllocatedAtFirst = AllocatedAtLast;
        }

        return Verdict.Pass;
    }

    public void Tick(long nowUs)
    {
    }
}

/// <summary>Keeps what an attachment without a wire sends.</summary>
internal sealed class CollectingSink : BridgeGuard.Attachments.IFrameSink
{
    public List<(byte[] Frame, BridgeGuard.Attachments.DeliveryKind Kind, ushort PortId)> Delivered { get; } = [];

    public void Deliver(ReadOnlySpan<byte> frame, in FrameInfo info, BridgeGuard.Attachments.DeliveryKind kind) =>
        Delivered.Add((frame.ToArray(), kind, info.PortId));
}
