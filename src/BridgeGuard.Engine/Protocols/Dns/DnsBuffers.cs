using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum DnsBuffer
{
    Query,
    QueryName,
    QueriesName,
    AnswerName,
    AnswersName,
    AuthoritiesName,
    AdditionalsName,
    ResponseName,
}

internal enum DnsField
{
    Opcode,
    ResponseCode,
    RecordType,
}

/// <summary>The names and numbers of a message that rules may look at.</summary>
internal static class DnsBuffers
{
    public static readonly BufferDescriptor[] Dns =
    [
        Names("dns.query", DnsBuffer.Query, DirectionMask.ToServer, "a name asked for", ["dns_query"]),
        Names("dns.query.name", DnsBuffer.QueryName, DirectionMask.Both, "a name asked for, also as responses repeat it"),
        Names("dns.queries.rrname", DnsBuffer.QueriesName, DirectionMask.Both, "a name asked for, also as responses repeat it"),
        Names("dns.answer.name", DnsBuffer.AnswerName, DirectionMask.Both, "the name of an answer"),
        Names("dns.answers.rrname", DnsBuffer.AnswersName, DirectionMask.Both, "the name of an answer"),
        Names("dns.authorities.rrname", DnsBuffer.AuthoritiesName, DirectionMask.Both, "the name of an authority record"),
        Names("dns.additionals.rrname", DnsBuffer.AdditionalsName, DirectionMask.Both, "the name of an additional record"),
        Names("dns.response.rrname", DnsBuffer.ResponseName, DirectionMask.ToClient, "any name of a response, also those that are data"),
    ];

    public static readonly BufferDescriptor[] Mdns =
    [
        Names("mdns.queries.rrname", DnsBuffer.QueriesName, DirectionMask.Both, "a name asked for"),
        Names("mdns.answers.rrname", DnsBuffer.AnswersName, DirectionMask.Both, "the name of an answer"),
        Names("mdns.authorities.rrname", DnsBuffer.AuthoritiesName, DirectionMask.Both, "the name of an authority record"),
        Names("mdns.additionals.rrname", DnsBuffer.AdditionalsName, DirectionMask.Both, "the name of an additional record"),
        Names("mdns.response.rrname", DnsBuffer.ResponseName, DirectionMask.ToServer, "any name of a response, also those that are data"),
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new() { Name = "dns.opcode", LocalId = (int)DnsField.Opcode, Directions = DirectionMask.Both, ProgressToServer = 1, ProgressToClient = 1, Bits = 8, Help = "the operation" },
        new()
        {
            Name = "dns.rcode",
            LocalId = (int)DnsField.ResponseCode,
            Directions = DirectionMask.Both,
            ProgressToServer = 1,
            ProgressToClient = 1,
            Bits = 16,
            Names = Lower(DnsTables.ResponseCodes),
            Help = "the response code",
        },
        new()
        {
            Name = "dns.rrtype",
            LocalId = (int)DnsField.RecordType,
            Directions = DirectionMask.Both,
            ProgressToServer = 1,
            ProgressToClient = 1,
            Bits = 16,
            IsMulti = true,
            TakesSelector = false,
            Names = Lower(DnsTables.RecordTypes),
            Help = "the type of a question or record",
        },
    ];

    private static BufferDescriptor Names(string name, DnsBuffer id, DirectionMask directions, string help, string[]? aliases = null) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LocalId = (int)id,
        Directions = directions,
        ProgressToServer = 1,
        ProgressToClient = 1,
        IsMulti = true,
        Help = help,
    };

    private static (string Name, ulong Value)[] Lower((string Name, ulong Value)[] names) =>
        Array.ConvertAll(names, pair => (pair.Name.ToLowerInvariant(), pair.Value));
}

/// <summary>The values of the buffers and fields.</summary>
internal sealed partial class DnsTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (!ExistsIn(direction))
        {
            return false;
        }

        if ((DnsBuffer)buffer == DnsBuffer.ResponseName)
        {
            return IsResponseBit && TryGetAnyName(index, out view);
        }

        return TryGetName((DnsBuffer)buffer switch
        {
            DnsBuffer.Query or DnsBuffer.QueryName or DnsBuffer.QueriesName => DnsSection.Query,
            DnsBuffer.AnswerName or DnsBuffer.AnswersName => DnsSection.Answer,
            DnsBuffer.AuthoritiesName => DnsSection.Authority,
            _ => DnsSection.Additional,
        }, index, out view);
    }

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        value = 0;
        if (!ExistsIn(direction))
        {
            return false;
        }

        switch ((DnsField)field)
        {
            case DnsField.Opcode:
                value = Opcode;
                return index == 0;
            case DnsField.ResponseCode:
                value = ResponseCode;
                return index == 0;
            default:
                return TryGetType(index, out value);
        }
    }

    /// <summary>Questions' types in a request, answers' in a response.</summary>
    private bool TryGetType(int index, out ulong value)
    {
        DnsSection section = IsResponseBit ? DnsSection.Answer : DnsSection.Query;
        for (int i = 0; i < RecordCount; i++)
        {
            if (_records[i].Section == section && !Names[_records[i].Name].IsEmpty && index-- == 0)
            {
                value = _records[i].Type;
                return true;
            }
        }

        value = 0;
        return false;
    }

    /// <summary>The root's name is empty and no value (as in Suricata), so that OPT in a message does not make its additional names exist.</summary>
    private bool TryGetName(DnsSection section, int index, out BufferView view)
    {
        for (int i = 0; i < RecordCount; i++)
        {
            if (_records[i].Section == section && !Names[_records[i].Name].IsEmpty && index-- == 0)
            {
                view = new BufferView(Names[_records[i].Name]);
                return true;
            }
        }

        view = default;
        return false;
    }

    private bool TryGetAnyName(int index, out BufferView view)
    {
        for (int i = 0; i < RecordCount; i++)
        {
            ref readonly DnsRecord record = ref _records[i];
            if (!Names[record.Name].IsEmpty && index-- == 0)
            {
                view = new BufferView(Names[record.Name]);
                return true;
            }

            // SRV targets are not names of this buffer: rules were never matched against them.
            if (record.DataName.Exists && record.Type != 33 && !Names[record.DataName].IsEmpty && index-- == 0)
            {
                view = new BufferView(Names[record.DataName]);
                return true;
            }
        }

        view = default;
        return false;
    }
}
