namespace BridgeGuard.Engine.Pools;

/// <summary>Where a value lies within a <see cref="ByteBuffer"/>.</summary>
public readonly record struct Slice(int Start, int Length)
{
    /// <summary>No value at all, as opposed to an empty one.</summary>
    public static readonly Slice None = new(-1, 0);

    public bool Exists => Start >= 0;
}

/// <summary>Bytes that outlive a packet: grows by doubling, keeps its array when reset. Its owner bounds what is appended.</summary>
/// <remarks>Spans given out are valid until the next change. One owner, one thread.</remarks>
public sealed class ByteBuffer
{
    /// <summary>
    /// A larger array goes back to the <see cref="BlockCache"/> on reset: memory follows what is in use at once, not the largest that each pooled object has ever held.
    /// </summary>
    private const int KeepBytes = 512;

    private byte[] _bytes = [];

    [ThreadStatic]
    private static long _staleReads;

    /// <summary>Slices of the calling thread that were asked for after their bytes had gone: each is a defect of ours that reads nothing instead of another's bytes. Tests want none.</summary>
    public static long StaleReads => _staleReads;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    /// <summary>The bytes of a slice; none of a slice from before a reset, whose array has gone.</summary>
    public ReadOnlySpan<byte> this[Slice slice] => Holds(slice) ? _bytes.AsSpan(slice.Start, slice.Length) : default;

    /// <summary>The bytes, to be changed in place.</summary>
    public Span<byte> Writable(Slice slice) => Holds(slice) ? _bytes.AsSpan(slice.Start, slice.Length) : default;

    public Slice Append(ReadOnlySpan<byte> bytes)
    {
        byte[] before = _bytes;
        Ensure(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        var slice = new Slice(Length, bytes.Length);
        Length += bytes.Length;
        Retire(before);
        return slice;
    }

    public void Append(byte value)
    {
        byte[] before = _bytes;
        Ensure(1);
        _bytes[Length++] = value;
        Retire(before);
    }

    /// <summary>Copies a part of itself to the end.</summary>
    public Slice AppendCopy(Slice slice)
    {
        byte[] before = _bytes;
        Ensure(slice.Length);
        Retire(before);
        _bytes.AsSpan(slice.Start, slice.Length).CopyTo(_bytes.AsSpan(Length));
        var copy = new Slice(Length, slice.Length);
        Length += slice.Length;
        return copy;
    }

    /// <summary>Room for <paramref name="count"/> bytes behind the end; <see cref="Commit"/> says how many were written.</summary>
    public Span<byte> Reserve(int count)
    {
        byte[] before = _bytes;
        Ensure(count);
        Retire(before);
        return _bytes.AsSpan(Length, count);
    }

    public void Commit(int count) => Length += count;

    public void Truncate(int length) => Length = length;

    public void RemoveFront(int count)
    {
        _bytes.AsSpan(count, Length - count).CopyTo(_bytes);
        Length -= count;
    }

    public void Reset()
    {
        Length = 0;
        if (_bytes.Length > KeepBytes)
        {
            BlockCache.Return(_bytes);
            _bytes = [];
        }
    }

    private bool Holds(Slice slice)
    {
        if (slice.Start + slice.Length <= _bytes.Length)
        {
            return slice.Exists;
        }

        _staleReads++;
        return false;
    }

    /// <summary>Makes room. The old array stays whole until <see cref="Retire"/>: what is appended may lie in it.</summary>
    private void Ensure(int more)
    {
        int needed = checked(Length + more);
        if (needed > _bytes.Length)
        {
            Grow(needed);
        }
    }

    private void Grow(int needed)
    {
        int size = Math.Max(needed, Math.Max(64, (int)Math.Min(_bytes.Length * 2L, Array.MaxLength)));
        byte[] larger = BlockCache.Rent(size);
        _bytes.AsSpan(0, Length).CopyTo(larger);
        _bytes = larger;
    }

    private void Retire(byte[] before)
    {
        if (before.Length >= BlockCache.SmallestBytes && !ReferenceEquals(before, _bytes))
        {
            BlockCache.Return(before);
        }
    }
}
