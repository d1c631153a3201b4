using System.Globalization;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>The keyword <c>modbus</c>: <c>[unit N,] function …</c> or <c>[unit N,] access …</c>.</summary>
/// <remarks>Addresses count from 1. Numbers are compared as <c>N</c>, <c>&lt;N</c>, <c>&gt;N</c> or <c>A&lt;&gt;B</c> (between, ends excluded).</remarks>
internal static class ModbusKeyword
{
    /// <summary>A number, or an open range; both ends excluded.</summary>
    private readonly record struct Condition(int Above, int Below)
    {
        /// <summary>One value only: of one register alone can be asked what is written to it.</summary>
        public bool IsExact => Below - Above == 2;

        public bool Matches(int value) => value > Above && value < Below;

        /// <summary>Some address of a run lies within. People count addresses from 1, the wire from 0.</summary>
        public bool MatchesAny(int first, int count) => first + 1 < Below && first + Math.Max(count, 1) > Above;
    }

    public static TransactionMatcher? Parse(string? argument, out string error)
    {
        string[] parts = (argument ?? "").Split(',', StringSplitOptions.TrimEntries);
        error = "";
        Condition? unit = null;
        int at = 0;
        if (TryValue(parts[0], "unit", out string unitText))
        {
            if (!TryCondition(unitText, ushort.MaxValue, out Condition condition))
            {
                error = $"«{unitText}» is no unit, expected N, <N, >N or A<>B";
                return null;
            }

            unit = condition;
            at = 1;
        }

        if (at == parts.Length)
        {
            return new Matcher { Unit = unit };
        }

        if (TryValue(parts[at], "function", out string function))
        {
            return ParseFunction(function, parts.AsSpan(at + 1), unit, out error);
        }

        if (TryValue(parts[at], "access", out string access))
        {
            return ParseAccess(access, parts.AsSpan(at + 1), unit, out error);
        }

        error = $"«{parts[at]}» is not understood, expected unit, function or access";
        return null;
    }

    private static Matcher? ParseFunction(string text, ReadOnlySpan<string> rest, Condition? unit, out string error)
    {
        error = "";
        int second = -1;
        if (rest.Length > 0)
        {
            if (rest.Length > 1 || !TryValue(rest[0], "subfunction", out string subfunction)
                || !ushort.TryParse(subfunction, NumberStyles.None, CultureInfo.InvariantCulture, out ushort code))
            {
                error = $"«{rest[0]}» is not understood, expected subfunction N";
                return null;
            }

            second = code;
        }

        if (byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte number) && number != 0)
        {
            return new Matcher { Unit = unit, Function = number, Second = second };
        }

        bool isNegated = text.StartsWith('!');
        ModbusCategory category = (isNegated ? text[1..] : text) switch
        {
            "assigned" => ModbusCategory.PublicAssigned,
            "unassigned" => ModbusCategory.PublicUnassigned,
            "public" => ModbusCategory.PublicAssigned | ModbusCategory.PublicUnassigned,
            "user" => ModbusCategory.UserDefined,
            "reserved" => ModbusCategory.Reserved,
            "all" => ModbusCategory.PublicAssigned | ModbusCategory.PublicUnassigned | ModbusCategory.UserDefined | ModbusCategory.Reserved,
            _ => ModbusCategory.None,
        };
        if (category == ModbusCategory.None || second >= 0)
        {
            error = $"«{text}» is no function, expected 1 to 255, or assigned, unassigned, public, user, reserved or all";
            return null;
        }

        return new Matcher { Unit = unit, Category = category, IsCategoryNegated = isNegated };
    }

    private static Matcher? ParseAccess(string text, ReadOnlySpan<string> rest, Condition? unit, out string error)
    {
        error = "";
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        ModbusAccess access = words.Length is 1 or 2 ? words[0] switch { "read" => ModbusAccess.Read, "write" => ModbusAccess.Write, _ => ModbusAccess.None } : ModbusAccess.None;
        if (words.Length == 2)
        {
            access = (access, words[1]) switch
            {
                (not ModbusAccess.None, "coils") => access | ModbusAccess.Coils,
                (not ModbusAccess.None, "holding") => access | ModbusAccess.Holding,
                (ModbusAccess.Read, "discretes") => access | ModbusAccess.Discretes,
                (ModbusAccess.Read, "input") => access | ModbusAccess.Input,
                _ => ModbusAccess.None,
            };
        }

        if (access == ModbusAccess.None)
        {
            error = $"«{text}» is no access, expected read or write with coils or holding, or read with discretes or input";
            return null;
        }

        Condition? address = null;
        Condition? value = null;
        for (int i = 0; i < rest.Length; i++)
        {
            if (i == 0 && TryValue(rest[i], "address", out string addressText) && TryCondition(addressText, ushort.MaxValue, out Condition where))
            {
                address = where;
                continue;
            }

            // Of a coil only 0 and 1 can be asked, and only what is written has a value.
            int max = (access & ModbusAccess.Coils) != 0 ? 1 : ushort.MaxValue;
            if (i == 1 && (access & ModbusAccess.Write) != 0 && address is { IsExact: true } && TryValue(rest[i], "value", out string valueText) && TryCondition(valueText, max, out Condition what))
            {
                value = what;
                continue;
            }

            error = $"«{rest[i]}» is not understood, expected address, then value for write";
            return null;
        }

        return new Matcher { Unit = unit, Access = access, Address = address, Value = value };
    }

    private static bool TryValue(string part, string word, out string value)
    {
        bool isIt = part.StartsWith(word, StringComparison.Ordinal) && part.Length > word.Length && part[word.Length] == ' ';
        value = isIt ? part[(word.Length + 1)..].Trim() : "";
        return isIt;
    }

    private static bool TryCondition(string text, int max, out Condition condition)
    {
        int between = text.IndexOf("<>", StringComparison.Ordinal);
        int low = -1;
        int high = int.MaxValue;
        bool isGood;
        if (between > 0)
        {
            isGood = TryNumber(text[..between], max, out low) & TryNumber(text[(between + 2)..], max, out high) && low < high;
        }
        else if (text.StartsWith('<'))
        {
            isGood = TryNumber(text[1..], max, out high);
        }
        else if (text.StartsWith('>'))
        {
            isGood = TryNumber(text[1..], max, out low);
        }
        else
        {
            isGood = TryNumber(text, max, out int exact);
            low = exact - 1;
            high = exact + 1;
        }

        condition = new Condition(low, high);
        return isGood;
    }

    private static bool TryNumber(string text, int max, out int number) =>
        int.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= max;

    private sealed class Matcher : TransactionMatcher
    {
        public Condition? Unit { get; init; }

        public int Function { get; init; } = -1;

        public int Second { get; init; } = -1;

        public ModbusCategory Category { get; init; }

        public bool IsCategoryNegated { get; init; }

        public ModbusAccess Access { get; init; }

        public Condition? Address { get; init; }

        public Condition? Value { get; init; }

        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var modbus = (ModbusTransaction)transaction;
            ref readonly ModbusMessage request = ref modbus.Request;
            return request.Exists && request.Content != ModbusContent.None
                && (Unit is not { } unit || unit.Matches(request.Unit))
                && (Function < 0 || (request.RawFunction == Function && (Second < 0 || request.SecondCode == Second)))
                && (Category == ModbusCategory.None || ((request.Category & Category) != 0) != IsCategoryNegated)
                && (Access == ModbusAccess.None || MatchesAccess(modbus, in request));
        }

        private bool MatchesAccess(ModbusTransaction modbus, in ModbusMessage request)
        {
            if ((request.Access & Access) != Access)
            {
                return false;
            }

            if (Address is not { } address)
            {
                return true;
            }

            if ((Access & ModbusAccess.Read) != 0)
            {
                return request.Content is ModbusContent.Read or ModbusContent.ReadWrite && address.MatchesAny(request.ReadAddress, request.ReadQuantity);
            }

            return request.Content is ModbusContent.Write or ModbusContent.ReadWrite or ModbusContent.Mask
                && address.MatchesAny(request.WriteAddress, request.WriteQuantity)
                && (Value is not { } value || MatchesValue(modbus, in request, address, value));
        }

        /// <summary>A value written to one of the addresses asked for.</summary>
        private static bool MatchesValue(ModbusTransaction modbus, in ModbusMessage request, Condition address, Condition value)
        {
            bool isCoil = (request.Access & ModbusAccess.Coils) != 0;
            if (request.Content == ModbusContent.Mask)
            {
                return false;
            }

            if (request.WriteQuantity < 0)
            {
                return value.Matches(isCoil ? request.WriteValue >> 15 : request.WriteValue);
            }

            ReadOnlySpan<byte> data = modbus.Bytes[request.Data];
            for (int i = 0; i < request.WriteQuantity; i++)
            {
                int at = isCoil ? i / 8 : i * 2;
                if (at + (isCoil ? 1 : 2) > data.Length)
                {
                    return false;
                }

                int written = isCoil ? (data[at] >> (i % 8)) & 1 : (data[at] << 8) | data[at + 1];
                if (address.Matches(request.WriteAddress + i + 1) && value.Matches(written))
                {
                    return true;
                }
            }

            return false;
        }
    }
}
