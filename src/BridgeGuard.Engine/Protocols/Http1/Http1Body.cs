using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>The part of a body that rules may look at: what is new and a window before it, up to the body limit.</summary>
internal sealed class Http1Body
{
    private readonly ByteBuffer _bytes = new();
    private long _offset;
    private long _inspectedTo;
    private long _limit;
    private int _minInspect;
    private int _window;

    /// <summary>Decoded bytes seen, also those above the limit.</summary>
    public long Total { get; private set; }

    public bool IsComplete { get; set; }

    public bool HasBytes => Total > 0;

    /// <summary>What is kept: all up to the limit, of a long body that was inspected its end.</summary>
    public ReadOnlySpan<byte> Held => _bytes.Span;

    public void Begin(long limit, int minInspect, int window)
    {
        _limit = limit == 0 ? long.MaxValue : limit;
        _minInspect = minInspect;
        _window = window;
    }

    /// <summary>Bytes that must be there before rules look at it, or at the file that it is, unless it ends before.</summary>
    public int MinInspectBytes => (int)Math.Min(_minInspect, _limit);

    /// <summary>Nothing is waited for any more before rules look at it.</summary>
    public void ShowAll() => _minInspect = 0;

    /// <summary>Bytes that may still be tracked under the limit.</summary>
    public long Room => Math.Max(0, _limit - Total);

    public void Append(ReadOnlySpan<byte> bytes)
    {
        int taken = (int)Math.Min(bytes.Length, Room);
        Total += bytes.Length;
        if (taken == 0)
        {
            return;
        }

        long keepFrom = Math.Max(0, _inspectedTo - _window);
        if (keepFrom > _offset && _bytes.Length > 0)
        {
            Drop((int)Math.Min(keepFrom - _offset, _bytes.Length));
        }

        int excess = _bytes.Length + taken - Http1Limits.MaxUnseenBodyBytes;
        if (excess > 0)
        {
            Drop(Math.Min(excess, _bytes.Length));
        }

        _bytes.Append(bytes[..taken]);
    }

    /// <summary>The bytes to inspect now; false when it is too early.</summary>
    public bool TryGet(out BufferView view)
    {
        bool isFinal = IsComplete || Room == 0;
        view = new BufferView(_bytes.Span, _offset, isFinal);
        return _bytes.Length > 0 && (isFinal || Total >= _minInspect || _inspectedTo > 0);
    }

    public void MarkInspected()
    {
        if (TryGet(out _))
        {
            _inspectedTo = _offset + _bytes.Length;
        }
    }

    public void Reset()
    {
        _bytes.Reset();
        _offset = 0;
        _inspectedTo = 0;
        Total = 0;
        IsComplete = false;
    }

    private void Drop(int count)
    {
        _bytes.RemoveFront(count);
        _offset += count;
    }
}
