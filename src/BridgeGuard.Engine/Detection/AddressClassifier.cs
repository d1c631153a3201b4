using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Detection;

/// <summary>Tells of an address which of all address expressions of a rule set contain it, by one binary search.</summary>
/// <remarks>
/// The expressions cut the address space into intervals; intervals inside the same expressions share a class. Expression 0 is "any" and
/// is in every class. Immutable; shared by workers; no allocation in <see cref="Classify"/>.
/// </remarks>
internal sealed class AddressClassifier
{
    private readonly uint[] _v4Starts;
    private readonly ushort[] _v4Classes;
    private readonly UInt128[] _v6Starts;
    private readonly ushort[] _v6Classes;
    private readonly ulong[] _members;
    private readonly int _words;

    private AddressClassifier(
        uint[] v4Starts, ushort[] v4Classes, UInt128[] v6Starts, ushort[] v6Classes, ulong[] members, int words)
    {
        _v4Starts = v4Starts;
        _v4Classes = v4Classes;
        _v6Starts = v6Starts;
        _v6Classes = v6Classes;
        _members = members;
        _words = words;
    }

    public AddressClassifier(ImageReader image)
    {
        _v4Starts = image.Array<uint>();
        _v4Classes = image.Array<ushort>();
        _v6Starts = image.Array<UInt128>();
        _v6Classes = image.Array<ushort>();
        _members = image.Array<ulong>();
        _words = image.Int();
    }

    public void Write(ImageWriter image)
    {
        image.Array<uint>(_v4Starts);
        image.Array<ushort>(_v4Classes);
        image.Array<UInt128>(_v6Starts);
        image.Array<ushort>(_v6Classes);
        image.Array<ulong>(_members);
        image.Int(_words);
    }

    public int ClassCount => _members.Length / _words;

    public int Classify(IpAddress address, byte ipVersion)
    {
        if (ipVersion == 6)
        {
            return _v6Classes[Find(_v6Starts, new UInt128(address.High, address.Low))];
        }

        return _v4Classes[Find(_v4Starts, address.V4)];
    }

    /// <summary>Whether addresses of a class are in an expression.</summary>
    public bool Contains(int addressClass, int expression) =>
        expression == 0 || (_members[(addressClass * _words) + (expression >> 6)] & (1UL << (expression & 63))) != 0;

    /// <summary>Builds the classifier; element i of <paramref name="expressions"/> is expression i + 1.</summary>
    public static AddressClassifier Build(IReadOnlyList<AddressRanges> expressions)
    {
        int words = ((expressions.Count + 1) + 63) >> 6;
        var classes = new ClassTable(words);
        var v4 = new List<(UInt128 Position, int Expression, bool IsStart)>();
        var v6 = new List<(UInt128 Position, int Expression, bool IsStart)>();
        for (int i = 0; i < expressions.Count; i++)
        {
            AddEvents(v4, expressions[i].V4, i + 1, uint.MaxValue);
            AddEvents(v6, expressions[i].V6, i + 1, UInt128.MaxValue);
        }

        (UInt128[] v4Starts, ushort[] v4Classes) = Sweep(v4, classes);
        (UInt128[] v6Starts, ushort[] v6Classes) = Sweep(v6, classes);
        return new AddressClassifier(
            Array.ConvertAll(v4Starts, start => (uint)start), v4Classes, v6Starts, v6Classes, classes.Members(), words);
    }

    private static int Find<T>(T[] starts, T value)
        where T : struct, IComparable<T>
    {
        int low = 0;
        int high = starts.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) >> 1;
            if (starts[middle].CompareTo(value) <= 0)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    private static void AddEvents(
        List<(UInt128 Position, int Expression, bool IsStart)> events, IReadOnlyList<(UInt128 First, UInt128 Last)> ranges, int expression, UInt128 top)
    {
        foreach ((UInt128 first, UInt128 last) in ranges)
        {
            events.Add((first, expression, true));
            if (last != top)
            {
                events.Add((last + 1, expression, false));
            }
        }
    }

    private static (UInt128[] Starts, ushort[] Classes) Sweep(
        List<(UInt128 Position, int Expression, bool IsStart)> events, ClassTable classes)
    {
        events.Sort((left, right) => left.Position.CompareTo(right.Position));
        var starts = new List<UInt128> { 0 };
        var numbers = new List<ushort>();
        ulong[] current = classes.NewSet();
        int i = 0;
        while (i < events.Count && events[i].Position == 0)
        {
            classes.Apply(current, events[i].Expression, events[i].IsStart);
            i++;
        }

        numbers.Add(classes.Intern(current));
        while (i < events.Count)
        {
            UInt128 position = events[i].Position;
            while (i < events.Count && events[i].Position == position)
            {
                classes.Apply(current, events[i].Expression, events[i].IsStart);
                i++;
            }

            ushort number = classes.Intern(current);
            if (number != numbers[^1])
            {
                starts.Add(position);
                numbers.Add(number);
            }
        }

        return (starts.ToArray(), numbers.ToArray());
    }

    /// <summary>Distinct membership sets, numbered.</summary>
    private sealed class ClassTable(int words)
    {
        private readonly Dictionary<string, ushort> _numbers = [];
        private readonly List<ulong[]> _sets = [];
        private readonly byte[] _bytes = new byte[words * 8];

        public ulong[] NewSet()
        {
            var set = new ulong[words];
            set[0] = 1;
            return set;
        }

        /// <summary>An expression's ranges are disjoint, so that a start and an end toggle its bit.</summary>
        public void Apply(ulong[] set, int expression, bool isStart)
        {
            ulong bit = 1UL << (expression & 63);
            set[expression >> 6] = isStart ? set[expression >> 6] | bit : set[expression >> 6] & ~bit;
        }

        public ushort Intern(ulong[] set)
        {
            Buffer.BlockCopy(set, 0, _bytes, 0, _bytes.Length);
            string key = System.Text.Encoding.Latin1.GetString(_bytes);
            if (!_numbers.TryGetValue(key, out ushort number))
            {
                number = checked((ushort)_sets.Count);
                _numbers.Add(key, number);
                _sets.Add((ulong[])set.Clone());
            }

            return number;
        }

        public ulong[] Members()
        {
            var all = new ulong[_sets.Count * words];
            for (int i = 0; i < _sets.Count; i++)
            {
                _sets[i].CopyTo(all, i * words);
            }

            return all;
        }
    }
}

/// <summary>An address expression as sorted, disjoint, non-adjacent ranges, IPv4 and IPv6 apart. Not for the packet path.</summary>
internal sealed class AddressRanges(IReadOnlyList<(UInt128 First, UInt128 Last)> v4, IReadOnlyList<(UInt128 First, UInt128 Last)> v6)
{
    public IReadOnlyList<(UInt128 First, UInt128 Last)> V4 { get; } = v4;

    public IReadOnlyList<(UInt128 First, UInt128 Last)> V6 { get; } = v6;
}
