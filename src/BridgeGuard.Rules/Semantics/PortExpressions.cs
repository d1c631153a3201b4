using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Reads port expressions; each distinct text once. Not thread-safe.</summary>
internal sealed class PortExpressions(IReadOnlyDictionary<string, string> variables)
{
    private static readonly RangeSet All = RangeSet.Of(0, 65535);

    private readonly Dictionary<string, (RangeSet Value, ListError Error)> _cache = [];

    /// <summary>The ports of an expression; null for all of them.</summary>
    public IReadOnlyList<(ushort First, ushort Last)>? Parse(string text, out ListError error)
    {
        RangeSet value = Evaluate(text, 0, out error);
        if (error.IsError || value.Ranges is [(var first, var last)] && first == 0 && last == 65535)
        {
            return null;
        }

        return [.. value.Ranges.Select(range => ((ushort)range.First, (ushort)range.Last))];
    }

    private RangeSet Evaluate(string text, int depth, out ListError error)
    {
        if (_cache.TryGetValue(text, out (RangeSet Value, ListError Error) known))
        {
            error = known.Error;
            return known.Value;
        }

        RangeSet value = depth > ListSyntax.MaxDepth
            ? Fail(DiagnosticCode.BadPort, $"the port expression is nested deeper than {ListSyntax.MaxDepth}", out error)
            : EvaluateNew(text, depth, out error);
        _cache[text] = (value, error);
        return value;
    }

    private RangeSet EvaluateNew(string text, int depth, out ListError error)
    {
        error = default;
        if (text.Length == 0)
        {
            return Fail(DiagnosticCode.BadPort, "a port is missing", out error, "a port, a range, a $VARIABLE or any");
        }

        if (text == "any")
        {
            return All;
        }

        switch (text[0])
        {
            case '!':
                RangeSet inner = Evaluate(text[1..].Trim(), depth + 1, out error);
                return error.IsError ? RangeSet.Empty : NotEmpty(All.Except(inner), "the negation leaves no port", out error);

            case '[' when text[^1] == ']':
                return EvaluateList(text.AsSpan(1, text.Length - 2), depth, out error);

            case '$':
                return variables.TryGetValue(text[1..], out string? definition)
                    ? Evaluate(definition.Trim(), depth + 1, out error)
                    : Fail(DiagnosticCode.UnknownVariable, $"the port variable «{text}» is not defined{NearMiss.Question(text, variables.Keys.Select(name => '$' + name))}", out error, "a name of vars.port-groups");

            default:
                return text.Contains(',') ? EvaluateList(text, depth, out error) : ParseItem(text, out error);
        }
    }

    private RangeSet EvaluateList(ReadOnlySpan<char> inside, int depth, out ListError error)
    {
        if (!ListSyntax.TrySplit(inside, out List<string> items))
        {
            return Fail(DiagnosticCode.BadPort, "the brackets of a port list do not match", out error, "[ … ]");
        }

        var positive = new List<RangeSet>();
        var negative = new List<RangeSet>();
        foreach (string item in items)
        {
            bool isNegated = item.StartsWith('!');
            RangeSet value = Evaluate(isNegated ? item[1..].Trim() : item, depth + 1, out error);
            if (error.IsError)
            {
                return RangeSet.Empty;
            }

            (isNegated ? negative : positive).Add(value);
        }

        RangeSet all = positive.Count == 0 ? All : RangeSet.Union(positive);
        return NotEmpty(all.Except(RangeSet.Union(negative)), "the port list excludes all that it includes", out error);
    }

    private static RangeSet NotEmpty(RangeSet set, string message, out ListError error)
    {
        error = default;
        return set.IsEmpty ? Fail(DiagnosticCode.BadPort, message, out error) : set;
    }

    private static RangeSet ParseItem(string text, out ListError error)
    {
        error = default;
        int colon = text.IndexOf(':');
        bool isGood;
        ushort first;
        ushort last;
        if (colon < 0)
        {
            isGood = TryPort(text, out first);
            last = first;
        }
        else
        {
            first = 0;
            last = 65535;
            isGood = (colon == 0 || TryPort(text.AsSpan(0, colon), out first))
                && (colon == text.Length - 1 || TryPort(text.AsSpan(colon + 1), out last))
                && first <= last;
        }

        return isGood
            ? RangeSet.Of(first, last)
            : Fail(DiagnosticCode.BadPort, $"«{text}» is not a port or range", out error, "80, 1024:2048, 1024: or :1023");
    }

    private static bool TryPort(ReadOnlySpan<char> text, out ushort port) =>
        ushort.TryParse(text.Trim(), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out port);

    private static RangeSet Fail(DiagnosticCode code, string message, out ListError error, string expected = "")
    {
        error = new ListError(code, message, expected);
        return RangeSet.Empty;
    }
}
