using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Gives a parsed rule its meaning: resolves names, applies keywords in order, checks what they say together.</summary>
internal static partial class RuleBinder
{
    /// <summary>The rule's model; null after at least one error was reported.</summary>
    public static RuleModel? Bind(RuleSyntax syntax, RuleEnvironment environment, List<RuleDiagnostic> diagnostics)
    {
        var rule = new RuleModel { Syntax = syntax };
        var context = new BindContext(rule, environment, diagnostics);
        JudgeRequirements(context);
        if (rule.IsSkipped)
        {
            return rule;
        }

        HeaderBinder.Bind(context);
        for (int i = 0; i < syntax.Options.Count && !context.HasFailed && !rule.IsSkipped; i++)
        {
            context.Option = syntax.Options[i];
            context.OptionIndex = i;
            Apply(context);
        }

        if (!context.HasFailed && !rule.IsSkipped)
        {
            context.Option = default;
            RuleChecks.Run(context);
        }

        return context.HasFailed ? null : rule;
    }

    /// <summary>What a rule requires is asked first: one for another version may hold anything.</summary>
    private static void JudgeRequirements(BindContext context)
    {
        foreach (OptionSyntax option in context.Rule.Syntax.Options)
        {
            if (option.Name.Text == MetaKeywords.Requires.Name && option.Value is not null && !context.HasFailed)
            {
                context.Option = option;
                if (CheckArgument(context, ArgumentRule.Required) && CheckQuotes(context, isAllowed: false))
                {
                    MetaKeywords.Requires.Apply(context);
                }
            }
        }
    }

    private static void Apply(BindContext context)
    {
        string name = context.Option.Name.Text;
        KeywordIndex index = context.Environment.Keywords;
        if (KeywordCatalog.Find(name) is { } keyword)
        {
            if (CheckArgument(context, keyword.Argument) && CheckQuotes(context, keyword.TakesQuotes))
            {
                keyword.Apply(context);
            }
        }
        else if (index.Buffers.TryGetValue(name, out BufferDefinition? buffer))
        {
            if (context.Environment.DisabledFeatures.Count > 0
                && context.Environment.DisabledFeatures.FirstOrDefault(feature => buffer.Name.StartsWith(feature, StringComparison.Ordinal)) is { } feature)
            {
                context.FailAt(context.Option.Name, DiagnosticCode.Unsupported, $"{feature.ToUpperInvariant()} support is not enabled");
            }
            else if (BufferKeywords.IsLeftOpen(context) && IsOn(context, buffer.Variants.Select(variant => variant.Protocol)) && TryReadOnly(context, buffer, out DirectionMask only))
            {
                context.Rule.Activate(Sections.Of(context.Rule, buffer, [], context.Option.Name, only));
            }
        }
        else if (index.Modifiers.TryGetValue(name, out BufferDefinition? modified))
        {
            if (IsOn(context, modified.Variants.Select(variant => variant.Protocol)) && CheckArgument(context, ArgumentRule.None))
            {
                context.Rule.NamesOldHttp |= name.StartsWith("http_", StringComparison.Ordinal);
                MoveContent(context, modified);
            }
        }
        else if (index.Fields.TryGetValue(name, out FieldDefinition? field))
        {
            if (IsOn(context, field.Variants.Select(variant => variant.Protocol)) && CheckQuotes(context, isAllowed: false))
            {
                FieldBinder.Apply(context, field);
            }
        }
        else if (index.Keywords.TryGetValue(name, out ProtocolKeywordDefinition? own))
        {
            if (IsOn(context, own.Variants.Select(variant => variant.Protocol))
                && CheckQuotes(context, own.Variants.Exists(variant => variant.Descriptor.NeedsQuotes))
                && CheckQuoted(context, own))
            {
                ApplyProtocolKeyword(context, own);
            }
        }
        else if (TransformCatalog.IsTransform(name))
        {
            ApplyTransform(context);
        }
        else if (name.Any(char.IsAsciiLetterUpper))
        {
            // Names are looked up without regard to case.
            OptionSyntax option = context.Option;
            context.Option = option with { Name = new Token(name.ToLowerInvariant(), option.Name.Column) };
            Apply(context);
            context.Option = option;
        }
        else
        {
            context.FailAt(context.Option.Name, DiagnosticCode.UnknownKeyword, $"the keyword «{name}» is not known{NearMiss.Question(name, KeywordList.All.Select(keyword => keyword.Name))}");
        }
    }

    /// <summary>Some protocol that has the keyword at hand is looked for.</summary>
    private static bool IsOn(BindContext context, IEnumerable<Protocol> protocols)
    {
        if (!context.Environment.AreOff(protocols, out string name))
        {
            return true;
        }

        context.FailAt(context.Option.Name, DiagnosticCode.Unsupported, $"{context.Option.Name.Text}: the protocol {name} is switched off", $"app-layer.protocols.{name}.enabled: yes");
        return false;
    }

    /// <summary>Buffers of both directions that a rule may narrow to one.</summary>
    private static readonly HashSet<string> Directed =
    [
        "http.accept", "http.accept_lang", "http.accept_enc", "http.connection", "http.content_len", "http.content_type", "http.referer",
        "file.data", "file.name", "file.magic",
    ];

    private static bool TryReadOnly(BindContext context, BufferDefinition buffer, out DirectionMask only)
    {
        only = context.Argument switch
        {
            "" => DirectionMask.Both,
            "to_server" => DirectionMask.ToServer,
            "to_client" => DirectionMask.ToClient,
            _ => DirectionMask.None,
        };
        if (!Directed.Contains(buffer.Name))
        {
            return CheckArgument(context, ArgumentRule.None);
        }

        if (only == DirectionMask.None)
        {
            context.FailArgument("to_server or to_client");
            return false;
        }

        return true;
    }

    private static bool CheckQuotes(BindContext context, bool isAllowed)
    {
        if (isAllowed || !context.Argument.StartsWith('"'))
        {
            return true;
        }

        context.Fail(DiagnosticCode.BadArgument, $"{context.Option.Name.Text}: the argument stands in quotes", "no quotes");
        return false;
    }

    private static bool CheckQuoted(BindContext context, ProtocolKeywordDefinition keyword)
    {
        if (!keyword.Variants.Exists(variant => variant.Descriptor.NeedsQuotes) || context.Argument.TrimStart('!').TrimStart().StartsWith('"'))
        {
            return true;
        }

        context.Fail(DiagnosticCode.BadArgument, $"{context.Option.Name.Text}: the argument does not stand in quotes", "\"…\"");
        return false;
    }

    private static bool CheckArgument(BindContext context, ArgumentRule argument)
    {
        bool has = context.Argument.Length > 0;
        if (argument == ArgumentRule.Required && !has)
        {
            context.Fail(DiagnosticCode.MissingArgument, $"{context.Option.Name.Text} needs an argument", context.Option.Name.Text + ":…;");
            return false;
        }

        if (argument == ArgumentRule.None && has)
        {
            context.Fail(DiagnosticCode.UnexpectedArgument, $"{context.Option.Name.Text} takes no argument", context.Option.Name.Text + ";");
            return false;
        }

        return true;
    }

    /// <summary>An old-style modifier such as <c>http_uri</c>: the content before it moves into the buffer.</summary>
    private static void MoveContent(BindContext context, BufferDefinition buffer)
    {
        RuleModel rule = context.Rule;
        if (rule.App == ProtocolId.Http2)
        {
            context.Fail(DiagnosticCode.ConflictingProtocol, $"{context.Option.Name.Text} does not belong to the rule's protocol", $"the sticky buffer {buffer.Name}");
            return;
        }

        OpModel? content = rule.Active is null ? rule.Payload.Ops.FindLast(op => op.Kind == BufferOpKind.Content) : null;
        if (content is null)
        {
            context.Fail(DiagnosticCode.NoContentBefore, $"{context.Option.Name.Text} needs a content on the payload before it");
            return;
        }

        if (content.IsRaw || content.Replacement is not null)
        {
            context.Fail(DiagnosticCode.Conflict, $"{context.Option.Name.Text} does not go with rawbytes or replace");
            return;
        }

        rule.Payload.Ops.Remove(content);
        SectionModel section = rule.Sections.Find(existing => existing.Buffer == buffer && existing.Transforms.Count == 0)
            ?? Sections.Of(rule, buffer, [], context.Option.Name);
        rule.AddOp(section, content);
    }

    private static void ApplyTransform(BindContext context)
    {
        RuleModel rule = context.Rule;
        if (rule.Active is not { IsBase64: false } section)
        {
            context.Fail(DiagnosticCode.MissingRequirement, $"{context.Option.Name.Text} needs a sticky buffer before it");
            return;
        }

        if (!TransformCatalog.TryCreate(
            context.Option.Name.Text, context.Argument, context.Environment.Transforms, out Transform? transform, out ArgumentError error))
        {
            context.Fail(error);
            return;
        }

        context.Environment.Recipes?.Transforms.TryAdd(transform, (context.Option.Name.Text, context.Argument));
        if (section.HeaderBytes is { } kind)
        {
            rule.Activate(Sections.OfHeader(rule, kind, [.. section.Transforms, transform], context.Option.Name));
            if (section.Ops.Count == 0)
            {
                rule.Conditions.RemoveAll(condition => condition.Section == section);
            }

            return;
        }

        if (section.Ops.Count == 0 && !section.Absent)
        {
            rule.Sections.Remove(section);
            rule.Frames.Remove(section);
        }

        rule.Activate(section.Frame is { } frame
            ? Sections.Of(rule, frame, [.. section.Transforms, transform], context.Option.Name)
            : Sections.Of(rule, section.Buffer!, [.. section.Transforms, transform], context.Option.Name, section.Only));
    }

    private static void ApplyProtocolKeyword(BindContext context, ProtocolKeywordDefinition keyword)
    {
        if (keyword.Variants.Exists(variant => variant.Descriptor.StandsOnce)
            && context.Rule.Syntax.Options.Take(context.OptionIndex).Any(option => option.Name.Text == context.Option.Name.Text))
        {
            context.FailAt(context.Option.Name, DiagnosticCode.Duplicate, $"{keyword.Name} is given twice");
            return;
        }

        var variants = new List<EngineVariant>();
        string error = "";
        foreach ((Protocol protocol, KeywordDescriptor descriptor) in keyword.Variants)
        {
            if (!descriptor.ArgumentOptional && context.Argument.Length == 0)
            {
                CheckArgument(context, ArgumentRule.Required);
                return;
            }

            TransactionMatcher? matcher = descriptor.Parse(context.Option.Value?.Text, out error);
            if (matcher is null)
            {
                context.Fail(DiagnosticCode.BadArgument, $"{keyword.Name}: {error}");
                return;
            }

            context.Environment.Recipes?.Keywords.TryAdd(matcher, (keyword.Name, protocol.Id, context.Option.Value?.Text));
            variants.Add(new EngineVariant(
                protocol.Id, descriptor.Directions, descriptor.ProgressToServer, descriptor.ProgressToClient, 0, false, matcher));
            if (descriptor.StoresCertificates)
            {
                context.Rule.Effects.Add(new RuleEffect { Kind = EffectKind.StoreCertificate });
            }
        }

        bool onlyActs = keyword.Variants.TrueForAll(variant => variant.Descriptor.StoresCertificates);
        context.Rule.Engines.Add(new EngineModel { Kind = EngineKind.Keyword, Variants = variants, Name = keyword.Name, OnlyActs = onlyActs });
    }
}
