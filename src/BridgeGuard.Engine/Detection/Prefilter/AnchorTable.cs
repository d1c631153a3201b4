using System.Numerics;
using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Patterns that can only be the first or only the last bytes of a buffer: a few hash look-ups, whatever their number.</summary>
/// <remarks>
/// Each pattern is filed under the hash of its outermost bytes, as many as the longest tier that it fills. A scan hashes the
/// buffer's outermost bytes once, tier by tier. Tiers reach to 48 bytes so that thousands of names under one domain do not
/// share a hash. Thread: any; immutable.
/// </remarks>
internal sealed class AnchorTable
{
    private readonly PatternTable _table;
    private readonly bool _fromEnd;
    private readonly Tier[] _tiers;

    public AnchorTable(PatternTable table, List<int> patterns, bool fromEnd)
    {
        _table = table;
        _fromEnd = fromEnd;
        Count = patterns.Count;
        var byTier = new List<int>[TierWidths.Length];
        foreach (int pattern in patterns)
        {
            int tier = TierWidths.Length - 1;
            while (TierWidths[tier] > table[pattern].Length)
            {
                tier--;
            }
            (byTier[tier] ??= []).Add(pattern);
        }
        var tiers = new List<Tier>();
        for (int i = 0; i < byTier.Length; i++)
        {
            if (byTier[i] is { } members)
            {
                tiers.Add(new Tier(table, members, TierWidths[i], fromEnd));
            }
        }
        _tiers = [.. tiers];
    }

    public AnchorTable(PatternTable table, ImageReader image)
    {
        _table = table;
        _fromEnd = image.Bool();
        Count = image.Int();
        _tiers = new Tier[image.Count()];
        for (int i = 0; i < _tiers.Length; i++)
        {
            _tiers[i] = new Tier(image.Int(), image.Array<Slot>());
        }
    }

    public int Count { get; }

    public long MemoryBytes
    {
        get
        {
            long sum = 0;
            foreach (Tier tier in _tiers)
            {
                sum += tier.Slots.Length * (long)(sizeof(uint) + sizeof(int));
            }
            return sum;
        }
    }

    /// <summary>Bytes hashed per tier.</summary>
    private static ReadOnlySpan<byte> TierWidths => [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];

    public void Write(ImageWriter image)
    {
        image.Bool(_fromEnd);
        image.Int(Count);
        image.Int(_tiers.Length);
        foreach (Tier tier in _tiers)
        {
            image.Int(tier.Width);
            image.Array<Slot>(tier.Slots);
        }
    }

    public void Scan(in ScanInput input)
    {
        ReadOnlySpan<byte> buffer = input.Buffer;
        var hasher = new EdgeHasher(buffer, _fromEnd);
        foreach (Tier tier in _tiers)
        {
            if (tier.Width > buffer.Length)
            {
                return; // Tiers ascend.
            }
            uint hash = hasher.HashOf(tier.Width);
            Slot[] slots = tier.Slots;
            int index = (int)hash & (slots.Length - 1);
            for (Slot slot = slots[index]; slot.Pattern >= 0; slot = slots[index])
            {
                if (slot.Hash == hash)
                {
                    _table.TryMatch(slot.Pattern, _fromEnd ? buffer.Length - _table[slot.Pattern].Length : 0, input);
                }
                index = (index + 1) & (slots.Length - 1);
            }
        }
    }

    /// <summary>One entry; the pattern is -1 in a free one.</summary>
    private readonly record struct Slot(uint Hash, int Pattern);

    /// <summary>One open-addressing table; at most half full, so a probe always meets a free slot.</summary>
    private sealed class Tier
    {
        public Tier(PatternTable table, List<int> members, int width, bool fromEnd)
        {
            Width = width;
            Slots = new Slot[(int)BitOperations.RoundUpToPowerOf2((uint)members.Count * 2)];
            Slots.AsSpan().Fill(new Slot(0, -1));
            foreach (int pattern in members)
            {
                uint hash = new EdgeHasher(table.BytesOf(pattern), fromEnd).HashOf(width);
                int index = (int)hash & (Slots.Length - 1);
                while (Slots[index].Pattern >= 0)
                {
                    index = (index + 1) & (Slots.Length - 1);
                }
                Slots[index] = new Slot(hash, pattern);
            }
        }

        public Tier(int width, Slot[] slots)
        {
            Width = width;
            Slots = slots;
        }

        public int Width { get; }

        public Slot[] Slots { get; }
    }
}
