using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Reads address expressions; each distinct text once. Not thread-safe.</summary>
internal sealed class AddressExpressions(IReadOnlyDictionary<string, string> variables)
{
    private readonly Dictionary<string, (Pair Value, ListError Error)> _cache = [];

    /// <summary>The addresses of an expression; null for all of them.</summary>
    public AddressRanges? Parse(string text, out ListError error)
    {
        Pair value = Evaluate(text, 0, out error);
        return error.IsError || value.IsAll ? null : new AddressRanges(value.V4.Ranges, value.V6.Ranges);
    }

    /// <summary>The addresses of an expression in another meaning of the variables: all of them as ranges, none where the expression leaves nothing.</summary>
    public AddressRanges ParseView(string text)
    {
        Pair value = Evaluate(text, 0, out ListError error);
        return error.IsError ? new AddressRanges([], []) : new AddressRanges(value.V4.Ranges, value.V6.Ranges);
    }

    /// <summary>The addresses of either.</summary>
    public static AddressRanges Union(AddressRanges first, AddressRanges second) => new(Join(first.V4, second.V4), Join(first.V6, second.V6));

    private static List<(UInt128 First, UInt128 Last)> Join(IReadOnlyList<(UInt128 First, UInt128 Last)> first, IReadOnlyList<(UInt128 First, UInt128 Last)> second)
    {
        var joined = new List<(UInt128 First, UInt128 Last)>();
        foreach ((UInt128 start, UInt128 end) in first.Concat(second).OrderBy(r => r.First))
        {
            if (joined.Count > 0 && (joined[^1].Last == UInt128.MaxValue || start <= joined[^1].Last + 1))
            {
                joined[^1] = (joined[^1].First, UInt128.Max(joined[^1].Last, end));
            }
            else
            {
                joined.Add((start, end));
            }
        }

        return joined;
    }

    /// <summary>Ranges from elsewhere, both ends of one family each.</summary>
    public static AddressRanges FromRanges(IEnumerable<(IpAddress First, IpAddress Last)> ranges)
    {
        Pair all = Pair.Union([.. ranges.Select(range => range.First.IsV4
            ? Pair.Of(true, range.First.V4, range.Last.V4)
            : Pair.Of(false, new UInt128(range.First.High, range.First.Low), new UInt128(range.Last.High, range.Last.Low)))]);
        return new AddressRanges(all.V4.Ranges, all.V6.Ranges);
    }

    private Pair Evaluate(string text, int depth, out ListError error)
    {
        if (_cache.TryGetValue(text, out (Pair Value, ListError Error) known))
        {
            error = known.Error;
            return known.Value;
        }

        Pair value = depth > ListSyntax.MaxDepth
            ? Fail(DiagnosticCode.BadAddress, $"the address expression is nested deeper than {ListSyntax.MaxDepth}", out error)
            : EvaluateNew(text, depth, out error);
        _cache[text] = (value, error);
        return value;
    }

    private Pair EvaluateNew(string text, int depth, out ListError error)
    {
        error = default;
        if (text.Length == 0)
        {
            return Fail(DiagnosticCode.BadAddress, "an address is missing", out error, "an address, a network, a $VARIABLE or any");
        }

        if (text == "any")
        {
            return Pair.All;
        }

        switch (text[0])
        {
            case '!':
                Pair inner = Evaluate(text[1..].Trim(), depth + 1, out error);
                if (error.IsError)
                {
                    return default;
                }

                return Complement([inner], out error);

            case '[' when text[^1] == ']':
                return EvaluateList(text.AsSpan(1, text.Length - 2), depth, out error);

            case '$':
                return variables.TryGetValue(text[1..], out string? definition)
                    ? Evaluate(definition.Trim(), depth + 1, out error)
                    : Fail(DiagnosticCode.UnknownVariable, $"the address variable «{text}» is not defined{NearMiss.Question(text, variables.Keys.Select(name => '$' + name))}", out error, "a name of vars.address-groups");

            default:
                // Variables may hold lists without brackets.
                return text.Contains(',') ? EvaluateList(text, depth, out error) : ParseItem(text, out error);
        }
    }

    private Pair EvaluateList(ReadOnlySpan<char> inside, int depth, out ListError error)
    {
        if (!ListSyntax.TrySplit(inside, out List<string> items))
        {
            return Fail(DiagnosticCode.BadAddress, "the brackets of an address list do not match", out error, "[ … ]");
        }

        var positive = new List<Pair>();
        var negative = new List<Pair>();
        foreach (string item in items)
        {
            bool isNegated = item.StartsWith('!');
            Pair value = Evaluate(isNegated ? item[1..].Trim() : item, depth + 1, out error);
            if (error.IsError)
            {
                return default;
            }

            (isNegated ? negative : positive).Add(value);
        }

        error = default;
        Pair all = positive.Count == 0 ? Pair.All : Pair.Union(positive);
        if (negative.Count == 0)
        {
            return all;
        }

        Pair rest = all.Except(Pair.Union(negative));
        return rest.IsNothing ? Fail(DiagnosticCode.BadAddress, "the address list excludes all that it includes", out error) : rest;
    }

    private static Pair Complement(List<Pair> negative, out ListError error)
    {
        error = default;
        Pair rest = Pair.All.Except(Pair.Union(negative));
        bool isOneFamily = negative is [{ V4.IsEmpty: true } or { V6.IsEmpty: true }] && (rest.V4.IsEmpty || rest.V6.IsEmpty);
        return rest.IsNothing || isOneFamily ? Fail(DiagnosticCode.BadAddress, "the negation leaves no address", out error) : rest;
    }

    private static Pair ParseItem(string text, out ListError error)
    {
        const string expected = "1.2.3.4, 10.0.0.0/8, 10.0.0.0/255.0.0.0, 10.0.0.1-10.0.0.9 or the same in IPv6";
        error = default;
        if (text.Contains('%'))
        {
            return Fail(DiagnosticCode.BadAddress, $"«{text}» has the zone of an interface", out error, expected);
        }

        int slash = text.IndexOf('/');
        int dash = text.IndexOf('-');
        if (slash > 0)
        {
            if (!IpAddress.TryParse(text.AsSpan(0, slash), out IpAddress network) || !IsCanonical(text.AsSpan(0, slash)))
            {
                return Fail(DiagnosticCode.BadAddress, $"«{text}» is not a network", out error, expected);
            }

            int width = network.IsV4 && !text.Contains(':') ? 32 : 128;
            if (!TryParsePrefix(text.AsSpan(slash + 1), width, out int prefix))
            {
                return Fail(DiagnosticCode.BadAddress, $"«{text[(slash + 1)..]}» is not a prefix length or mask", out error, $"0 to {width}");
            }

            UInt128 value = width == 32 ? network.V4 : new UInt128(network.High, network.Low);
            UInt128 hostMask = prefix == width ? 0 : (UInt128.One << (width - prefix)) - 1;
            if (width == 128 && prefix == 0)
            {
                hostMask = UInt128.MaxValue;
            }

            UInt128 first = value & ~hostMask;
            return Pair.Of(width == 32, first, first | hostMask);
        }

        if (dash > 0)
        {
            if (!IpAddress.TryParse(text.AsSpan(0, dash).Trim(), out IpAddress low) || !IpAddress.TryParse(text.AsSpan(dash + 1).Trim(), out IpAddress high)
                || low.IsV4 != high.IsV4 || high < low)
            {
                return Fail(DiagnosticCode.BadAddress, $"«{text}» is not an address range", out error, expected);
            }

            return low.IsV4
                ? Pair.Of(true, low.V4, high.V4)
                : Pair.Of(false, new UInt128(low.High, low.Low), new UInt128(high.High, high.Low));
        }

        if (!IpAddress.TryParse(text, out IpAddress address) || !IsCanonical(text))
        {
            return Fail(DiagnosticCode.BadAddress, $"«{text}» is not an address", out error, expected);
        }

        return address.IsV4 && !text.Contains(':')
            ? Pair.Of(true, address.V4, address.V4)
            : Pair.Of(false, new UInt128(address.High, address.Low), new UInt128(address.High, address.Low));
    }

    /// <summary>The framework reads «1» and «1.2» as IPv4; rules do not.</summary>
    private static bool IsCanonical(ReadOnlySpan<char> text) => text.Contains(':') || text.Count('.') == 3;

    private static bool TryParsePrefix(ReadOnlySpan<char> text, int width, out int prefix)
    {
        if (text.Contains('.') && width == 32 && IpAddress.TryParse(text, out IpAddress mask))
        {
            prefix = System.Numerics.BitOperations.PopCount(mask.V4);
            return mask.V4 == (prefix == 0 ? 0 : uint.MaxValue << (32 - prefix));
        }

        return int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out prefix) && prefix <= width;
    }

    private static Pair Fail(DiagnosticCode code, string message, out ListError error, string expected = "")
    {
        error = new ListError(code, message, expected);
        return default;
    }

    /// <summary>IPv4 and IPv6 addresses side by side.</summary>
    private readonly record struct Pair(RangeSet V4, RangeSet V6)
    {
        public static readonly Pair All = new(RangeSet.Of(0, uint.MaxValue), RangeSet.Of(0, UInt128.MaxValue));

        public bool IsAll => V4.Ranges is [(var first4, var last4)] && first4 == 0 && last4 == uint.MaxValue
            && V6.Ranges is [(var first6, var last6)] && first6 == 0 && last6 == UInt128.MaxValue;

        public bool IsNothing => V4.IsEmpty && V6.IsEmpty;

        public static Pair Of(bool isV4, UInt128 first, UInt128 last) =>
            isV4 ? new Pair(RangeSet.Of(first, last), RangeSet.Empty) : new Pair(RangeSet.Empty, RangeSet.Of(first, last));

        public static Pair Union(List<Pair> pairs) =>
            new(RangeSet.Union(pairs.Select(pair => pair.V4)), RangeSet.Union(pairs.Select(pair => pair.V6)));

        public Pair Except(Pair other) => new(V4.Except(other.V4), V6.Except(other.V6));
    }
}
