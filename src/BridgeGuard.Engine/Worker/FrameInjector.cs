using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Redirects;

namespace BridgeGuard.Engine.Worker;

/// <summary>Where an injected frame goes.</summary>
public enum InjectDirection : byte
{
    /// <summary>Into the bridge as if the guest behind the port had sent it.</summary>
    FromPort,

    /// <summary>Out of the port to the guest behind it, past the bridge's forwarding.</summary>
    ToPort,
}

/// <summary>Frames that the engine wants sent, kept until the attachment drains them after each verdict.</summary>
/// <remarks>
/// Bounded: <see cref="Capacity"/> frames, of our own making at most <see cref="FrameBytes"/> bytes each; a full queue refuses and counts. A
/// frame that was held is sent as it came: it may be as long as a large segment, and its checksum may be partial (<see cref="HeldAt"/>).
/// Owner: one worker. Thread: the worker's.
/// </remarks>
public sealed class FrameInjector
{
    public const int Capacity = 16;
    public const int FrameBytes = 2048;

    private readonly byte[][] _frames = new byte[Capacity][];
    private readonly HeldFrame?[] _held = new HeldFrame?[Capacity];
    private readonly Entry[] _entries = new Entry[Capacity];

    public FrameInjector()
    {
        for (int i = 0; i < Capacity; i++)
        {
            _frames[i] = new byte[FrameBytes];
        }
    }

    /// <summary>Frames waiting.</summary>
    public int Count { get; private set; }

    /// <summary>The engine wants to know how long frames have waited (<see cref="FrameInfo.WaitedUs"/>).</summary>
    public bool WantsWait { get; set; }

    /// <summary>With <see cref="FlowOffload.Move"/>: what the kernel is to do with the flow; valid until the next frame is judged.</summary>
    public FlowMove Move { get; } = new();

    /// <summary>Frames refused because the queue was full or the frame too long.</summary>
    public long Refused { get; private set; }

    /// <summary>Reserves the next frame's bytes; false when there is no room.</summary>
    public bool TryAdd(int length, ushort portId, InjectDirection direction, out Span<byte> frame)
    {
        if (Count == Capacity || (uint)length > FrameBytes)
        {
            Refused++;
            frame = default;
            return false;
        }

        frame = _frames[Count].AsSpan(0, length);
        _entries[Count] = new Entry(length, portId, direction);
        Count++;
        return true;
    }

    /// <summary>Sends a frame on that was held; takes it over. False when there is no room: the caller keeps it.</summary>
    public bool TryAdd(HeldFrame frame)
    {
        if (Count == Capacity)
        {
            Refused++;
            return false;
        }

        _held[Count] = frame;
        _entries[Count] = new Entry(frame.Length, frame.Info.PortId, InjectDirection.FromPort);
        Count++;
        return true;
    }

    /// <summary>The waiting frame at <paramref name="index"/> (below <see cref="Count"/>); valid until <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Get(int index, out ushort portId, out InjectDirection direction)
    {
        Entry entry = _entries[index];
        portId = entry.PortId;
        direction = entry.Direction;
        return (_held[index]?.Bytes ?? _frames[index]).AsSpan(0, entry.Length);
    }

    /// <summary>The frame at <paramref name="index"/> when it is one that was held: offloads are as they were.</summary>
    public HeldFrame? HeldAt(int index) => _held[index];

    /// <summary>The attachment has sent them all.</summary>
    public void Clear()
    {
        for (int i = 0; i < Count; i++)
        {
            if (_held[i] is { } frame)
            {
                _held[i] = null;
                frame.Owner.Return(frame);
            }
        }

        Count = 0;
    }

    private readonly record struct Entry(int Length, ushort PortId, InjectDirection Direction);
}
