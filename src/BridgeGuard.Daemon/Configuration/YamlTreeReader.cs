using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace BridgeGuard.Daemon.Configuration;

/// <summary>Reads YAML (1.1 habits: <c>%YAML 1.1</c>, yes/no kept as text) into a <see cref="ConfigNode"/> tree, following <c>include</c>.</summary>
/// <remarks>
/// Parser events rather than a document model: duplicate keys are merged instead of refused, as the programs whose files we read do, and each
/// node keeps its line and column. Anchors and aliases are refused: no such file uses them and they allow a small file to grow without end.
/// </remarks>
public sealed class YamlTreeReader
{
    /// <summary>Files that include files: enough for any real setup, and an end to circles.</summary>
    public const int MaxIncludeDepth = 8;

    /// <summary>Nesting of one file; deeper is a mistake or an attack on us.</summary>
    public const int MaxDepth = 64;

    /// <summary>Reads a file into a new tree.</summary>
    /// <exception cref="ConfigException">The file cannot be read or is not YAML.</exception>
    public static ConfigNode ReadFile(string path)
    {
        ConfigNode root = new("", new ConfigPosition(path, 1, 1));
        ReadInto(root, path, 0);
        return root;
    }

    /// <summary>Reads text into a new tree; <paramref name="name"/> stands for the file in messages and as base of includes.</summary>
    /// <exception cref="ConfigException">It is not YAML.</exception>
    public static ConfigNode ReadText(string text, string name)
    {
        ConfigNode root = new("", new ConfigPosition(name, 1, 1));
        Read(root, new StringReader(text), name, 0);
        return root;
    }

    /// <summary>Merges another file into a tree: later values win, except over final ones.</summary>
    /// <exception cref="ConfigException">The file cannot be read or is not YAML.</exception>
    public static void MergeFile(ConfigNode root, string path) => ReadInto(root, path, 0);

    private static void ReadInto(ConfigNode target, string path, int includeDepth)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException(new ConfigPosition(path, 0, 0), $"failed to open file: {error.Message}");
        }

        Read(target, new StringReader(text), path, includeDepth);
    }

    private static void Read(ConfigNode target, TextReader text, string file, int includeDepth)
    {
        Context context = new(file, includeDepth);
        try
        {
            IParser parser = new Parser(text);
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
            {
                return;
            }

            if (parser.Accept<MappingStart>(out _))
            {
                ReadMapping(parser, target, context, 0);
            }
            else if (parser.Accept<Scalar>(out _) && parser.Current is Scalar { Value: "" })
            {
                parser.MoveNext();
            }
            else
            {
                ParsingEvent? found = parser.Current;
                throw new ConfigException(context.At(found?.Start ?? Mark.Empty), "a mapping (key: value) was expected at the top");
            }
        }
        catch (YamlException error)
        {
            throw new ConfigException(context.At(error.Start), Reason(error));
        }
        catch (InvalidOperationException)
        {
            // The parser has no more events: a bracket was never closed.
            throw new ConfigException(context.Last, "the file ends in the middle of what begins here");
        }
    }

    private static string Reason(YamlException error) => (error.InnerException ?? error).Message.ReplaceLineEndings(" ");

    private static void ReadMapping(IParser parser, ConfigNode node, Context context, int depth)
    {
        MappingStart start = parser.Consume<MappingStart>();
        RefuseAnchor(start, context);
        CheckDepth(start, context, depth);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            if (!parser.TryConsume<Scalar>(out Scalar? key) || key is null)
            {
                throw new ConfigException(context.At(parser.Current?.Start ?? Mark.Empty), "a key was expected");
            }

            ConfigPosition position = context.At(key.Start);
            if (key.Value == "include")
            {
                ReadInclude(parser, node, context, position);
                continue;
            }

            ConfigNode? child = node.Child(key.Value);
            if (child is null)
            {
                child = new ConfigNode(key.Value, position);
                node.Children.Add(child);
            }
            else if (!child.IsFinal)
            {
                child.Position = position;
            }

            ReadValue(parser, child, context, depth + 1);
        }
    }

    private static void ReadValue(IParser parser, ConfigNode node, Context context, int depth)
    {
        if (parser.TryConsume<Scalar>(out Scalar? scalar) && scalar is not null)
        {
            RefuseAnchor(scalar, context);
            if (!node.IsFinal)
            {
                node.Value = scalar is { Value: "" or "~" or "null", Style: ScalarStyle.Plain } ? null : scalar.Value;
            }
        }
        else if (parser.Accept<MappingStart>(out _))
        {
            ReadMapping(parser, node, context, depth);
        }
        else if (parser.Accept<SequenceStart>(out _))
        {
            ReadSequence(parser, node, context, depth);
        }
        else
        {
            throw new ConfigException(context.At(parser.Current?.Start ?? Mark.Empty), "anchors and aliases are not supported");
        }
    }

    private static void ReadSequence(IParser parser, ConfigNode node, Context context, int depth)
    {
        SequenceStart start = parser.Consume<SequenceStart>();
        RefuseAnchor(start, context);
        CheckDepth(start, context, depth);

        // A list written a second time replaces the first, as a scalar would.
        node.Children.RemoveAll(child => !child.IsFinal);
        node.IsSequence = true;
        int index = 0;
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            string name = index.ToString(System.Globalization.CultureInfo.InvariantCulture);
            index++;
            ConfigPosition position = context.At(parser.Current?.Start ?? Mark.Empty);
            ConfigNode? child = node.Child(name);
            if (child is null)
            {
                child = new ConfigNode(name, position);
                node.Children.Add(child);
            }

            ReadValue(parser, child, context, depth + 1);
            if (child.Value is null && child is { IsSequence: false, Children.Count: > 0 })
            {
                child.Value = child.Children[0].Name;
            }
        }
    }

    private static void ReadInclude(IParser parser, ConfigNode node, Context context, ConfigPosition position)
    {
        ConfigNode list = new("include", position);
        ReadValue(parser, list, context, 0);
        if (context.IncludeDepth + 1 > MaxIncludeDepth)
        {
            throw new ConfigException(position, $"includes are nested deeper than {MaxIncludeDepth}");
        }

        foreach (string name in list.Values())
        {
            string path = Path.IsPathRooted(name) ? name : Path.Combine(Path.GetDirectoryName(context.File) ?? "", name);
            try
            {
                ReadInto(node, path, context.IncludeDepth + 1);
            }
            catch (ConfigException error) when (error.Position.Line == 0)
            {
                throw new ConfigException(position, $"include {name}: {error.Problem}");
            }
        }
    }

    private static void RefuseAnchor(NodeEvent node, Context context)
    {
        if (!node.Anchor.IsEmpty)
        {
            throw new ConfigException(context.At(node.Start), "anchors and aliases are not supported");
        }
    }

    private static void CheckDepth(ParsingEvent start, Context context, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new ConfigException(context.At(start.Start), $"nested deeper than {MaxDepth}");
        }
    }

    private sealed record Context(string File, int IncludeDepth)
    {
        public ConfigPosition Last { get; private set; } = new(File, 1, 1);

        public ConfigPosition At(Mark mark) => Last = new ConfigPosition(File, (int)mark.Line, (int)mark.Column);
    }
}
