using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols;

/// <summary>Asks a transaction whether any of the numbers that a keyword stands for lies in a range.</summary>
internal delegate bool IntegerTest(Transaction transaction, Direction direction, in IntegerRange range);

/// <summary>Integer keywords whose choice among several values of a transaction is the protocol's own, unlike <see cref="FieldDescriptor"/>.</summary>
internal static class IntegerKeyword
{
    /// <summary>A parser for <see cref="KeywordDescriptor.Parse"/>.</summary>
    /// <param name="max">The largest value a rule may name.</param>
    /// <param name="test">Applies the range.</param>
    /// <param name="names">Names for values or bits.</param>
    /// <param name="areFlags">The names stand for bits, and several may be listed.</param>
    public static KeywordParser Parser(ulong max, IntegerTest test, IntegerName[]? names = null, bool areFlags = false) =>
        (string? argument, out string error) =>
        {
            string text = (argument ?? "").Trim();
            bool isGood = areFlags
                ? IntegerRange.TryParseFlags(text, max, names, out IntegerRange range, out ArgumentError problem)
                : IntegerRange.TryParse(text, max, names, out range, out problem);
            error = isGood ? "" : problem.Message;
            return isGood ? new Matcher(range, test) : null;
        };

    private sealed class Matcher(IntegerRange range, IntegerTest test) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => test(transaction, direction, in range);
    }
}
