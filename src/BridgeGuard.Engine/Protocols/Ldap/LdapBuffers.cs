using System.Globalization;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ldap;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum LdapBuffer
{
    RequestDn,
    ResponsesDn,
    ResponsesMessage,
    RequestAttributeType,
    ResponsesAttributeType,
}

/// <summary>What rules may look at.</summary>
internal static class LdapBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new() { Name = "ldap.request.dn", LocalId = (int)LdapBuffer.RequestDn, Directions = DirectionMask.ToServer, Help = "the name a request is about" },
        Many("ldap.responses.dn", LdapBuffer.ResponsesDn, DirectionMask.ToClient, "the name of an entry found, or matched by a result"),
        Many("ldap.responses.message", LdapBuffer.ResponsesMessage, DirectionMask.ToClient, "the diagnostic message of a result"),
        Many("ldap.request.attribute_type", LdapBuffer.RequestAttributeType, DirectionMask.ToServer, "the type of an attribute of a request"),
        Many("ldap.responses.attribute_type", LdapBuffer.ResponsesAttributeType, DirectionMask.ToClient, "the type of an attribute found"),
    ];

    public static readonly KeywordDescriptor[] Keywords =
    [
        Keyword("ldap.request.operation", DirectionMask.ToServer, IntegerKeyword.Parser(IntegerRange.MaxU8, TestRequest, LdapTables.Operations), "the operation of the request"),
        Keyword("ldap.responses.operation", DirectionMask.ToClient, ParseOperations, "the operation of a response"),
        Keyword("ldap.responses.count", DirectionMask.ToClient, IntegerKeyword.Parser(IntegerRange.MaxU32, TestCount), "how many responses there are"),
        Keyword("ldap.responses.result_code", DirectionMask.ToClient, ParseResultCodes, "the result code of a response"),
    ];

    private static BufferDescriptor Many(string name, LdapBuffer id, DirectionMask directions, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = directions,
        IsMulti = true,
        Help = help,
    };

    private static KeywordDescriptor Keyword(string name, DirectionMask directions, KeywordParser parse, string help) => new()
    {
        Name = name,
        Directions = directions,
        Parse = parse,
        Help = help,
    };

    private static bool TestRequest(Transaction transaction, Direction direction, in IntegerRange range)
    {
        var ldap = (LdapTransaction)transaction;
        return ldap.HasRequest && range.Matches((ulong)ldap.Request.Operation);
    }

    private static bool TestCount(Transaction transaction, Direction direction, in IntegerRange range) =>
        range.Matches((ulong)((LdapTransaction)transaction).ResponseCount);

    private static TransactionMatcher? ParseOperations(string? argument, out string error) =>
        ParseIndexed(argument, IntegerRange.MaxU8, LdapTables.Operations, isOperation: true, out error);

    private static TransactionMatcher? ParseResultCodes(string? argument, out string error) =>
        ParseIndexed(argument, IntegerRange.MaxU32, LdapTables.ResultCodes, isOperation: false, out error);

    /// <summary>A range, perhaps followed by <c>any</c>, <c>all</c> or a position, from the end when negative.</summary>
    private static ResponseMatcher? ParseIndexed(string? argument, ulong max, IntegerName[] names, bool isOperation, out string error)
    {
        string text = (argument ?? "").Trim();
        int comma = text.IndexOf(',', StringComparison.Ordinal);
        string selector = comma < 0 ? "any" : text[(comma + 1)..];
        text = comma < 0 ? text : text[..comma].Trim();
        if (!IntegerRange.TryParse(text, max, names, out IntegerRange range, out ArgumentError problem))
        {
            error = problem.Message;
            return null;
        }

        int index = 0;
        if (selector is not ("any" or "all") && !int.TryParse(selector, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out index))
        {
            error = $"«{selector}» is no choice of responses, expected any, all or a position";
            return null;
        }

        error = "";
        return new ResponseMatcher(range, isOperation, selector switch { "any" => Choice.Any, "all" => Choice.All, _ => Choice.Position }, index);
    }

    private enum Choice : byte
    {
        Any,
        All,
        Position,
    }

    private sealed class ResponseMatcher(IntegerRange range, bool isOperation, Choice choice, int index) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow)
        {
            var ldap = (LdapTransaction)transaction;
            if (choice == Choice.Position)
            {
                int at = index < 0 ? ldap.ResponseCount + index : index;
                return (uint)at < (uint)ldap.ResponseCount && Test(in ldap.Response(at));
            }

            for (int i = 0; i < ldap.ResponseCount; i++)
            {
                if (Test(in ldap.Response(i)) == (choice == Choice.Any))
                {
                    return choice == Choice.Any;
                }
            }

            return choice == Choice.All;
        }

        private bool Test(in LdapMessage response) =>
            isOperation ? range.Matches((ulong)response.Operation) : response.HasResult && range.Matches(response.ResultCode);
    }
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class LdapTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        Slice slice = (LdapBuffer)buffer switch
        {
            LdapBuffer.RequestDn => HasRequest && index == 0 ? _request.Dn : Slice.None,
            LdapBuffer.ResponsesDn => NthText(index, isMessage: false),
            LdapBuffer.ResponsesMessage => NthText(index, isMessage: true),
            LdapBuffer.RequestAttributeType => HasRequest && index < _request.Attributes.Count ? _attributes[_request.Attributes.Start + index].Type : Slice.None,
            _ => NthAttributeType(index),
        };
        view = new BufferView(Bytes[slice]);
        return slice.Exists;
    }

    private Slice NthText(int index, bool isMessage)
    {
        for (int i = 0; i < ResponseCount; i++)
        {
            Slice text = isMessage ? _responses[i].Text : _responses[i].Dn;
            if (text.Exists && index-- == 0)
            {
                return text;
            }
        }

        return Slice.None;
    }

    private Slice NthAttributeType(int index)
    {
        for (int i = 0; i < ResponseCount; i++)
        {
            LdapRun run = _responses[i].Attributes;
            if (index < run.Count)
            {
                return _attributes[run.Start + index].Type;
            }

            index -= run.Count;
        }

        return Slice.None;
    }
}
