using System.Numerics;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Patterns that can only be the first or only the last bytes of a buffer: a few hash look-ups, whatever their number.</summary>
/// <remarks>
/// Each pattern is filed under the hash of its outermost bytes, as many as the longest tier that it fills. A scan hashes the
/// buffer's outermost bytes once per tier in use. Tiers reach to 48 bytes so that thousands of names under one domain do not
/// share a hash. Thread: any; immutable.
/// </remarks>
internal sealed class AnchorTable
{
    /// <summary>Bytes hashed per tier. Measured on Emerging Threats' DNS names: at most three patterns share a hash.</summary>
    private static ReadOnlySpan<byte> TierWidths => [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48];

    private readonly PatternTable _table;
    private readonly bool _fromEnd;
    private readonly Tier[] _tiers;

    public AnchorTable(PatternTable table, List<int> patterns, bool fromEnd)
    {
        _table = table;
        _fromEnd = fromEnd;
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

    public long MemoryBytes
    {
        get
        {
            long sum = 0;
            foreach (Tier tier in _tiers)
            {
                sum += tier.MemoryBytes;
            }
            return sum;
        }
    }

    public void Scan(in ScanInput input)
    {
        ReadOnlySpan<byte> buffer = input.Buffer;
        foreach (Tier tier in _tiers)
        {
            if (tier.Width > buffer.Length)
            {
                return; // Tiers ascend.
            }
            uint hash = FoldedHash.Of(_fromEnd ? buffer[^tier.Width..] : buffer[..tier.Width]);
            int mask = tier.Hashes.Length - 1;
            for (int slot = (int)hash & mask; tier.Patterns[slot] >= 0; slot = (slot + 1) & mask)
            {
                if (tier.Hashes[slot] == hash)
                {
                    int pattern = tier.Patterns[slot];
                    _table.TryMatch(pattern, _fromEnd ? buffer.Length - _table[pattern].Length : 0, input);
                }
            }
        }
    }

    /// <summary>One open-addressing table; at most half full, so a probe always meets a free slot.</summary>
    private sealed class Tier
    {
        public Tier(PatternTable table, List<int> members, int width, bool fromEnd)
        {
            Width = width;
            int size = (int)BitOperations.RoundUpToPowerOf2((uint)members.Count * 2);
            Hashes = new uint[size];
            Patterns = new int[size];
            Patterns.AsSpan().Fill(-1);
            foreach (int pattern in members)
            {
                ReadOnlySpan<byte> bytes = table.BytesOf(pattern);
                uint hash = FoldedHash.Of(fromEnd ? bytes[^width..] : bytes[..width]);
                int slot = (int)hash & (size - 1);
                while (Patterns[slot] >= 0)
                {
                    slot = (slot + 1) & (size - 1);
                }
                Hashes[slot] = hash;
                Patterns[slot] = pattern;
            }
        }

        public int Width { get; }

        public uint[] Hashes { get; }

        /// <summary>The pattern in each slot, -1 for a free one.</summary>
        public int[] Patterns { get; }

        public long MemoryBytes => Hashes.Length * (long)(sizeof(uint) + sizeof(int));
    }
}
