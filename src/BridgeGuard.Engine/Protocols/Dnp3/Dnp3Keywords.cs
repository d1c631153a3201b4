using System.Globalization;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dnp3;

/// <summary>Function code, internal indications, objects.</summary>
internal static class Dnp3Keywords
{
    public static readonly KeywordDescriptor[] All =
    [
        new() { Name = "dnp3_func", Directions = DirectionMask.Both, Parse = ParseFunction, Help = "the application function code, a number or a name" },
        new() { Name = "dnp3_ind", Directions = DirectionMask.ToClient, Parse = ParseIndications, Help = "any of these internal indications" },
        new() { Name = "dnp3_obj", Directions = DirectionMask.Both, Parse = ParseObject, Help = "an object: group,variation" },
    ];

    private static FunctionMatcher? ParseFunction(string? argument, out string error)
    {
        string text = (argument ?? "").Trim();
        error = "";
        if (byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte code) || TryName(Dnp3Tables.Functions, text, out code))
        {
            return new FunctionMatcher(code);
        }

        error = $"«{argument}» is no function code, expected 0 to 255 or a name such as read";
        return null;
    }

    private static bool TryName(IntegerName[] names, string text, out byte code)
    {
        bool isFound = IntegerName.TryFind(names, text, out ulong value);
        code = (byte)value;
        return isFound;
    }

    private static IndicationMatcher? ParseIndications(string? argument, out string error)
    {
        string text = (argument ?? "").Trim();
        error = "";
        ushort flags;
        if (text.StartsWith("0x", StringComparison.Ordinal)
            ? ushort.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out flags)
            : ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out flags))
        {
            return new IndicationMatcher(flags);
        }

        flags = 0;
        foreach (string name in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!IntegerName.TryFind(Dnp3Tables.Indications, name, out ulong bit))
            {
                error = $"«{name}» is no internal indication, expected names such as device_restart, or a number";
                return null;
            }

            flags |= (ushort)bit;
        }

        return new IndicationMatcher(flags);
    }

    private static ObjectMatcher? ParseObject(string? argument, out string error)
    {
        string[] parts = (argument ?? "").Split(',', StringSplitOptions.TrimEntries);
        error = "";
        if (parts.Length == 2 && byte.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out byte group)
            && byte.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out byte variation))
        {
            return new ObjectMatcher(group, variation);
        }

        error = $"«{argument}» is no object, expected GROUP,VARIATION of 0 to 255";
        return null;
    }

    private sealed class FunctionMatcher(byte code) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var dnp3 = (Dnp3Transaction)transaction;
            return dnp3.Data.Length > 1 && dnp3.Function == code;
        }
    }

    private sealed class IndicationMatcher(ushort flags) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => (((Dnp3Transaction)transaction).Indications & flags) != 0;
    }

    private sealed class ObjectMatcher(byte group, byte variation) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var dnp3 = (Dnp3Transaction)transaction;
            for (int i = 0; i < dnp3.ObjectCount; i++)
            {
                if (dnp3.Object(i).Group == group && dnp3.Object(i).Variation == variation)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
