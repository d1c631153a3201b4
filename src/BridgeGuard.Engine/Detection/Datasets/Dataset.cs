using System.Collections.Concurrent;

namespace BridgeGuard.Engine.Detection.Datasets;

/// <summary>What a dataset holds.</summary>
public enum DatasetType : byte
{
    /// <summary>Any bytes.</summary>
    String,

    /// <summary>16 bytes, as <c>to_md5</c> makes them.</summary>
    Md5,

    /// <summary>32 bytes, as <c>to_sha256</c> makes them.</summary>
    Sha256,

    /// <summary>4 bytes, network order.</summary>
    Ipv4,

    /// <summary>16 bytes, network order; IPv4 as ::ffff:a.b.c.d.</summary>
    Ip,
}

/// <summary>A named set of values that rules test and change (<c>dataset</c>, <c>datarep</c>).</summary>
/// <remarks>
/// Shared by all workers and kept over reloads: the one thing in detection that several threads write. Look-ups take no lock and allocate
/// nothing; adding allocates the value. Bounded by <see cref="MaxBytes"/> and <see cref="MaxValueBytes"/>.
/// </remarks>
public sealed class Dataset
{
    /// <summary>Longest value taken; longer ones are never in the set.</summary>
    public const int MaxValueBytes = 64 << 10;

    /// <summary>Bookkeeping per value that is charged to the cap besides its bytes.</summary>
    private const int OverheadBytes = 64;

    private readonly ConcurrentDictionary<byte[], DatasetValue> _values = new(ByteComparer.Instance);
    private readonly ConcurrentDictionary<byte[], DatasetValue>.AlternateLookup<ReadOnlySpan<byte>> _lookup;
    private long _bytes;
    private long _refused;

    public Dataset(string name, DatasetType type, long maxBytes)
    {
        Name = name;
        Type = type;
        MaxBytes = maxBytes;
        _lookup = _values.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public string Name { get; }

    public DatasetType Type { get; }

    /// <summary>What all values together may take (<c>memcap</c>); 0: no cap.</summary>
    public long MaxBytes { get; }

    /// <summary>Where the values are written at the end, null: nowhere.</summary>
    public string? SavePath { get; internal set; }

    public int Count => _values.Count;

    /// <summary>Values not taken because of the cap.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    public IEnumerable<KeyValuePair<byte[], DatasetValue>> Values => _values;

    public bool TryGet(ReadOnlySpan<byte> value, out DatasetValue found)
    {
        Span<byte> mapped = stackalloc byte[16];
        return _lookup.TryGetValue(Normalize(value, mapped), out found);
    }

    /// <summary>The value, or the longest of its ends that begins with a dot and is in the set: <c>.www.evil.test</c> is under <c>.evil.test</c>.</summary>
    public bool TryGetUnder(ReadOnlySpan<byte> value, out DatasetValue found)
    {
        if (value.Length > MaxValueBytes)
        {
            found = default;
            return false;
        }

        ReadOnlySpan<byte> rest = value;
        while (!TryGet(rest, out found))
        {
            int dot = rest.Length > 1 ? rest[1..].IndexOf((byte)'.') : -1;
            if (dot < 0)
            {
                return false;
            }

            rest = rest[(1 + dot)..];
        }

        return true;
    }

    /// <summary>True when the value is new.</summary>
    public bool Add(ReadOnlySpan<byte> value, DatasetValue data = default)
    {
        Span<byte> mapped = stackalloc byte[16];
        scoped ReadOnlySpan<byte> key = Normalize(value, mapped);
        if (key.Length > MaxValueBytes || key.IsEmpty || !HasRightLength(key.Length))
        {
            return false;
        }

        long cost = key.Length + OverheadBytes;
        if (MaxBytes > 0 && Interlocked.Read(ref _bytes) + cost > MaxBytes)
        {
            Interlocked.Increment(ref _refused);
            return false;
        }

        if (!_lookup.TryAdd(key, data))
        {
            return false;
        }

        Interlocked.Add(ref _bytes, cost);
        return true;
    }

    /// <summary>True when the value was there.</summary>
    public bool Remove(ReadOnlySpan<byte> value)
    {
        Span<byte> mapped = stackalloc byte[16];
        scoped ReadOnlySpan<byte> key = Normalize(value, mapped);
        if (!_lookup.TryRemove(key, out _, out _))
        {
            return false;
        }

        Interlocked.Add(ref _bytes, -(key.Length + OverheadBytes));
        return true;
    }

    /// <summary>IPv4 addresses of a general address set are kept mapped.</summary>
    private ReadOnlySpan<byte> Normalize(ReadOnlySpan<byte> value, Span<byte> mapped)
    {
        if (Type != DatasetType.Ip || value.Length != 4)
        {
            return value;
        }

        mapped.Clear();
        mapped[10] = mapped[11] = 0xff;
        value.CopyTo(mapped[12..]);
        return mapped;
    }

    private bool HasRightLength(int length) => Type switch
    {
        DatasetType.Md5 or DatasetType.Ip => length == 16,
        DatasetType.Sha256 => length == 32,
        DatasetType.Ipv4 => length == 4,
        _ => true,
    };

    private sealed class ByteComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static readonly ByteComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            // Seeded per process, as values come from the network.
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}

/// <summary>What belongs to a value of a dataset.</summary>
/// <param name="Reputation">For <c>datarep</c>.</param>
/// <param name="Context">UTF-8 JSON <c>"key":{…}</c> for EVE <c>alert.context</c>; null without.</param>
public readonly record struct DatasetValue(ushort Reputation, byte[]? Context = null);

internal enum DatasetCommand : byte
{
    IsSet,
    IsNotSet,
    Set,
    Unset,

    /// <summary><c>datarep</c>: the value's reputation passes the test.</summary>
    Reputation,
}

/// <summary>A rule's use of a dataset.</summary>
internal sealed class DatasetOp
{
    public required Dataset Set { get; init; }

    public required DatasetCommand Command { get; init; }

    public Matchers.IntegerRange Test { get; init; }

    /// <summary>A value also counts when it is under one of the set (<c>match subdomain</c>).</summary>
    public bool MatchesSubdomains { get; init; }

    /// <summary>Does what the rule says; <paramref name="context"/> is what an alert should carry.</summary>
    public bool Run(ReadOnlySpan<byte> value, out byte[]? context)
    {
        context = null;
        switch (Command)
        {
            case DatasetCommand.Set:
                return Set.Add(value);
            case DatasetCommand.Unset:
                return Set.Remove(value);
            case DatasetCommand.IsNotSet:
                return !Find(value, out _);
            default:
                if (!Find(value, out DatasetValue found))
                {
                    return false;
                }

                context = found.Context;
                return Command == DatasetCommand.IsSet || Test.Matches(found.Reputation);
        }
    }

    private bool Find(ReadOnlySpan<byte> value, out DatasetValue found) =>
        MatchesSubdomains ? Set.TryGetUnder(value, out found) : Set.TryGet(value, out found);
}
