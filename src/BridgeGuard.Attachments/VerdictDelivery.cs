using BridgeGuard.Attachments.Rejects;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>Carries verdicts out where there is no wire: counts, and hands what would leave to the sink.</summary>
/// <remarks>Owner: one run. Thread: the worker's; <see cref="Snapshot"/> from any.</remarks>
internal sealed class VerdictDelivery(IFrameSink? sink, bool isPassive = false)
{
    private long _frames, _bytes, _passed, _modified, _dropped, _rejects, _injected;

    public void CarryOut(byte[] buffer, int offset, int length, in FrameInfo info, in Verdict verdict, FrameInjector injector)
    {
        _frames++;
        _bytes += length;
        if (verdict.Action == VerdictAction.Pass)
        {
            _passed++;
            _modified += verdict.Modified ? 1 : 0;
            sink?.Deliver(buffer.AsSpan(offset, length), info, DeliveryKind.Forwarded);
        }
        else
        {
            _dropped++;
            if (verdict.Reject != RejectTarget.None && !isPassive && info.LinkType == LinkType.Ethernet)
            {
                // What the engine itself wants sent goes first, so that the resets can be told apart by their place.
                Drain(injector, info.TimestampUs);
                RejectCrafter.Craft(buffer.AsSpan(offset, length), verdict.Reject, info.PortId, injector);
                DrainRejects(injector, info.TimestampUs);
            }
        }

        if (isPassive)
        {
            injector.Clear();
        }
        else if (injector.Count > 0)
        {
            Drain(injector, info.TimestampUs);
        }
    }

    public void Drain(FrameInjector injector, long nowUs)
    {
        for (int i = 0; i < injector.Count; i++)
        {
            ReadOnlySpan<byte> frame = injector.Get(i, out ushort portId, out InjectDirection direction);
            FrameInfo info = new() { TimestampUs = nowUs, PortId = portId, LinkType = LinkType.Ethernet };
            DeliveryKind kind = direction == InjectDirection.FromPort ? DeliveryKind.InjectedFromPort : DeliveryKind.InjectedToPort;
            sink?.Deliver(frame, info, kind);
            _injected++;
        }

        injector.Clear();
    }

    private void DrainRejects(FrameInjector injector, long nowUs)
    {
        for (int i = 0; i < injector.Count; i++)
        {
            ReadOnlySpan<byte> frame = injector.Get(i, out ushort portId, out _);
            FrameInfo info = new() { TimestampUs = nowUs, PortId = portId, LinkType = LinkType.Ethernet };
            sink?.Deliver(frame, info, DeliveryKind.Rejected);
            _rejects++;
        }

        injector.Clear();
    }

    public AttachmentStats Snapshot() => new()
    {
        Frames = Volatile.Read(ref _frames),
        Bytes = Volatile.Read(ref _bytes),
        Passed = Volatile.Read(ref _passed),
        Modified = Volatile.Read(ref _modified),
        Dropped = Volatile.Read(ref _dropped),
        Rejects = Volatile.Read(ref _rejects),
        Injected = Volatile.Read(ref _injected),
    };
}
