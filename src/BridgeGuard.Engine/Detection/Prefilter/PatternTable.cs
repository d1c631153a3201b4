using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>The patterns themselves, in flat arrays, and the exact comparison that every engine ends with.</summary>
/// <remarks>
/// A pattern that ignores case is stored in lower case with a mask that holds 0x20 under each letter: <c>(byte | mask) ==
/// pattern</c> is then exact, because <c>x | 0x20 == 'a'</c> only for 'a' and 'A'. Thread: any; immutable.
/// </remarks>
internal sealed class PatternTable
{
    private readonly byte[] _bytes;
    private readonly byte[] _masks;
    private readonly int[] _ids;
    private readonly Entry[] _entries;

    public PatternTable(PatternSetBuilder builder)
    {
        int byteCount = 0;
        int idCount = 0;
        for (int i = 0; i < builder.Count; i++)
        {
            byteCount += builder.Patterns[i].Bytes.Length;
            idCount += builder.Ids[i].Count;
        }
        _bytes = new byte[byteCount];
        _masks = new byte[byteCount];
        _ids = new int[idCount];
        _entries = new Entry[builder.Count];
        int byteEnd = 0;
        int idEnd = 0;
        for (int i = 0; i < _entries.Length; i++)
        {
            PatternSetBuilder.PatternKey key = builder.Patterns[i];
            key.Bytes.CopyTo(_bytes, byteEnd);
            for (int j = 0; key.IgnoreCase && j < key.Bytes.Length; j++)
            {
                _masks[byteEnd + j] = char.IsAsciiLetter((char)key.Bytes[j]) ? (byte)0x20 : (byte)0;
            }
            builder.Ids[i].CopyTo(_ids, idEnd);
            _entries[i] = new Entry
            {
                Offset = byteEnd,
                Length = key.Bytes.Length,
                Placement = key.Placement,
                IgnoreCase = key.IgnoreCase,
                FirstId = idEnd,
                IdCount = builder.Ids[i].Count,
            };
            MaxLength = Math.Max(MaxLength, key.Bytes.Length);
            byteEnd += key.Bytes.Length;
            idEnd += builder.Ids[i].Count;
        }
    }

    public PatternTable(ImageReader image)
    {
        _bytes = image.Array<byte>();
        _masks = image.Array<byte>();
        _ids = image.Array<int>();
        _entries = image.Array<Entry>();
        MaxLength = image.Int();
    }

    public int Count => _entries.Length;

    public int MaxLength { get; }

    public long MemoryBytes =>
        _bytes.Length + _masks.Length + (_ids.Length * sizeof(int)) + (_entries.Length * (long)Marshal.SizeOf<Entry>());

    public void Write(ImageWriter image)
    {
        image.Array<byte>(_bytes);
        image.Array<byte>(_masks);
        image.Array<int>(_ids);
        image.Array<Entry>(_entries);
        image.Int(MaxLength);
    }

    public ReadOnlySpan<byte> BytesOf(int pattern) => _bytes.AsSpan(_entries[pattern].Offset, _entries[pattern].Length);

    public ReadOnlySpan<int> IdsOf(int pattern) => _ids.AsSpan(_entries[pattern].FirstId, _entries[pattern].IdCount);

    public ref readonly Entry this[int pattern] => ref _entries[pattern];

    /// <summary>Compares a pattern at a place that a filter proposed, and adds its ids when it is there.</summary>
    /// <param name="pattern">Which pattern.</param>
    /// <param name="start">Where its first byte would be; may lie outside the buffer, then it is no match.</param>
    /// <param name="input">The scan.</param>
    public void TryMatch(int pattern, int start, in ScanInput input)
    {
        ref readonly Entry entry = ref _entries[pattern];
        if (entry.IdCount == 1 && input.Matches.Contains(_ids[entry.FirstId]))
        {
            return; // Short patterns occur again and again; once is enough.
        }
        int length = entry.Length;
        ReadOnlySpan<byte> buffer = input.Buffer;
        if (start < 0 || start > buffer.Length - length)
        {
            return;
        }
        if (!entry.Placement.Allows(start + input.Offset, length, input.IsLast && start + length == buffer.Length))
        {
            return;
        }
        ReadOnlySpan<byte> text = buffer.Slice(start, length);
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(entry.Offset, length);
        if (entry.IgnoreCase ? EqualsMasked(text, bytes, _masks.AsSpan(entry.Offset, length)) : text.SequenceEqual(bytes))
        {
            Report(entry, input.Matches);
        }
    }

    /// <summary>Adds the ids of a pattern that is known to occur.</summary>
    public void Report(int pattern, MatchSet matches) => Report(_entries[pattern], matches);

    private void Report(in Entry entry, MatchSet matches)
    {
        foreach (int id in _ids.AsSpan(entry.FirstId, entry.IdCount))
        {
            matches.Add(id);
        }
    }

    private static bool EqualsMasked(ReadOnlySpan<byte> text, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> masks)
    {
        int i = 0;
        for (; i <= text.Length - sizeof(ulong); i += sizeof(ulong))
        {
            ulong value = BinaryPrimitives.ReadUInt64LittleEndian(text[i..]) | BinaryPrimitives.ReadUInt64LittleEndian(masks[i..]);
            if (value != BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]))
            {
                return false;
            }
        }
        for (; i < text.Length; i++)
        {
            if ((text[i] | masks[i]) != bytes[i])
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>One pattern: its slice of the byte arrays, its slice of the ids, its placement.</summary>
    internal struct Entry
    {
        public int Offset;
        public int Length;
        public int FirstId;
        public int IdCount;
        public PatternPlacement Placement;
        public bool IgnoreCase;
    }
}

/// <summary>What one scan looks at: borrowed for the call.</summary>
internal readonly ref struct ScanInput
{
    public required ReadOnlySpan<byte> Buffer { get; init; }

    /// <summary>Where <see cref="Buffer"/> begins in the longer buffer that placements are measured in.</summary>
    public required long Offset { get; init; }

    /// <summary>Whether the longer buffer ends where <see cref="Buffer"/> does.</summary>
    public required bool IsLast { get; init; }

    public required MatchSet Matches { get; init; }
}
