using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Frames;

/// <summary>The frames of one direction of a flow that are not finished, oldest first.</summary>
/// <remarks>
/// Pooled by the application layer; owned by its flow; used by one worker. No allocation once grown to what a flow needs. At
/// <see cref="MaxFrames"/> further frames are not kept and counted in <see cref="Refused"/>.
/// </remarks>
public sealed class FrameList
{
    /// <summary>Frames of a direction kept at once: a window of 64 KiB holds no more useful elements than that.</summary>
    public const int MaxFrames = 4096;

    private Frame[] _frames = new Frame[8];

    public int Count { get; private set; }

    /// <summary>Frames ever opened, which is the last number given.</summary>
    public uint LastId { get; private set; }

    /// <summary>Frames left out because the list was full.</summary>
    public long Refused { get; private set; }

    public ref Frame this[int index] => ref _frames[index];

    /// <summary>Adds a frame; returns its number, 0 when there is no room.</summary>
    /// <param name="type">Index into <see cref="Protocol.Frames"/>.</param>
    /// <param name="offset">Where it begins.</param>
    /// <param name="length">Bytes, or <see cref="Frame.OpenEnded"/>.</param>
    public uint Open(int type, long offset, long length)
    {
        if (Count == MaxFrames)
        {
            Refused++;
            return 0;
        }

        if (Count == _frames.Length)
        {
            ArrayCache<Frame>.Grow(ref _frames);
        }

        _frames[Count++] = new Frame { Id = ++LastId, Type = (short)type, Offset = offset, Length = length };
        return LastId;
    }

    /// <summary>The end of a frame became known: the stream offset behind its last byte.</summary>
    public void Close(uint id, long end)
    {
        int index = Find(id);
        if (index >= 0)
        {
            _frames[index].Length = Math.Max(0, end - _frames[index].Offset);
        }
    }

    /// <summary>The frame belongs to a transaction.</summary>
    public void SetTransaction(uint id, ulong transactionId)
    {
        int index = Find(id);
        if (index >= 0)
        {
            _frames[index].HasTransaction = true;
            _frames[index].TransactionId = transactionId;
        }
    }

    /// <summary>Takes out what was inspected and written.</summary>
    internal void Prune()
    {
        int kept = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_frames[i] is { IsInspected: true, IsLogged: true })
            {
                continue;
            }

            _frames[kept] = _frames[i];
            kept++;
        }

        Count = kept;
    }

    /// <summary>The lowest offset that some frame still needs, to be written from its start or to be looked at; <see cref="long.MaxValue"/>: none.</summary>
    /// <param name="overlap">Bytes before the place reached that are looked at again.</param>
    internal long NeededFrom(int overlap)
    {
        long lowest = long.MaxValue;
        for (int i = 0; i < Count; i++)
        {
            ref readonly Frame frame = ref _frames[i];
            long from = !frame.IsLogged ? frame.Offset
                : frame.IsInspected ? long.MaxValue
                : frame.Offset + Math.Max(0, frame.Seen - overlap);
            lowest = Math.Min(lowest, from);
        }

        return lowest;
    }

    /// <summary>The frames of a datagram end with it.</summary>
    internal void Clear() => Count = 0;

    internal void Reset()
    {
        Count = 0;
        LastId = 0;
        Refused = 0;
        ArrayCache<Frame>.Shrink(ref _frames, 64, 8);
    }

    private int Find(uint id)
    {
        // Frames that are changed are young.
        for (int i = Count - 1; i >= 0 && id != 0; i--)
        {
            if (_frames[i].Id == id)
            {
                return i;
            }
        }

        return -1;
    }
}
