using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Engine.Detection;

/// <summary>Tells of a port which of all port expressions of a rule set contain it, by one look-up.</summary>
/// <remarks>Expression 0 is "any". Immutable; shared by workers.</remarks>
internal sealed class PortClassifier
{
    private readonly ushort[] _classes;
    private readonly ulong[] _members;
    private readonly int _words;

    private PortClassifier(ushort[] classes, ulong[] members, int words)
    {
        _classes = classes;
        _members = members;
        _words = words;
    }

    public PortClassifier(ImageReader image)
    {
        _classes = image.Array<ushort>();
        _members = image.Array<ulong>();
        _words = image.Int();
    }

    public void Write(ImageWriter image)
    {
        image.Array<ushort>(_classes);
        image.Array<ulong>(_members);
        image.Int(_words);
    }

    /// <summary>The class of packets without ports: in no expression but "any".</summary>
    public int NoPorts => 0;

    public int Classify(ushort port) => _classes[port];

    public bool Contains(int portClass, int expression) =>
        expression == 0 || (_members[(portClass * _words) + (expression >> 6)] & (1UL << (expression & 63))) != 0;

    /// <summary>Builds the classifier; element i is expression i + 1 as disjoint inclusive ranges.</summary>
    public static PortClassifier Build(IReadOnlyList<IReadOnlyList<(ushort First, ushort Last)>> expressions)
    {
        int words = ((expressions.Count + 1) + 63) >> 6;
        var toggles = new Dictionary<int, List<int>>();
        for (int i = 0; i < expressions.Count; i++)
        {
            foreach ((ushort first, ushort last) in expressions[i])
            {
                Add(toggles, first, i + 1);
                Add(toggles, last + 1, i + 1);
            }
        }

        var classes = new ushort[65536];
        var sets = new List<ulong[]> { new ulong[words] };
        var numbers = new Dictionary<string, ushort>();
        var current = new ulong[words];
        ushort number = 0;
        for (int port = 0; port < 65536; port++)
        {
            if (port == 0 || toggles.ContainsKey(port))
            {
                foreach (int expression in toggles.GetValueOrDefault(port) ?? [])
                {
                    current[expression >> 6] ^= 1UL << (expression & 63);
                }

                string key = string.Join(',', current);
                if (!numbers.TryGetValue(key, out number))
                {
                    number = (ushort)sets.Count;
                    numbers.Add(key, number);
                    sets.Add((ulong[])current.Clone());
                }
            }

            classes[port] = number;
        }

        var members = new ulong[sets.Count * words];
        for (int i = 0; i < sets.Count; i++)
        {
            sets[i].CopyTo(members, i * words);
        }

        return new PortClassifier(classes, members, words);
    }

    private static void Add(Dictionary<int, List<int>> toggles, int port, int expression)
    {
        if (!toggles.TryGetValue(port, out List<int>? list))
        {
            toggles.Add(port, list = []);
        }

        list.Add(expression);
    }
}
