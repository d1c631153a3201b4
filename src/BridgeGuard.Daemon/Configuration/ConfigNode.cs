namespace BridgeGuard.Daemon.Configuration;

/// <summary>A place in a configuration file, for messages; the first line and column are 1.</summary>
public readonly record struct ConfigPosition(string File, int Line, int Column)
{
    /// <summary>For what was given on the command line.</summary>
    public static readonly ConfigPosition CommandLine = new("--set", 0, 0);

    public override string ToString() => Line == 0 ? File : $"{File}:{Line}:{Column}";
}

/// <summary>A node of a configuration tree: a value, children by name, or both.</summary>
/// <remarks>
/// Sequences are nodes whose children are named 0, 1, 2 …; a sequence element that is a mapping with one key also has that key as its value,
/// so that <c>- alert: {…}</c> reads like <c>- alert</c> with options. Every node knows where it was written.
/// </remarks>
public sealed class ConfigNode(string name, ConfigPosition position)
{
    public string Name { get; } = name;

    public ConfigPosition Position { get; set; } = position;

    /// <summary>The scalar as written; null when the node has none (a mapping, a list, an empty key).</summary>
    public string? Value { get; set; }

    public List<ConfigNode> Children { get; } = [];

    public bool IsSequence { get; set; }

    /// <summary>Set on the command line: files do not change it any more.</summary>
    public bool IsFinal { get; set; }

    /// <summary>The child of that name; null without.</summary>
    public ConfigNode? Child(string childName)
    {
        foreach (ConfigNode child in Children)
        {
            if (child.Name == childName)
            {
                return child;
            }
        }

        return null;
    }

    /// <summary>The node at a dotted path below this one; null when there is none. A name may itself contain dots (<c>libhtp.x</c> does not, IP addresses do).</summary>
    public ConfigNode? Find(string path)
    {
        ConfigNode? node = this;
        foreach (string part in path.Split('.'))
        {
            node = node.Child(part);
            if (node is null)
            {
                return null;
            }
        }

        return node;
    }

    /// <summary>The value at a path; null when there is no such node or it has no value.</summary>
    public string? Get(string path) => Find(path)?.Value;

    /// <summary>Finds or makes the node at a path.</summary>
    public ConfigNode Ensure(string path, ConfigPosition where)
    {
        ConfigNode node = this;
        foreach (string part in path.Split('.'))
        {
            ConfigNode? child = node.Child(part);
            if (child is null)
            {
                child = new ConfigNode(part, where);
                node.Children.Add(child);
            }

            node = child;
        }

        return node;
    }

    /// <summary>Yes, no, or the default when there is no such node. Any other text is false, as operators of these files expect.</summary>
    public bool GetBool(string path, bool otherwise) => Get(path) is { } text ? IsTrue(text) : otherwise;

    /// <summary>What counts as yes: <c>yes true on 1</c>, in any case.</summary>
    public static bool IsTrue(string text) => text.ToLowerInvariant() is "yes" or "true" or "on" or "1";

    /// <summary>Values of the children in order: of a list its elements, of a scalar itself.</summary>
    public IEnumerable<string> Values()
    {
        if (Children.Count == 0)
        {
            if (!string.IsNullOrEmpty(Value))
            {
                yield return Value;
            }

            yield break;
        }

        foreach (ConfigNode child in Children)
        {
            if (child.Value is { } value)
            {
                yield return value;
            }
        }
    }

    /// <summary>All values below this node by their path, for typed readers that do not need positions.</summary>
    public Dictionary<string, string> Flatten()
    {
        Dictionary<string, string> values = [];
        Flatten("", values);
        return values;
    }

    /// <summary>Lines <c>a.b.c = value</c> for every value, in order.</summary>
    public IEnumerable<string> Dump(string prefix = "")
    {
        foreach (ConfigNode child in Children)
        {
            string path = prefix.Length == 0 ? child.Name : $"{prefix}.{child.Name}";
            yield return $"{path} = {child.Value ?? "(null)"}";
            foreach (string line in child.Dump(path))
            {
                yield return line;
            }
        }
    }

    private void Flatten(string prefix, Dictionary<string, string> values)
    {
        foreach (ConfigNode child in Children)
        {
            string path = prefix.Length == 0 ? child.Name : $"{prefix}.{child.Name}";
            if (child.Value is { } value)
            {
                values[path] = value;
            }

            child.Flatten(path, values);
        }
    }
}
