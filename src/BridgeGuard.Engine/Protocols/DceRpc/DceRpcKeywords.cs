using System.Globalization;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>Keywords over the numbers of a call. SMB publishes the same ones for calls in its pipes.</summary>
internal static class DceRpcKeywords
{
    public static readonly KeywordDescriptor[] All =
    [
        new()
        {
            Name = "dcerpc.iface",
            Aliases = ["dce_iface"],
            Directions = DirectionMask.Both,
            Parse = ParseInterface,
            Help = "a request to this interface: UUID[, <|>|=|! version][, any_frag]",
        },
        new()
        {
            Name = "dcerpc.opnum",
            Aliases = ["dce_opnum"],
            Directions = DirectionMask.Both,
            Parse = ParseOperations,
            Help = "a request of one of these operations: 15, 4-9",
        },
    ];

    private static InterfaceMatcher? ParseInterface(string? argument, out string error)
    {
        error = "";
        string[] parts = (argument ?? "").Split(',');
        if (!DceRpcUuid.TryParse(parts[0].Trim(), out DceRpcUuid uuid))
        {
            error = $"«{parts[0].Trim()}» is no interface, expected a UUID such as 367abb81-9844-35f1-ad32-98f038001003";
            return null;
        }

        bool hasAnyFragment = parts.Length > 1 && parts[^1].Trim() == "any_frag";
        int rest = parts.Length - (hasAnyFragment ? 2 : 1);
        if (rest == 0)
        {
            return new InterfaceMatcher(uuid, null, hasAnyFragment);
        }

        string version = parts[1].Trim();
        version = version.StartsWith('=') ? version[1..] : version;
        if (rest > 1 || !IntegerRange.TryParse(version, IntegerRange.MaxU16, out IntegerRange range, out _))
        {
            error = $"«{argument}» was not understood, expected UUID[, a number, a comparison or a range][, any_frag]";
            return null;
        }

        return new InterfaceMatcher(uuid, range, hasAnyFragment);
    }

    private static OperationMatcher? ParseOperations(string? argument, out string error)
    {
        error = "";
        string[] parts = (argument ?? "").Split(',');
        var ranges = new (ushort First, ushort Last)[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            string[] ends = parts[i].Split('-');
            if (ends.Length > 2 || !TryNumber(ends[0], out uint first) || !TryNumber(ends[^1], out uint last) || first > last)
            {
                error = $"«{parts[i].Trim()}» is no operation number, expected a list such as 15 or 4-9,12";
                return null;
            }

            // Numbers above 16 bits are legal in rules and match nothing.
            ranges[i] = first > ushort.MaxValue ? ((ushort)1, (ushort)0) : ((ushort)first, (ushort)Math.Min(last, ushort.MaxValue));
        }

        return new OperationMatcher(ranges);
    }

    private static bool TryNumber(string text, out uint number) =>
        uint.TryParse(text.AsSpan(text.StartsWith('+') ? 1 : 0), NumberStyles.None, CultureInfo.InvariantCulture, out number);

    /// <summary>The call of a transaction when it is a request.</summary>
    private static DceRpcCall? RequestOf(Transaction transaction) =>
        transaction is IDceRpcCarrier { DceRpc: { Request: DceRpcType.Request } call } ? call : null;

    private sealed class InterfaceMatcher(DceRpcUuid uuid, IntegerRange? version, bool anyFragment) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            if (RequestOf(transaction) is not { } call)
            {
                return false;
            }

            foreach (ref readonly DceRpcInterface item in call.Interfaces)
            {
                // The server must have accepted the interface.
                if (item.Uuid == uuid && item.IsAnswered && item.Result == 0 && (item.IsFromFirstFragment || anyFragment) && IsVersion(item.Major))
                {
                    return true;
                }
            }

            return false;
        }

        private bool IsVersion(ushort actual) => version is not { } range || range.Matches(actual);
    }

    private sealed class OperationMatcher((ushort First, ushort Last)[] ranges) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            if (RequestOf(transaction) is not { } call)
            {
                return false;
            }

            foreach ((ushort first, ushort last) in ranges)
            {
                if (first <= call.OperationNumber && call.OperationNumber <= last)
                {
                    return true;
                }
            }

            return false;
        }
    }
}
