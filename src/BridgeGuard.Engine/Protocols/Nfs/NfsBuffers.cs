using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Nfs;

/// <summary>NFS publishes no buffers of its own (files have theirs), and two numbers whose ranges, unlike elsewhere, include their bounds.</summary>
internal static class NfsBuffers
{
    public static readonly BufferDescriptor[] All = [];

    public static readonly KeywordDescriptor[] Keywords =
    [
        New("nfs.version", ["nfs_version"], isVersion: true, "the version: 2, 3 or 4"),
        New("nfs_procedure", [], isVersion: false, "the procedure's number"),
    ];

    private static KeywordDescriptor New(string name, string[] aliases, bool isVersion, string help) => new()
    {
        Name = name,
        Aliases = aliases,
        Directions = DirectionMask.ToServer,
        Parse = (string? argument, out string error) => Parse(argument, isVersion, out error),
        Help = help,
    };

    private static NumberMatcher? Parse(string? argument, bool isVersion, out string error)
    {
        if (!TryAdjacent(argument, out IntegerRange range) && !IntegerRange.TryParse(argument, IntegerRange.MaxU32, out range, out ArgumentError problem))
        {
            error = problem.Message;
            return null;
        }

        if (range.Comparison is IntegerComparison.MaskEqual or IntegerComparison.MaskNotEqual
            || (range.Comparison is IntegerComparison.Between or IntegerComparison.NotBetween && (range.First == 0 || range.Second == uint.MaxValue)))
        {
            error = $"«{argument}» was not understood, expected a number, a comparison or a range from 1 to {uint.MaxValue - 1}";
            return null;
        }

        error = "";
        return new NumberMatcher(range, isVersion);
    }

    /// <summary>A range of two neighbours, which elsewhere would hold nothing.</summary>
    private static bool TryAdjacent(string? argument, out IntegerRange range)
    {
        ReadOnlySpan<char> text = argument.AsSpan().Trim();
        int sign = text.IndexOf("<>");
        int length = sign < 0 ? 1 : 2;
        sign = sign < 0 ? text.IndexOf('-') : sign;
        range = default;
        if (sign <= 0 || !uint.TryParse(text[..sign].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out uint low)
            || !uint.TryParse(text[(sign + length)..].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out uint high) || low + 1UL != high)
        {
            return false;
        }

        range = new IntegerRange(IntegerComparison.Between, low, high);
        return true;
    }

    private sealed class NumberMatcher(IntegerRange range, bool isVersion) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var nfs = (NfsTransaction)transaction;
            return isVersion
                ? Matches(nfs.Version)
                : Matches(nfs.Procedure) || (nfs.IsCommitted && Matches(Nfs3.Commit));
        }

        private bool Matches(uint value) => range.Comparison == IntegerComparison.Between
            ? value >= range.First && value <= range.Second
            : range.Matches(value);
    }
}

/// <summary>The values of the buffers: there are none.</summary>
internal sealed partial class NfsTransaction
{
    /// <summary>Without a file its contents are not absent but no question, as in Suricata.</summary>
    public override bool CanHave(int buffer, Direction direction) => buffer != FileBuffers.Data;

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }
}
