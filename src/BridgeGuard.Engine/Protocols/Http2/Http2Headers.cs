using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>What an element of a header block is.</summary>
internal enum Http2HeaderKind : byte
{
    Field,
    SizeUpdate,

    /// <summary>Refers to index 0, which means nothing.</summary>
    IndexZero,

    /// <summary>Refers to an entry that the table does not have.</summary>
    NotIndexed,
}

/// <summary>An element of a header block: a field, a change of the table's size, or what could not be decoded.</summary>
internal struct Http2Header
{
    public Http2HeaderKind Kind;
    public Slice Name;
    public Slice Value;

    /// <summary>With <see cref="Http2HeaderKind.SizeUpdate"/>: bytes.</summary>
    public uint Size;
}

/// <summary>All header blocks of one direction of a stream, in order: promise, head, trailer.</summary>
internal sealed class Http2Headers
{
    private Http2Header[] _items = new Http2Header[16];

    public ByteBuffer Text { get; } = new();

    public int Count { get; private set; }

    /// <summary>A whole block was seen.</summary>
    public bool IsSeen { get; set; }

    public ref readonly Http2Header this[int index] => ref _items[index];

    public ReadOnlySpan<byte> Name(int index) => Text[_items[index].Name];

    public ReadOnlySpan<byte> Value(int index) => Text[_items[index].Value];

    public bool IsField(int index) => _items[index].Kind == Http2HeaderKind.Field;

    /// <summary>False when the limits leave no room: a small block can name large table entries many times over.</summary>
    public bool Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (Count >= Http2Limits.MaxHeaders || Text.Length + name.Length + value.Length > Http2Limits.MaxHeadBytes)
        {
            return false;
        }

        Next() = new Http2Header { Kind = Http2HeaderKind.Field, Name = Text.Append(name), Value = Text.Append(value) };
        return true;
    }

    public void AddSizeUpdate(uint bytes)
    {
        if (Count < Http2Limits.MaxHeaders)
        {
            Next() = new Http2Header { Kind = Http2HeaderKind.SizeUpdate, Size = bytes };
        }
    }

    public void AddError(Http2HeaderKind kind)
    {
        if (Count < Http2Limits.MaxHeaders)
        {
            Next() = new Http2Header { Kind = kind };
        }
    }

    /// <summary>The first field of that name from <paramref name="from"/> on; -1 without. Names are in lower case here (RFC 9113 §8.2.1).</summary>
    public int IndexOf(ReadOnlySpan<byte> name, int from = 0)
    {
        for (int i = from; i < Count; i++)
        {
            if (_items[i].Kind == Http2HeaderKind.Field && Name(i).SequenceEqual(name))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>As <see cref="TryGet"/>, without regard to case: fields carried over from HTTP/1 have any.</summary>
    public bool TryGetIgnoringCase(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_items[i].Kind == Http2HeaderKind.Field && _items[i].Name.Length == name.Length
                && System.Text.Ascii.EqualsIgnoreCase(Name(i), name))
            {
                value = Value(i);
                return true;
            }
        }

        value = default;
        return false;
    }

    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        int index = IndexOf(name);
        value = index >= 0 ? Value(index) : default;
        return index >= 0;
    }

    public void Reset()
    {
        Count = 0;
        IsSeen = false;
        Text.Reset();
        ArrayCache<Http2Header>.Shrink(ref _items, 128, 16);
    }

    private ref Http2Header Next()
    {
        if (Count == _items.Length)
        {
            ArrayCache<Http2Header>.Grow(ref _items);
        }

        return ref _items[Count++];
    }
}
