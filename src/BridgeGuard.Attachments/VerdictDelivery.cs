using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>Carries verdicts out where there is no wire: counts, and hands what would leave to the sink.</summary>
/// <remarks>Owner: one run. Thread: the worker's; <see cref="Snapshot"/> from any.</remarks>
internal sealed class VerdictDelivery(IFrameSink? sink)
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
        }

        if (injector.Count > 0)
        {
            Drain(injector, info.TimestampUs);
        }
    }

    public void Drain(FrameInjector injector, long nowUs)
    {
        for (int i = 0; i < injector.Count; i++)
        {
            ReadOnlySpan<byte> frame = injector.Get(i, out ushort portId, out InjectDirection direction);
            FrameInfo info = new() { TimestampUs = nowUs, PortId = portId, LinkType = Engine.Packets.LinkType.Ethernet };
            DeliveryKind kind = direction == InjectDirection.FromPort ? DeliveryKind.InjectedFromPort : DeliveryKind.InjectedToPort;
            sink?.Deliver(frame, info, kind);
            _injected++;
        }

        injector.Clear();
    }

    public void CountReject() => _rejects++;

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
