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
    /// <summary>A larger array is given back to the collector on reset, so that one odd transaction does not hold memory for ever.</summary>
    private const int KeepBytes = 64 << 10;

    private byte[] _bytes = [];

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, Length);

    public ReadOnlySpan<byte> this[Slice slice] => slice.Exists ? _bytes.AsSpan(slice.Start, slice.Length) : default;

    /// <summary>The bytes, to be changed in place.</summary>
    public Span<byte> Writable(Slice slice) => slice.Exists ? _bytes.AsSpan(slice.Start, slice.Length) : default;

    public Slice Append(ReadOnlySpan<byte> bytes)
    {
        Ensure(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(Length));
        var slice = new Slice(Length, bytes.Length);
        Length += bytes.Length;
        return slice;
    }

    public void Append(byte value)
    {
        Ensure(1);
        _bytes[Length++] = value;
    }

    /// <summary>Copies a part of itself to the end.</summary>
    public Slice AppendCopy(Slice slice)
    {
        Ensure(slice.Length);
        _bytes.AsSpan(slice.Start, slice.Length).CopyTo(_bytes.AsSpan(Length));
        var copy = new Slice(Length, slice.Length);
        Length += slice.Length;
        return copy;
    }

    /// <summary>Room for <paramref name="count"/> bytes behind the end; <see cref="Commit"/> says how many were written.</summary>
    public Span<byte> Reserve(int count)
    {
        Ensure(count);
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
            _bytes = [];
        }
    }

    private void Ensure(int more)
    {
        int needed = checked(Length + more);
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(needed, Math.Max(64, _bytes.Length * 2)));
        }
    }
}
