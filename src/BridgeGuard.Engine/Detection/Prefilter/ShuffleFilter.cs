using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Which instructions a <see cref="ShuffleFilter"/> uses.</summary>
internal enum ShuffleVariant : byte
{
    None,
    Vector128,
    Vector256,
}

/// <summary>Finds a few dozen patterns by looking at 16 or 32 places at once.</summary>
/// <remarks>
/// The patterns are dealt into eight buckets, one bit each. For each of the first bytes of a window there are two tables of 16
/// entries, by the byte's low and by its high four bits: which buckets have a pattern with such a byte here. A table look-up in
/// a vector register (a shuffle) answers for every place at once; what survives the AND over all bytes of the window is a place
/// and a bucket to compare. With many patterns the tables fill up and everything survives, so there is a limit. (The idea is
/// known as Teddy, from Hyperscan's literature and the aho-corasick crate's notes.) Thread: any; immutable.
/// </remarks>
internal sealed partial class ShuffleFilter : BodyFilter
{
    /// <summary>Bytes of a pattern that are looked at in vectors.</summary>
    public const int MaxWidth = 4;

    private const int Buckets = 8;

    // How many patterns a filter takes before most places survive, and how many filters together still beat the hash filter
    // (PrefilterBenchmarks: a filter costs about 0.15 ns a byte; the hash filter 1.4 for two and three bytes, 0.8 for four to seven,
    // 0.4 for eight and more).
    private static readonly (int PerFilter, int MaxFilters) MaxWidth2 = (12, 6);
    private static readonly (int PerFilter, int MaxFilters) MaxWidth3 = (24, 6);
    private static readonly (int PerFilter, int MaxFilters) MaxWidth4 = (48, 4);
    private static readonly (int PerFilter, int MaxFilters) MaxLong = (48, 2);

    private readonly PatternTable _table;
    private readonly ShuffleVariant _variant;
    private readonly int _width;

    /// <summary>Per byte of the window: 16 entries by low bits, then 16 by high bits.</summary>
    private readonly byte[] _tables;
    private readonly int[] _bucketStart;
    private readonly Slot[] _slots;

    private ShuffleFilter(PatternTable table, List<int> patterns, Slot[] slots, int width, ShuffleVariant variant)
        : base(table, patterns)
    {
        _table = table;
        _variant = variant;
        _width = width;
        _bucketStart = new int[Buckets + 1];
        _tables = new byte[32 * width];
        _slots = slots;
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            _bucketStart[bucket + 1] = _slots.Length * (bucket + 1) / Buckets;
            for (int i = _bucketStart[bucket]; i < _bucketStart[bucket + 1]; i++)
            {
                Enter(_slots[i], (byte)(1 << bucket));
            }
        }
    }

    public ShuffleFilter(PatternTable table, ImageReader image)
        : base(image)
    {
        _table = table;
        _variant = image.Value<ShuffleVariant>();
        _width = image.Int();
        _tables = image.Array<byte>();
        _bucketStart = image.Array<int>();
        _slots = image.Array<Slot>();
    }

    public override string Outline => $"shuffle of {_width} bytes for {_slots.Length}{Limit}";

    public override long MemoryBytes => _tables.Length + (_slots.Length * (long)Unsafe.SizeOf<Slot>());

    public override void Write(ImageWriter image)
    {
        base.Write(image);
        image.Value(_variant);
        image.Int(_width);
        image.Array<byte>(_tables);
        image.Array<int>(_bucketStart);
        image.Array<Slot>(_slots);
    }

    /// <summary>Filters for these patterns; none when they are so many that the hash filter is faster.</summary>
    /// <param name="table">The patterns.</param>
    /// <param name="patterns">Those to find.</param>
    /// <param name="minLength">None is shorter.</param>
    /// <param name="variant">Which instructions.</param>
    public static List<ShuffleFilter> Build(PatternTable table, List<int> patterns, int minLength, ShuffleVariant variant)
    {
        var filters = new List<ShuffleFilter>();
        (int perFilter, int maxFilters) = minLength switch
        {
            2 => MaxWidth2,
            3 => MaxWidth3,
            < 8 => MaxWidth4,
            _ => MaxLong,
        };
        if (patterns.Count > perFilter * maxFilters)
        {
            return filters;
        }
        int width = Math.Min(minLength, MaxWidth);
        Slot[] slots = MakeSlots(table, patterns, width);
        // Similar windows into the same filter and bucket: they share table entries.
        Array.Sort(slots, (a, b) => a.Value.CompareTo(b.Value));
        int count = (slots.Length + perFilter - 1) / perFilter;
        for (int i = 0; i < count; i++)
        {
            Slot[] part = slots[(slots.Length * i / count)..(slots.Length * (i + 1) / count)];
            var members = new List<int>(Array.ConvertAll(part, slot => slot.Pattern)); // A spread would call LINQ.
            filters.Add(new ShuffleFilter(table, members, part, width, variant));
        }
        return filters;
    }

    public static ShuffleVariant Choose(PrefilterEngine engine) => engine switch
    {
        PrefilterEngine.ManagedVector128 => Vector128.IsHardwareAccelerated ? ShuffleVariant.Vector128 : ShuffleVariant.None,
        PrefilterEngine.ManagedVector256 or PrefilterEngine.Managed =>
            Avx2.IsSupported ? ShuffleVariant.Vector256 : Vector128.IsHardwareAccelerated ? ShuffleVariant.Vector128 : ShuffleVariant.None,
        _ => ShuffleVariant.None,
    };

    protected override void ScanPart(in ScanInput input, int position, int end)
    {
        int rest = ScanVectors(input, position, end);
        ScanScalar(input, rest, end);
    }

    private void ScanScalar(in ScanInput input, int position, int end)
    {
        ReadOnlySpan<byte> buffer = input.Buffer;
        for (; position <= end - _width; position++)
        {
            int buckets = 0xFF;
            for (int j = 0; j < _width; j++)
            {
                byte value = buffer[position + j];
                buckets &= _tables[(32 * j) + (value & 15)] & _tables[(32 * j) + 16 + (value >> 4)];
            }
            if (buckets != 0)
            {
                Check(input, position, buckets);
            }
        }
    }

    /// <summary>Compares the patterns of the buckets whose bits are set.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Check(in ScanInput input, int position, int buckets)
    {
        uint text = (uint)FoldedHash.Load(input.Buffer, position);
        for (; buckets != 0; buckets &= buckets - 1)
        {
            int bucket = System.Numerics.BitOperations.TrailingZeroCount(buckets);
            for (int i = _bucketStart[bucket]; i < _bucketStart[bucket + 1]; i++)
            {
                ref readonly Slot slot = ref _slots[i];
                if (((text & slot.UsedMask) | slot.CaseMask) == slot.Value)
                {
                    _table.TryMatch(slot.Pattern, position - slot.Offset, input);
                }
            }
        }
    }

    private static Slot[] MakeSlots(PatternTable table, List<int> patterns, int width)
    {
        int[] places = WindowChooser.Choose(table, patterns, width, stride: 1);
        uint used = width == MaxWidth ? uint.MaxValue : (1u << (8 * width)) - 1;
        var slots = new Slot[patterns.Count];
        for (int i = 0; i < slots.Length; i++)
        {
            ReadOnlySpan<byte> bytes = table.BytesOf(patterns[i]);
            uint mask = 0;
            for (int j = 0; table[patterns[i]].IgnoreCase && j < width; j++)
            {
                mask |= char.IsAsciiLetter((char)bytes[places[i] + j]) ? 0x20u << (8 * j) : 0;
            }
            slots[i] = new Slot
            {
                Value = (uint)FoldedHash.Load(bytes, places[i]) & used,
                CaseMask = mask,
                UsedMask = used,
                Pattern = patterns[i],
                Offset = places[i],
            };
        }
        return slots;
    }

    private void Enter(in Slot slot, byte bit)
    {
        for (int j = 0; j < _width; j++)
        {
            byte value = (byte)(slot.Value >> (8 * j));
            bool bothCases = (slot.CaseMask >> (8 * j) & 0x20) != 0;
            _tables[(32 * j) + (value & 15)] |= bit;
            _tables[(32 * j) + 16 + (value >> 4)] |= bit;
            if (bothCases)
            {
                _tables[(32 * j) + 16 + ((value & ~0x20) >> 4)] |= bit; // The other case has the same low bits.
            }
        }
    }

    /// <summary>A pattern's window: its bytes (letters in lower case if case is ignored), and where in the pattern it lies.</summary>
    private struct Slot
    {
        public uint Value;
        public uint CaseMask;
        public uint UsedMask;
        public int Pattern;
        public int Offset;
    }
}
