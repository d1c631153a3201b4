namespace BridgeGuard.Engine.Detection;

/// <summary>Numbers for the names of flowbits, flowints, xbits, hostbits and captured variables.</summary>
/// <remarks>One per process, append-only, so that numbers outlive reloads of the rules. Thread: any; only the rule compiler adds.</remarks>
public sealed class VariableNames
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, int> _numbers = [];
    private string[] _names = [];
    private int _count;

    /// <summary>The process's names.</summary>
    public static VariableNames Shared { get; } = new();

    public int Count => _count;

    /// <summary>The name of a number given out before.</summary>
    public string this[int number] => _names[number];

    /// <summary>All names so far, by number.</summary>
    public string[] All()
    {
        lock (_lock)
        {
            return _names[.._count];
        }
    }

    /// <summary>Whether these names have, or can still get, the numbers of their places.</summary>
    public bool CanAdopt(ReadOnlySpan<string> names)
    {
        lock (_lock)
        {
            for (int i = 0; i < names.Length; i++)
            {
                if (i < _count ? _names[i] != names[i] : _numbers.ContainsKey(names[i]))
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Gives names the numbers of their places, which <see cref="CanAdopt"/> allowed.</summary>
    public void Adopt(ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            Intern(name);
        }
    }

    /// <summary>The number of a name, new names get the next one. Control plane only.</summary>
    public int Intern(string name)
    {
        lock (_lock)
        {
            if (_numbers.TryGetValue(name, out int number))
            {
                return number;
            }

            if (_count == _names.Length)
            {
                string[] larger = new string[Math.Max(64, 2 * _count)];
                _names.CopyTo(larger, 0);
                _names = larger;
            }

            number = _count;
            _names[number] = name;
            _numbers.Add(name, number);
            _count++;
            return number;
        }
    }
}
