using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary><c>content</c>, what modifies it, and the lengths of buffers.</summary>
internal static class ContentKeywords
{
    /// <summary>Suricata's limits for absolute and relative positions.</summary>
    private const int MaxOffset = 65_535;

    private const int MaxDistance = 1 << 20;

    public static readonly Keyword Content = new()
    {
        Name = "content",
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = "bytes that have to occur, or with ! must not",
        Apply = context => Add(context),
    };

    public static readonly Keyword UriContent = new()
    {
        Name = "uricontent",
        TakesQuotes = true,
        Argument = ArgumentRule.Required,
        Help = "a content in http.uri (old style)",
        Apply = context =>
        {
            if (context.Rule.Active is not null)
            {
                context.Fail(DiagnosticCode.Conflict, "uricontent does not go with a sticky buffer", "pkt_data before it");
                return;
            }

            if (!context.Environment.Keywords.Buffers.TryGetValue("http.uri", out BufferDefinition? buffer))
            {
                context.Fail(DiagnosticCode.UnknownKeyword, "uricontent: there is no http.uri in this build");
                return;
            }

            if (ContentText.TryRead(context, out byte[] bytes, out bool isNegated))
            {
                context.Rule.NamesOldHttp = true;
                context.Rule.AddOp(Sections.Of(context.Rule, buffer, [], context.Option.Name), New(context, bytes, isNegated));
            }
        },
    };

    public static readonly Keyword NoCase = new()
    {
        Name = "nocase",
        Argument = ArgumentRule.None,
        Help = "the content before it matches either case of ASCII letters",
        Apply = context => Modify(context, content =>
        {
            if (content.Has(OpFlags.IgnoreCase))
            {
                context.Fail(DiagnosticCode.Duplicate, "nocase is given twice for one content");
                return;
            }

            content.Flags |= OpFlags.IgnoreCase;
        }),
    };

    public static readonly Keyword RawBytes = new()
    {
        Name = "rawbytes",
        Argument = ArgumentRule.None,
        Help = "accepted for old rules; changes nothing",
        Apply = context => Modify(context, content =>
        {
            if (context.Rule.Active is { } buffer)
            {
                context.Fail(DiagnosticCode.Conflict, $"rawbytes does not go with {buffer.Keyword}");
            }
            else if (content.IsRaw)
            {
                context.Fail(DiagnosticCode.Duplicate, "rawbytes is given twice for one content");
            }

            content.IsRaw = true;
        }),
    };

    public static readonly Keyword Offset = Position("offset", "where the content's first byte may be at the earliest", OpFlags.HasOffset, OpFlags.OffsetIsVariable);

    public static readonly Keyword Depth = Position("depth", "how many bytes from the offset on may hold the content", OpFlags.HasDepth, OpFlags.DepthIsVariable);

    public static readonly Keyword Distance = Position("distance", "bytes skipped after the match before", OpFlags.HasDistance, OpFlags.DistanceIsVariable);

    public static readonly Keyword Within = Position("within", "how many bytes after the match before may hold the content", OpFlags.HasWithin, OpFlags.WithinIsVariable);

    public static readonly Keyword StartsWith = new()
    {
        Name = "startswith",
        Argument = ArgumentRule.None,
        Help = "the content is the buffer's beginning",
        Apply = context => Modify(context, content =>
        {
            if (content.IsStartsWith || content.Has(OpFlags.HasDepth | OpFlags.HasOffset | OpFlags.HasWithin | OpFlags.HasDistance))
            {
                context.Fail(DiagnosticCode.Conflict, "startswith does not go with offset, depth, distance, within or another startswith");
                return;
            }

            content.IsStartsWith = true;
            content.Flags |= OpFlags.HasDepth | OpFlags.HasOffset;
            content.Depth = content.Pattern.Length;
            content.Offset = 0;
        }),
    };

    public static readonly Keyword EndsWith = new()
    {
        Name = "endswith",
        Argument = ArgumentRule.None,
        Help = "the content is the buffer's end",
        Apply = context => Modify(context, content =>
        {
            content.Flags |= OpFlags.EndsWith;
        }),
    };

    public static readonly Keyword FastPattern = new()
    {
        Name = "fast_pattern",
        Argument = ArgumentRule.Optional,
        Help = "the content to prefilter by: fast_pattern, fast_pattern:only, fast_pattern:offset,length",
        Apply = context => Modify(context, content => ApplyFastPattern(context, content)),
    };

    private static Keyword Position(string name, string help, OpFlags has, OpFlags variable) => new()
    {
        Name = name,
        Argument = ArgumentRule.Required,
        Help = help,
        Apply = context => Modify(context, content => SetPosition(context, content, name, has, variable)),
    };

    private static OpModel? PreviousContent(RuleModel rule, OpModel content)
    {
        OpModel? previous = null;
        foreach (OpModel op in rule.LastContentSection!.Ops)
        {
            if (op == content)
            {
                break;
            }

            previous = op.Kind == BufferOpKind.Content ? op : previous;
        }

        return previous;
    }

    private static void Add(BindContext context)
    {
        if (!ContentText.TryRead(context, out byte[] bytes, out bool isNegated))
        {
            return;
        }

        context.Rule.AddOp(context.Rule.Current, New(context, bytes, isNegated));
    }

    private static OpModel New(BindContext context, byte[] bytes, bool isNegated) => new()
    {
        Kind = BufferOpKind.Content,
        Pattern = bytes,
        Flags = isNegated ? OpFlags.Negated : OpFlags.None,
        Column = context.Option.Name.Column,
    };

    private static void Modify(BindContext context, Action<OpModel> change)
    {
        OpModel? content = context.Rule.LastContent;
        if (content is null)
        {
            context.Fail(DiagnosticCode.NoContentBefore, $"{context.Option.Name.Text} needs a content before it");
            return;
        }

        change(content);
    }

    private static void SetPosition(BindContext context, OpModel content, string name, OpFlags has, OpFlags variable)
    {
        if (content.IsStartsWith)
        {
            context.Fail(DiagnosticCode.Conflict, $"{name} does not go with startswith");
            return;
        }

        if (content.Has(has))
        {
            context.Fail(DiagnosticCode.Duplicate, $"{name} is given twice for one content");
            return;
        }

        bool isRelative = has is OpFlags.HasDistance or OpFlags.HasWithin;
        if (content.Has(isRelative ? OpFlags.HasOffset | OpFlags.HasDepth : OpFlags.HasDistance | OpFlags.HasWithin))
        {
            context.Fail(DiagnosticCode.Conflict, $"{name} mixes relative and absolute positions for one content", isRelative ? "offset or depth" : "distance or within");
            return;
        }

        if (content.IsNegated && content.IsFastPattern)
        {
            context.Fail(DiagnosticCode.Conflict, $"{name} does not go with fast_pattern on a negated content");
            return;
        }

        if (isRelative && PreviousContent(context.Rule, content) is { IsFastPatternOnly: true })
        {
            context.Fail(DiagnosticCode.Conflict, $"{name} counts from a content that is only a fast_pattern");
            return;
        }

        if (content.IsFastPatternOnly)
        {
            context.Fail(DiagnosticCode.Conflict, $"{name} does not go with fast_pattern:only");
            return;
        }

        int value;
        string text = context.Argument;
        text = text.StartsWith("0x", StringComparison.Ordinal) && uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint hex)
            ? hex.ToString(CultureInfo.InvariantCulture)
            : text;
        if (text.Length > 0 && (char.IsAsciiLetter(text[0]) || text[0] == '_'))
        {
            value = context.ResolveVariable(text);
            if (value < 0)
            {
                return;
            }

            content.Flags |= variable;
        }
        else if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)
            || Math.Abs((long)value) > (isRelative ? MaxDistance : MaxOffset) || (value < 0 && has is not OpFlags.HasDistance))
        {
            context.FailArgument(has == OpFlags.HasDistance ? $"{-MaxDistance} to {MaxDistance}" : $"0 to {(isRelative ? MaxDistance : MaxOffset)}");
            return;
        }
        else if (has is OpFlags.HasDepth or OpFlags.HasWithin && value < content.Pattern.Length)
        {
            context.Fail(DiagnosticCode.CannotMatch, $"{name} {value} leaves no room for a content of {content.Pattern.Length} bytes", $"at least {content.Pattern.Length}");
            return;
        }

        content.Flags |= has;
        switch (has)
        {
            case OpFlags.HasOffset:
                content.Offset = value;
                break;
            case OpFlags.HasDepth:
                content.Depth = value;
                break;
            case OpFlags.HasDistance:
                content.Distance = value;
                content.Flags |= OpFlags.Relative;
                break;
            default:
                content.Within = value;
                content.Flags |= OpFlags.Relative;
                break;
        }
    }

    private static void ApplyFastPattern(BindContext context, OpModel content)
    {
        RuleModel rule = context.Rule;
        string text = context.Argument;
        if (content.IsFastPattern)
        {
            context.Fail(DiagnosticCode.Duplicate, "fast_pattern is given twice for one content");
            return;
        }

        if (text != "only" && rule.Payload.Ops.Exists(other => other.IsFastPattern && other != content))
        {
            // Buffers may have one each, and more: one of them is taken. The payload's is the only one.
            context.Fail(DiagnosticCode.Duplicate, "fast_pattern is given twice in one rule");
            return;
        }

        if (rule.LastContentSection is { AbsentOrElse: true })
        {
            context.Fail(DiagnosticCode.Conflict, "fast_pattern cannot stand in a buffer that may be absent");
            return;
        }

        if (content.IsNegated && content.Has(OpFlags.HasOffset | OpFlags.HasDepth | OpFlags.HasDistance | OpFlags.HasWithin))
        {
            context.Fail(DiagnosticCode.Conflict, "fast_pattern on a negated content with positions");
            return;
        }

        if (rule.LastContentSection is { IsBase64: true })
        {
            context.Fail(DiagnosticCode.Conflict, "fast_pattern cannot be used on base64_data");
            return;
        }

        if (text == "only")
        {
            if (content.IsNegated || content.Has(OpFlags.HasOffset | OpFlags.HasDepth | OpFlags.HasDistance | OpFlags.HasWithin))
            {
                context.Fail(DiagnosticCode.Conflict, "fast_pattern:only does not go with !, offset, depth, distance or within");
                return;
            }

            content.IsFastPatternOnly = true;
        }
        else if (text.Length > 0)
        {
            int comma = text.IndexOf(',');
            if (comma < 0
                || !int.TryParse(text.AsSpan(0, comma).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int offset)
                || !int.TryParse(text.AsSpan(comma + 1).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
                || offset + length > content.Pattern.Length)
            {
                context.FailArgument($"only, or offset,length inside the {content.Pattern.Length} bytes of the content");
                return;
            }

            content.FastPatternOffset = offset;
            content.FastPatternLength = length;
        }

        content.IsFastPattern = true;
    }
}
