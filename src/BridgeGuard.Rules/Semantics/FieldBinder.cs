using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Integer keywords that protocols publish: ranges, names, bits, and for lists of values which of them count.</summary>
internal static class FieldBinder
{
    public static void Apply(BindContext context, FieldDefinition field)
    {
        if (context.Argument.Length == 0)
        {
            context.Fail(DiagnosticCode.MissingArgument, $"{field.Name} needs an argument");
            return;
        }

        var variants = new List<EngineVariant>();
        foreach ((Protocol protocol, FieldDescriptor descriptor) in field.Variants)
        {
            if (!TryParse(context, descriptor, out FieldTestModel? test))
            {
                return;
            }

            variants.Add(new EngineVariant(
                protocol.Id,
                descriptor.Directions,
                descriptor.ProgressToServer,
                descriptor.ProgressToClient,
                descriptor.LocalId,
                descriptor.IsMulti,
                test));
        }

        context.Rule.Engines.Add(new EngineModel { Kind = EngineKind.Field, Variants = variants, Name = field.Name });
    }

    private static bool TryParse(BindContext context, FieldDescriptor descriptor, out FieldTestModel? test)
    {
        test = null;
        ulong max = descriptor.Bits >= 64 ? ulong.MaxValue : (1UL << descriptor.Bits) - 1;
        var names = Array.ConvertAll(descriptor.Names, name => new IntegerName(name.Name, name.Value));
        string text = context.Argument;
        if (descriptor.IsFlags)
        {
            if (!IntegerRange.TryParseFlags(text, max, names, out IntegerRange bits, out ArgumentError flagsError))
            {
                context.Fail(flagsError);
                return false;
            }

            test = new FieldTestModel { Test = bits };
            return true;
        }

        FieldMode mode = FieldMode.Any;
        int index = 0;
        IntegerRange count = default;
        int comma = text.IndexOf(',');
        if (descriptor is { IsMulti: true, TakesSelector: true } && comma >= 0)
        {
            if (!TryParseMode(text[(comma + 1)..].Trim(), out mode, out index, out count))
            {
                context.FailArgument("a value or range, then any, all, all1, nb with a comparison, or a position");
                return false;
            }

            text = text[..comma].Trim();
        }

        bool isGood = names.Length > 0
            ? IntegerRange.TryParse(text, max, names, out IntegerRange range, out ArgumentError error)
            : IntegerRange.TryParse(text, max, out range, out error);
        if (!isGood)
        {
            context.Fail(error);
            return false;
        }

        test = new FieldTestModel
        {
            Test = range,
            Mode = mode,
            Index = index,
            CountTest = count,
        };
        return true;
    }

    /// <summary><c>any</c>, <c>all</c>, <c>all1</c>, a position from 0 or negative from the end, or <c>nb</c> with a comparison.</summary>
    private static bool TryParseMode(string text, out FieldMode mode, out int index, out IntegerRange count)
    {
        index = 0;
        count = default;
        switch (text)
        {
            case "any":
                mode = FieldMode.Any;
                return true;
            case "all":
                mode = FieldMode.All;
                return true;
            case "all1":
                mode = FieldMode.AllAtLeastOne;
                return true;
            default:
                if (text.StartsWith("nb", StringComparison.Ordinal)
                    && IntegerRange.TryParse(text[2..].Trim(), IntegerRange.MaxU32, out count, out _))
                {
                    mode = FieldMode.MatchCount;
                    return true;
                }

                mode = FieldMode.AtIndex;
                return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out index);
        }
    }
}
