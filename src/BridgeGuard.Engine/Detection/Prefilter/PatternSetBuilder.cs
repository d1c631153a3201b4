using System.Runtime.InteropServices;

namespace BridgeGuard.Engine.Detection.Prefilter;

/// <summary>Collects patterns and compiles them into a <see cref="PatternSet"/>. Not for the packet path: it allocates.</summary>
/// <remarks>Thread: one. The builder may be used for several builds and forgets nothing in between.</remarks>
public sealed class PatternSetBuilder
{
    /// <summary>The longest pattern taken, in bytes: Suricata's limit for a content.</summary>
    public const int MaxPatternLength = 65535;

    private readonly Dictionary<PatternKey, int> _index = [];
    private readonly List<PatternKey> _patterns = [];
    private readonly List<List<int>> _ids = [];

    /// <summary>Distinct (pattern, case, placement) triples so far.</summary>
    public int Count => _patterns.Count;

    /// <summary>The largest id added so far, -1 when there is none: a <see cref="MatchSet"/> needs one more than this.</summary>
    public int MaxId { get; private set; } = -1;

    internal IReadOnlyList<PatternKey> Patterns => _patterns;

    internal IReadOnlyList<List<int>> Ids => _ids;

    /// <summary>Adds a pattern that reports <paramref name="id"/>.</summary>
    /// <remarks>
    /// Several patterns may share an id and several ids a pattern. A placement that no occurrence can satisfy is taken and
    /// never matches.
    /// </remarks>
    /// <param name="pattern">1 to <see cref="MaxPatternLength"/> bytes; copied.</param>
    /// <param name="ignoreCase">Whether ASCII letters match either case (<c>nocase</c>).</param>
    /// <param name="placement">Where it has to occur.</param>
    /// <param name="id">Zero or more; best dense, as it indexes a bitmap.</param>
    /// <returns>The ordinal of the distinct pattern inside this builder.</returns>
    public int Add(ReadOnlySpan<byte> pattern, bool ignoreCase, PatternPlacement placement, int id)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(id);
        ArgumentOutOfRangeException.ThrowIfZero(pattern.Length, nameof(pattern));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pattern.Length, MaxPatternLength, nameof(pattern));
        byte[] bytes = pattern.ToArray();
        bool hasLetters = false;
        foreach (ref byte value in bytes.AsSpan())
        {
            if (char.IsAsciiLetter((char)value))
            {
                hasLetters = true;
                value = ignoreCase ? (byte)(value | 0x20) : value;
            }
        }
        PatternPlacement normal = placement with { MinStart = Math.Max(0, placement.MinStart) };
        var key = new PatternKey(bytes, ignoreCase && hasLetters, normal);
        ref int ordinal = ref CollectionsMarshal.GetValueRefOrAddDefault(_index, key, out bool known);
        if (!known)
        {
            ordinal = _patterns.Count;
            _patterns.Add(key);
            _ids.Add([]);
        }
        List<int> ids = _ids[ordinal];
        if (ids.Count == 0 || ids[^1] != id) // Other repetitions are harmless: a MatchSet takes an id once.
        {
            ids.Add(id);
        }
        MaxId = Math.Max(MaxId, id);
        return ordinal;
    }

    /// <summary>Compiles what was added so far.</summary>
    /// <remarks>
    /// The managed engines take milliseconds; <see cref="PrefilterEngine.Hyperscan"/> takes seconds for thousands of patterns and
    /// throws <see cref="NotSupportedException"/> where the library is absent: build it in the background.
    /// </remarks>
    public PatternSet Build(PrefilterEngine choice) => choice switch
    {
        PrefilterEngine.Hyperscan => Interop.HyperscanPatternSet.Compile(this),
        _ => new ManagedPatternSet(this, choice),
    };

    /// <summary>A pattern as it is stored: lower case when case is ignored.</summary>
    internal readonly struct PatternKey(byte[] bytes, bool ignoreCase, PatternPlacement placement) : IEquatable<PatternKey>
    {
        public byte[] Bytes { get; } = bytes;

        public bool IgnoreCase { get; } = ignoreCase;

        public PatternPlacement Placement { get; } = placement;

        /// <summary>Whether the only allowed place is the buffer's first bytes.</summary>
        public bool IsAtStart => Placement.MinStart == 0 && Placement.MaxEnd == Bytes.Length;

        /// <summary>Whether no buffer can ever satisfy the placement.</summary>
        public bool IsImpossible => (long)Placement.MinStart + Bytes.Length > Placement.MaxEnd;

        public bool Equals(PatternKey other) =>
            IgnoreCase == other.IgnoreCase && Placement == other.Placement && Bytes.AsSpan().SequenceEqual(other.Bytes);

        public override bool Equals(object? obj) => obj is PatternKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.AddBytes(Bytes);
            hash.Add(IgnoreCase);
            hash.Add(Placement);
            return hash.ToHashCode();
        }
    }
}
