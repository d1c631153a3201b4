using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Numbers read from a buffer, and how long it is.</summary>
internal static class ByteKeywords
{
    public static readonly Keyword ByteTestKeyword = new()
    {
        Name = "byte_test",
        Argument = ArgumentRule.Required,
        Help = "count,[!]operator,value,offset[,relative][,endian][,string,base][,bitmask]",
        Apply = context =>
        {
            if (!ByteTest.TryParse(context.Argument, out ByteTest test, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            Add(context, BufferOpKind.ByteTest, test.Relative, context.BindOperands(test.Count, test.Offset, test.Value), test);
        },
    };

    public static readonly Keyword ByteJumpKeyword = new()
    {
        Name = "byte_jump",
        Argument = ArgumentRule.Required,
        Help = "count,offset[,relative][,multiplier N][,endian][,string,base][,align][,from_beginning|from_end][,post_offset N]",
        Apply = context =>
        {
            if (!ByteJump.TryParse(context.Argument, out ByteJump jump, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            Add(context, BufferOpKind.ByteJump, jump.Relative, context.BindOperands(jump.Count, jump.Offset, default), jump);
        },
    };

    public static readonly Keyword ByteExtractKeyword = new()
    {
        Name = "byte_extract",
        Argument = ArgumentRule.Required,
        Help = "count,offset,name[,relative][,multiplier N][,endian][,string,base][,align N]",
        Apply = context =>
        {
            if (!ByteExtract.TryParse(context.Argument, out ByteExtract extract, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            Add(context, BufferOpKind.ByteExtract, extract.Relative, default, extract, context.DefineVariable(extract.Name));
        },
    };

    public static readonly Keyword ByteMathKeyword = new()
    {
        Name = "byte_math",
        Argument = ArgumentRule.Required,
        Help = "bytes N, offset N, oper + - * / << >>, rvalue N, result name[, relative][, endian …][, string …][, dce][, bitmask M]",
        Apply = context =>
        {
            if (!ByteMath.TryParse(context.Argument, out ByteMath math, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            if (math.Relative && context.Rule.Active is { HasPattern: false })
            {
                context.Fail(DiagnosticCode.MissingRequirement, "byte_math: relative needs a content or an expression before it in the same buffer");
                return;
            }

            (int, int, int) operands = context.BindOperands(math.Count, default, math.RightValue);
            Add(context, BufferOpKind.ByteMath, math.Relative, operands, math, context.DefineVariable(math.Result));
        },
    };

    public static readonly Keyword IsDataAtKeyword = new()
    {
        Name = "isdataat",
        Argument = ArgumentRule.Required,
        Help = "[!]N[,relative]: whether the buffer reaches that far",
        Apply = context =>
        {
            if (!IsDataAt.TryParse(context.Argument, out IsDataAt keyword, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            int offset = (int)keyword.Offset.Value;
            OpFlags flags = (keyword.Negated ? OpFlags.Negated : 0) | (keyword.Relative ? OpFlags.Relative : 0);
            if (keyword.Offset.Name is { } name)
            {
                offset = context.ResolveVariable(name);
                flags |= OpFlags.OffsetIsVariable;
            }

            context.Rule.AddOp(keyword.Relative ? context.Rule.RelativeSection : context.Rule.Current, new OpModel
            {
                Kind = BufferOpKind.IsDataAt,
                Flags = flags,
                Offset = offset,
                Column = context.Option.Name.Column,
            });
        },
    };

    public static readonly Keyword BufferSize = new()
    {
        Name = "bsize",
        Argument = ArgumentRule.Required,
        Help = "the buffer's length: N, <N, >N, A<>B",
        Apply = context =>
        {
            if (!IntegerRange.TryParse(context.Argument, IntegerRange.MaxU64, out IntegerRange range, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            if (context.Rule.Active is null)
            {
                context.Fail(DiagnosticCode.MissingRequirement, "bsize needs a sticky buffer before it; for packet payload use dsize");
                return;
            }

            AddLength(context, context.Rule.Current, range);
        },
    };

    public static readonly Keyword UriLength = new()
    {
        Name = "urilen",
        Argument = ArgumentRule.Required,
        Help = "the URI's length: N, <N, >N, A<>B, then optionally ,norm or ,raw",
        Apply = context =>
        {
            string text = context.Argument;
            bool isRaw = context.Environment.UriLengthIsRaw;
            int comma = text.IndexOf(',');
            if (comma >= 0)
            {
                // Suricata reads anything but «raw» as the normalised form.
                isRaw = text[(comma + 1)..].Trim() == "raw";
                text = text[..comma].Trim();
            }

            if (!TryParseUriRange(text, out IntegerRange range)
                && !IntegerRange.TryParse(text, IntegerRange.MaxU16, out range, out ArgumentError error)
                && !TryReadDigits(text, out range))
            {
                context.Fail(error);
                return;
            }

            if (!context.Environment.Keywords.Buffers.TryGetValue(isRaw ? "http.uri.raw" : "http.uri", out BufferDefinition? buffer))
            {
                context.Fail(DiagnosticCode.UnknownKeyword, "urilen: there is no http.uri in this build");
                return;
            }

            AddLength(context, Sections.Of(context.Rule, buffer, [], context.Option.Name), range, isUri: true);
        },
    };

    /// <summary>Old rules write ranges that no length satisfies; they load and never match.</summary>
    private static bool TryParseUriRange(string text, out IntegerRange range)
    {
        range = default;
        int sign = text.IndexOf("<>", StringComparison.Ordinal);
        if (sign <= 0
            || !ushort.TryParse(text.AsSpan(0, sign).Trim(), out ushort low) || !ushort.TryParse(text.AsSpan(sign + 2).Trim(), out ushort high))
        {
            return false;
        }

        range = new IntegerRange(IntegerComparison.Between, Math.Min(low, high), Math.Max(low, high));
        return true;
    }

    /// <summary>What begins with a number is that number, whatever follows: Suricata reads no further.</summary>
    private static bool TryReadDigits(string text, out IntegerRange range)
    {
        int end = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        // Units are read, and what they make too long is refused.
        bool hasUnit = end >= 0 && (text[end] | 0x20) is 'k' or 'm' or 'g' && text.EndsWith("b", StringComparison.OrdinalIgnoreCase);
        bool isGood = ushort.TryParse(text.AsSpan(0, end < 0 ? text.Length : end), out ushort number) && !hasUnit;
        range = new IntegerRange(IntegerComparison.Equal, number, 0);
        return isGood;
    }

    private static void AddLength(BindContext context, SectionModel section, IntegerRange range, bool isUri = false) =>
        context.Rule.AddOp(section, new OpModel { Kind = BufferOpKind.Length, Test = range, IsUriLength = isUri, Column = context.Option.Name.Column });

    private static bool IsFirstOfDce(RuleModel rule)
    {
        if (rule.App != Engine.Protocols.ProtocolId.Unknown)
        {
            return false;
        }

        rule.NamesDce = true;
        return true;
    }

    /// <summary>A byte order that a DCE/RPC header announces belongs to a rule of that protocol.</summary>
    private static bool CheckDce(BindContext context)
    {
        if (!context.Argument.Split(',', StringSplitOptions.TrimEntries).Contains("dce")
            || IsFirstOfDce(context.Rule) || context.Rule.App is Engine.Protocols.ProtocolId.DceRpc or Engine.Protocols.ProtocolId.Smb)
        {
            return true;
        }

        context.Fail(DiagnosticCode.ConflictingProtocol, $"{context.Option.Name.Text}: dce does not belong to the rule's protocol", "alert dcerpc … or alert tcp …");
        return false;
    }

    /// <summary>Variable slots for operands that are names, -1 for numbers.</summary>
    private static (int Count, int Offset, int Operand) BindOperands(this BindContext context, NumberOrName count, NumberOrName offset, NumberOrName operand) =>
        (Bind(context, count), Bind(context, offset), Bind(context, operand));

    private static int Bind(BindContext context, NumberOrName operand) => operand.Name is { } name ? context.ResolveVariable(name) : -1;

    private static int DefineVariable(this BindContext context, string name)
    {
        List<string> variables = context.Rule.Variables;
        int slot = variables.IndexOf(name);
        if (slot >= 0)
        {
            return slot;
        }

        if (variables.Count == ByteOp.MaxVariables)
        {
            context.Fail(DiagnosticCode.BadArgument, $"more than {ByteOp.MaxVariables} extracted variables in one rule");
            return 0;
        }

        variables.Add(name);
        return variables.Count - 1;
    }

    private static void Add(
        BindContext context, BufferOpKind kind, bool isRelative, (int Count, int Offset, int Operand) slots, object keyword, int result = -1)
    {
        if (context.HasFailed || !CheckDce(context))
        {
            return;
        }

        SectionModel section = isRelative ? context.Rule.RelativeSection : context.Rule.Current;
        if (kind == BufferOpKind.ByteExtract)
        {
            section = BeforeTransforms(context, section);
        }

        context.Rule.AddOp(section, new OpModel
        {
            Kind = kind,
            Flags = isRelative ? OpFlags.Relative : OpFlags.None,
            Column = context.Option.Name.Column,
            Data = ByteOp.Create(keyword, slots.Count, slots.Offset, slots.Operand, result),
        });
    }

    /// <summary>The buffer as it was before transforms that nothing has made use of: as for Suricata, extracting a number makes none of them.</summary>
    private static SectionModel BeforeTransforms(BindContext context, SectionModel section) => section is { HasUnusedTransforms: true, Buffer: { } buffer }
        ? Sections.Of(context.Rule, buffer, [], context.Option.Name, section.Only)
        : section;
}
