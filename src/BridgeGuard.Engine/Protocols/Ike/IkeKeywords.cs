using System.Globalization;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>Keywords whose arguments only IKE understands.</summary>
internal static class IkeKeywords
{
    public static readonly KeywordDescriptor[] All =
    [
        new()
        {
            Name = "ike.chosen_sa_attribute",
            Directions = DirectionMask.ToClient,
            ProgressToServer = 1,
            ProgressToClient = 1,
            Parse = ParseAttribute,
            Help = "an attribute of the transform that the responder takes: alg_enc=7",
        },
    ];

    private static AttributeMatcher? ParseAttribute(string? argument, out string error)
    {
        string[] parts = (argument ?? "").Split('=', StringSplitOptions.TrimEntries);
        int type = parts.Length == 2 ? IkeTables.FindAttribute(parts[0]) : -1;
        if (type < 0 || !uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint value))
        {
            error = $"«{argument}» is no attribute with its value, expected ATTRIBUTE=NUMBER with one of {string.Join(", ", IkeTables.RuleAttributes)}";
            return null;
        }

        error = "";
        return new AttributeMatcher((ushort)type, value);
    }

    private sealed class AttributeMatcher(ushort type, uint value) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var ike = (IkeTransaction)transaction;
            return ike.TransformCount > 0 && ike.Transform(0).Contains(type, value);
        }
    }
}
