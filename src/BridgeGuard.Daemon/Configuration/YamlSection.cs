using System.Globalization;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>A mapping of a configuration file, read strictly: every key must be known, every value must fit, every complaint has its place.</summary>
/// <remarks>Getters note the keys they were asked for; <see cref="RejectUnknownKeys"/> then reports the rest with the nearest known key.</remarks>
public sealed class YamlSection
{
    private readonly YamlMappingNode _node;
    private readonly List<ConfigDiagnostic> _diagnostics;
    private readonly string _file;
    private readonly List<string> _known = [];

    public YamlSection(string file, YamlMappingNode node, List<ConfigDiagnostic> diagnostics)
    {
        _file = file;
        _node = node;
        _diagnostics = diagnostics;
    }

    /// <summary>Loads a file's first document; null with a diagnostic when it is not readable, not YAML or not a mapping.</summary>
    public static YamlSection? Load(string file, List<ConfigDiagnostic> diagnostics)
    {
        try
        {
            using var reader = new StreamReader(file);
            var stream = new YamlStream();
            var parser = new Parser(reader);
            try
            {
                stream.Load(parser);
            }
            catch (InvalidOperationException)
            {
                // The scanner gives up on some broken flow collections this way; the last token read is the nearest place it knows.
                Mark at = parser.Current?.End ?? Mark.Empty;
                diagnostics.Add(new ConfigDiagnostic(file, at.Line, at.Column, "not valid YAML: a list or mapping in brackets is not closed"));
                return null;
            }

            if (stream.Documents.Count == 0)
            {
                diagnostics.Add(new ConfigDiagnostic(file, 1, 1, "the file is empty, expected a mapping of options"));
                return null;
            }

            if (stream.Documents[0].RootNode is YamlMappingNode mapping)
            {
                return new YamlSection(file, mapping, diagnostics);
            }

            Mark root = stream.Documents[0].RootNode.Start;
            diagnostics.Add(new ConfigDiagnostic(file, root.Line, root.Column, "not a mapping, expected 'option: value' lines"));
        }
        catch (YamlException e)
        {
            string why = (e.InnerException ?? e).Message;
            int colon = why.IndexOf("): ", StringComparison.Ordinal);
            (long line, long column) = why.Contains("invalid tab", StringComparison.Ordinal) ? FirstTab(file) : (e.Start.Line, e.Start.Column);
            diagnostics.Add(new ConfigDiagnostic(file, line, column, "not valid YAML: " + (colon >= 0 ? why[(colon + 3)..] : why)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            diagnostics.Add(new ConfigDiagnostic(file, 0, 0, $"cannot be read: {e.Message}"));
        }

        return null;
    }

    public string File => _file;

    /// <summary>Another file, whose diagnostics go with this one's.</summary>
    public YamlSection? Load(string file) => Load(file, _diagnostics);

    public void Error(string? key, string message)
    {
        Mark at = key is not null && Find(key) is { } node ? node.Start : _node.Start;
        _diagnostics.Add(new ConfigDiagnostic(_file, at.Line, at.Column, message));
    }

    /// <summary>Every key with what is written behind it, in one spelling: two texts differ when the values do.</summary>
    public IReadOnlyDictionary<string, string> Written() =>
        _node.Children.Where(child => child.Key is YamlScalarNode).ToDictionary(child => ((YamlScalarNode)child.Key).Value ?? "", child => child.Value.ToString());

    public bool Has(string key) => Find(key) is not null;

    public string? Text(string key)
    {
        YamlNode? node = Find(key);
        if (node is null or YamlScalarNode)
        {
            return (node as YamlScalarNode)?.Value;
        }

        Error(key, $"'{key}' is a {Kind(node)}, expected one value");
        return null;
    }

    public string RequiredText(string key)
    {
        string? value = Text(key);
        if (string.IsNullOrEmpty(value))
        {
            Error(Has(key) ? key : null, $"'{key}' is missing, expected a value");
        }

        return value ?? "";
    }

    public bool Bool(string key, bool otherwise)
    {
        switch (Text(key))
        {
            case null:
                return otherwise;
            case "true" or "yes" or "on":
                return true;
            case "false" or "no" or "off":
                return false;
            case { } other:
                Error(key, $"'{key}' is '{other}', expected yes or no");
                return otherwise;
        }
    }

    public int Integer(string key, int otherwise, int minimum, int maximum)
    {
        if (Text(key) is not { } text)
        {
            return otherwise;
        }

        if (int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum)
        {
            return value;
        }

        Error(key, $"'{key}' is '{text}', expected a whole number from {minimum} to {maximum}");
        return otherwise;
    }

    /// <summary>Bytes with an optional unit (<c>64 MiB</c>).</summary>
    public long Size(string key, long otherwise)
    {
        if (Text(key) is not { } text)
        {
            return otherwise;
        }

        if (ProtocolSettings.TryParseSize(text, out long size))
        {
            return size;
        }

        Error(key, $"'{key}' is '{text}', expected a size such as 512 KiB or 64 MiB");
        return otherwise;
    }

    public T Choice<T>(string key, T otherwise)
        where T : struct, Enum
    {
        if (Text(key) is not { } text)
        {
            return otherwise;
        }

        foreach (T value in Enum.GetValues<T>())
        {
            if (Hyphenated(value.ToString()) == text)
            {
                return value;
            }
        }

        Error(key, $"'{key}' is '{text}', {Hint(text, Enum.GetValues<T>().Select(v => Hyphenated(v.ToString())))}");
        return otherwise;
    }

    /// <summary>A list of values; a single value counts as a list of one.</summary>
    public IReadOnlyList<string> Texts(string key)
    {
        switch (Find(key))
        {
            case null:
                return [];
            case YamlScalarNode scalar:
                return string.IsNullOrEmpty(scalar.Value) ? [] : [scalar.Value];
            case YamlSequenceNode sequence:
                var values = new List<string>();
                foreach (YamlNode item in sequence)
                {
                    if (item is YamlScalarNode { Value: { } value })
                    {
                        values.Add(value);
                    }
                    else
                    {
                        At(item, $"an item of '{key}' is a {Kind(item)}, expected one value");
                    }
                }

                return values;
            case { } other:
                Error(key, $"'{key}' is a {Kind(other)}, expected a list");
                return [];
        }
    }

    /// <summary>A mapping below this one; null when absent.</summary>
    public bool IsMapping(string key) => Find(key) is YamlMappingNode;

    public YamlSection? Section(string key)
    {
        YamlNode? node = Find(key);
        if (node is YamlMappingNode mapping)
        {
            return new YamlSection(_file, mapping, _diagnostics);
        }

        if (node is not null and not YamlScalarNode { Value: "" or null })
        {
            Error(key, $"'{key}' is a {Kind(node)}, expected a mapping of options");
        }

        return null;
    }

    /// <summary>A list of mappings.</summary>
    public IEnumerable<YamlSection> Sections(string key)
    {
        switch (Find(key))
        {
            case null:
                yield break;
            case YamlSequenceNode sequence:
                foreach (YamlNode item in sequence)
                {
                    if (item is YamlMappingNode mapping)
                    {
                        yield return new YamlSection(_file, mapping, _diagnostics);
                    }
                    else
                    {
                        At(item, $"an item of '{key}' is a {Kind(item)}, expected a mapping of options");
                    }
                }

                break;
            case { } other:
                Error(key, $"'{key}' is a {Kind(other)}, expected a list of mappings");
                break;
        }
    }

    /// <summary>All keys with their text values: free-form sections such as variables.</summary>
    public IEnumerable<(string Key, string Value)> Pairs()
    {
        foreach ((YamlNode key, YamlNode value) in _node)
        {
            if (key is YamlScalarNode { Value: { } name })
            {
                _known.Add(name);
                if (value is YamlScalarNode { Value: { } text })
                {
                    yield return (name, text);
                }
                else if (value is YamlSequenceNode list)
                {
                    yield return (name, "[" + string.Join(",", list.OfType<YamlScalarNode>().Select(s => s.Value)) + "]");
                }
                else
                {
                    At(value, $"'{name}' is a {Kind(value)}, expected one value or a list");
                }
            }
        }
    }

    /// <summary>Flattens everything below into <c>a.b.c = value</c>, list items by index: for sections that others interpret.</summary>
    public Dictionary<string, string> Flatten()
    {
        var values = new Dictionary<string, string>();
        Flatten(_node, "", values);
        return values;
    }

    /// <summary>Reports every key that nobody asked for.</summary>
    public void RejectUnknownKeys()
    {
        var seen = new HashSet<string>();
        foreach (YamlNode key in _node.Children.Keys)
        {
            if (key is not YamlScalarNode { Value: { } name })
            {
                At(key, "a key that is not a plain word, expected an option name");
                continue;
            }

            if (!seen.Add(name) || _known.Contains(name))
            {
                continue;
            }

            At(key, $"unknown option '{name}', {Hint(name, _known)}");
        }
    }

    /// <summary>What to say of a word that is none of those known: the nearest one, and all of them.</summary>
    public string Hint(string word, IEnumerable<string> known)
    {
        string? near = NearMiss.Find(word, known);
        string all = known.Any() ? $"expected one of: {string.Join(", ", known.Distinct().Order())}" : "there is none";
        return near is null ? all : $"did you mean '{near}'? {all}";
    }

    /// <summary>The same for a key of this mapping: the nearest of the words to any key that is there.</summary>
    public string HintKeys(IReadOnlyList<string> known)
    {
        string? near = _node.Children.Keys.OfType<YamlScalarNode>().Select(k => k.Value ?? "")
            .SelectMany(k => known.Where(w => NearMiss.IsNear(w, k))).FirstOrDefault();
        string all = $"expected one of: {string.Join(", ", known)}";
        return near is null ? all : $"did you mean '{near}'? {all}";
    }

    /// <summary>The place of a key (or, without it, of the mapping) as <c>file:line:column</c>.</summary>
    public string PlaceOf(string key)
    {
        Mark at = Find(key) is { } node ? node.Start : _node.Start;
        return $"{_file}:{at.Line}:{at.Column}";
    }

    /// <summary>A name of the code as configuration writes it: <c>HoldTail</c> is <c>hold-tail</c>.</summary>
    public static string Hyphenated(string name)
    {
        var text = new System.Text.StringBuilder();
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('-');
            }

            text.Append(char.ToLowerInvariant(c));
        }

        return text.ToString();
    }

    /// <summary>The library gives the start of the mapping for a tab in the indentation; people want the line.</summary>
    private static (long Line, long Column) FirstTab(string file)
    {
        long number = 0;
        foreach (string line in System.IO.File.ReadLines(file))
        {
            number++;
            int text = line.AsSpan().IndexOfAnyExcept(' ');
            if (text >= 0 && line[text] == '\t')
            {
                return (number, text + 1);
            }
        }

        return (1, 1);
    }

    private static string Kind(YamlNode node) => node switch
    {
        YamlMappingNode => "mapping",
        YamlSequenceNode => "list",
        _ => "single value",
    };

    private static void Flatten(YamlNode node, string prefix, Dictionary<string, string> values)
    {
        switch (node)
        {
            case YamlScalarNode scalar:
                values[prefix] = scalar.Value ?? "";
                break;
            case YamlSequenceNode sequence:
                for (int i = 0; i < sequence.Children.Count; i++)
                {
                    Flatten(sequence.Children[i], Join(prefix, i.ToString(CultureInfo.InvariantCulture)), values);
                }

                break;
            case YamlMappingNode mapping:
                foreach ((YamlNode key, YamlNode value) in mapping)
                {
                    Flatten(value, Join(prefix, (key as YamlScalarNode)?.Value ?? ""), values);
                }

                break;
        }
    }

    private static string Join(string prefix, string name) => prefix.Length == 0 ? name : prefix + "." + name;

    private void At(YamlNode node, string message) => _diagnostics.Add(new ConfigDiagnostic(_file, node.Start.Line, node.Start.Column, message));

    private YamlNode? Find(string key)
    {
        _known.Add(key);
        return _node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? node) ? node : null;
    }
}
