using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>Choosing what the contents that follow look at, other than the buffers of protocols.</summary>
internal static class BufferKeywords
{
    public static readonly Keyword PacketData = new()
    {
        Name = "pkt_data",
        Argument = ArgumentRule.None,
        Help = "the contents that follow look at packet payload and stream",
        Apply = context => context.Rule.Activate(null),
    };

    public static readonly Keyword Base64DecodeKeyword = new()
    {
        Name = "base64_decode",
        Argument = ArgumentRule.Optional,
        Help = "[bytes N][, offset N][, relative]: decodes for base64_data",
        Apply = ApplyBase64Decode,
    };

    public static readonly Keyword Base64Data = new()
    {
        Name = "base64_data",
        Argument = ArgumentRule.None,
        Help = "the contents that follow look at what base64_decode made",
        Apply = context =>
        {
            RuleModel rule = context.Rule;
            OpModel? decode = rule.AllSections.Concat(rule.Conditions.Select(condition => condition.Section).OfType<SectionModel>())
                .SelectMany(section => section.Ops).FirstOrDefault(op => op.Kind == BufferOpKind.Base64Decode);
            if (decode is null)
            {
                context.Fail(DiagnosticCode.MissingRequirement, "base64_data needs base64_decode before it");
                return;
            }

            if (rule.Active is { Transforms.Count: > 0 } transformed && transformed.Ops.TrueForAll(op => op.Kind == BufferOpKind.Base64Decode))
            {
                context.Fail(DiagnosticCode.Conflict, "base64_decode does not look at what a transform made");
                return;
            }

            rule.Base64Data ??= new SectionModel { Buffer = null, IsBase64 = true, Column = context.Option.Name.Column, Keyword = "base64_data" };
            rule.Activate(rule.Base64Data);
        },
    };

    public static readonly Keyword Absent = new()
    {
        Name = "absent",
        Argument = ArgumentRule.Optional,
        Help = "the sticky buffer does not exist; or_else: or its contents match",
        Apply = context =>
        {
            if (context.Rule.Active is not { IsBase64: false, Frame: null } section)
            {
                context.Fail(DiagnosticCode.MissingRequirement, "absent needs a sticky buffer before it");
                return;
            }

            if (section.Ops.Count > 0)
            {
                context.Fail(DiagnosticCode.Conflict, "absent has to stand first after its sticky buffer");
                return;
            }

            switch (context.Argument)
            {
                case "" when section.Absent || section.AbsentOrElse:
                    context.Fail(DiagnosticCode.Duplicate, "absent is given twice");
                    break;
                case "":
                    section.Absent = true;
                    break;
                case "or_else":
                    section.AbsentOrElse = true;
                    break;
                default:
                    context.FailArgument("or_else or nothing");
                    break;
            }
        },
    };

    public static IEnumerable<Keyword> HeaderBuffers => HeaderKeywords.Buffers.Select(buffer => new Keyword
    {
        Name = buffer.Name,
        Argument = ArgumentRule.None,
        Help = "the contents that follow look at these header bytes",
        Kind = "sticky buffer",
        Apply = context =>
        {
            if (IsLeftOpen(context))
            {
                context.Rule.Activate(Sections.OfHeader(context.Rule, buffer.Kind, [], context.Option.Name));
            }
        },
    });

    public static readonly Keyword EntropyKeyword = new()
    {
        Name = "entropy",
        Argument = ArgumentRule.Required,
        Help = "[bytes N,][offset N,] value operator N: Shannon entropy in bits per byte",
        Apply = context =>
        {
            if (!Entropy.TryParse(context.Argument, out Entropy entropy, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            // Records name buffers in the old way, with underscores.
            string buffer = (context.Rule.Active?.Buffer?.Name ?? "payload").Replace('.', '_');
            context.Rule.AddOp(context.Rule.Current, new OpModel
            {
                Kind = BufferOpKind.Entropy,
                Data = entropy,
                Offset = context.Environment.Names.Intern(buffer),
                Column = context.Option.Name.Column,
            });
        },
    };

    public static readonly Keyword Asn1Keyword = new()
    {
        Name = "asn1",
        Argument = ArgumentRule.Required,
        Help = "oddities of BER-encoded elements",
        Apply = context =>
        {
            if (!Asn1.TryParse(context.Argument, out Asn1 asn1, out ArgumentError error))
            {
                context.Fail(error);
                return;
            }

            // Whatever buffer is chosen, it looks at the payload.
            context.Rule.AddOp(context.Rule.Payload, new OpModel { Kind = BufferOpKind.Asn1, Data = asn1, Column = context.Option.Name.Column });
        },
    };

    /// <summary>What base64_decode made is the last thing that a rule looks at: a buffer behind it would have to be another rule's.</summary>
    public static bool IsLeftOpen(BindContext context)
    {
        if (context.Rule.Active is not { IsBase64: true })
        {
            return true;
        }

        context.FailAt(context.Option.Name, DiagnosticCode.Conflict, $"{context.Option.Name.Text} cannot follow base64_data", "the buffer before base64_decode, or a rule of its own");
        return false;
    }

    private static void ApplyBase64Decode(BindContext context)
    {
        if (!IsLeftOpen(context))
        {
            return;
        }

        if (!Base64Decode.TryParse(context.Argument, out Base64Decode decode, out ArgumentError error))
        {
            context.Fail(error);
            return;
        }

        AddOp(context, BufferOpKind.Base64Decode, new Base64Op { Decode = decode }, decode.Relative ? OpFlags.Relative : OpFlags.None);
    }

    private static void AddOp(BindContext context, BufferOpKind kind, object data, OpFlags flags = OpFlags.None) =>
        context.Rule.AddOp(context.Rule.Current, new OpModel { Kind = kind, Data = data, Flags = flags, Column = context.Option.Name.Column });
}
