using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>One header field, as slices of its message's text.</summary>
internal struct Http1Field
{
    public Slice Name;
    public Slice Value;
    public uint Hash;
    public ushort Repetitions;

    /// <summary>Came behind the last chunk.</summary>
    public bool IsTrailer;
}

/// <summary>The header fields of a message in order; a repeated field is joined into its first place with ", " (RFC 9110 §5.3).</summary>
/// <remarks>Keeps its arrays. Names are found by hash, then compared without case.</remarks>
internal sealed class Http1Fields
{
    private Http1Field[] _fields = new Http1Field[16];

    public ByteBuffer Text { get; } = new();

    public int Count { get; private set; }

    public ref readonly Http1Field this[int index] => ref _fields[index];

    public ReadOnlySpan<byte> Name(int index) => Text[_fields[index].Name];

    public ReadOnlySpan<byte> Value(int index) => Text[_fields[index].Value];

    /// <summary>The first field of that name; -1 without.</summary>
    public int IndexOf(ReadOnlySpan<byte> name) => IndexOf(name, Http1Text.Hash(name));

    private int IndexOf(ReadOnlySpan<byte> name, uint hash)
    {
        for (int i = 0; i < Count; i++)
        {
            if (_fields[i].Hash == hash && Http1Text.EqualsIgnoreCase(Name(i), name))
            {
                return i;
            }
        }

        return -1;
    }

    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        int index = IndexOf(name);
        value = index >= 0 ? Value(index) : default;
        return index >= 0;
    }

    /// <summary>Adds a field, or joins it to the one of the same name; true when it was a repetition.</summary>
    public bool Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, bool isTrailer, bool join)
    {
        uint hash = Http1Text.Hash(name);
        int existing = IndexOf(name, hash);
        if (existing >= 0)
        {
            ref Http1Field field = ref _fields[existing];
            field.Repetitions++;
            if (join && field.Repetitions <= Http1Limits.MaxRepetitions && Text.Length + field.Value.Length < Http1Limits.MaxHeadBytes)
            {
                Slice copy = Text.AppendCopy(field.Value);
                Text.Append(", "u8);
                Text.Append(value);
                field.Value = new Slice(copy.Start, Text.Length - copy.Start);
            }

            return true;
        }

        if (Count == _fields.Length)
        {
            ArrayCache<Http1Field>.Grow(ref _fields);
        }

        _fields[Count++] = new Http1Field
        {
            Name = Text.Append(name),
            Value = Text.Append(value),
            Hash = hash,
            IsTrailer = isTrailer,
        };
        return false;
    }

    public void Reset()
    {
        Count = 0;
        Text.Reset();
        ArrayCache<Http1Field>.Shrink(ref _fields, 64, 16);
    }
}
