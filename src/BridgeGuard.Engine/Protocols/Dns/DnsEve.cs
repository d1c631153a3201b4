using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Writes the <c>dns</c> object in version 3 or, with <c>version: 2</c>, in the older form.</summary>
/// <remarks>
/// Options: <c>version</c>, <c>requests</c> (<c>query</c>), <c>responses</c> (<c>answer</c>), <c>types</c>, <c>formats</c>. A version 2 request
/// of several questions is written with its first.
/// </remarks>
internal sealed class DnsEve(string name) : EveLogger
{
    private readonly byte[] _name = System.Text.Encoding.ASCII.GetBytes(name);

    public override string EventType => name;

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    /// <summary>Version 2 writes responses with the flow's ends.</summary>
    public override bool UsesPacketDirection(Transaction transaction, ProtocolSettings options) => !IsVersion2(options);

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dns = (DnsTransaction)transaction;
        ProtocolSettings options = writer.Options;
        if (detail == EveDetail.Record && !IsWanted(dns, options))
        {
            return false;
        }

        writer.StartObject(_name);
        if (detail == EveDetail.Record && IsVersion2(options))
        {
            WriteVersion2(writer, dns, options);
        }
        else
        {
            WriteVersion3(writer, dns, options, detail);
        }

        writer.EndObject();
        return true;
    }

    private static bool IsVersion2(ProtocolSettings options) => options.Get("version") == "2";

    private static bool IsWanted(DnsTransaction dns, ProtocolSettings options)
    {
        bool wanted = dns.IsRequest
            ? options.GetBool("requests", options.GetBool("query", true))
            : options.GetBool("responses", options.GetBool("answer", true));
        return wanted && dns.Count(DnsSection.Query) > 0 && HasWantedType(dns, options);
    }

    /// <summary>Of the questions' types one must be listed, when a list is given; without a question there is no record (observed of Suricata 8).</summary>
    private static bool HasWantedType(DnsTransaction dns, ProtocolSettings options)
    {
        if (options.Get("types.0") is null && options.Get("types") is null)
        {
            return true;
        }

        for (int i = 0; i < dns.RecordCount; i++)
        {
            if (dns[i].Section == DnsSection.Query && IsListed(options, DnsTables.TypeName(dns[i].Type)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsListed(ProtocolSettings options, ReadOnlySpan<byte> type)
    {
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Key.StartsWith("types", StringComparison.Ordinal)
                && System.Text.Ascii.EqualsIgnoreCase(type, option.Value.AsSpan()))
            {
                return true;
            }
        }

        return false;
    }

    private static void WriteVersion3(EveWriter writer, DnsTransaction dns, ProtocolSettings options, EveDetail detail)
    {
        writer.Number("version"u8, 3L);
        writer.Text("type"u8, dns.IsRequest ? "request"u8 : "response"u8);
        writer.Number("tx_id"u8, dns.Id);
        writer.Number("id"u8, (long)dns.MessageId);
        WriteFlags(writer, dns);
        writer.Number("opcode"u8, (long)dns.Opcode);
        WriteResponseCode(writer, dns.ResponseCode);
        WriteQueries(writer, dns);
        WriteRecords(writer, dns, options, detail);
    }

    private static void WriteVersion2(EveWriter writer, DnsTransaction dns, ProtocolSettings options)
    {
        writer.Number("version"u8, 2L);
        writer.Text("type"u8, dns.IsRequest ? "query"u8 : "answer"u8);
        writer.Number("id"u8, (long)dns.MessageId);
        if (!dns.IsRequest)
        {
            WriteFlags(writer, dns);
            writer.Number("opcode"u8, (long)dns.Opcode);
        }

        for (int i = 0; i < dns.RecordCount; i++)
        {
            if (dns[i].Section == DnsSection.Query)
            {
                DnsRecordEve.WriteName(writer, dns, dns[i].Name, "rrname"u8, "rrname_truncated"u8);
                DnsRecordEve.WriteType(writer, dns[i].Type);
                break;
            }
        }

        if (dns.IsRequest)
        {
            WriteFlag(writer, "z"u8, dns.Flags, 0x0040);
            writer.Number("tx_id"u8, dns.Id);
            writer.Number("opcode"u8, (long)dns.Opcode);
            return;
        }

        WriteResponseCode(writer, dns.ResponseCode);
        WriteRecords(writer, dns, options, EveDetail.Record);
    }

    private static void WriteFlags(EveWriter writer, DnsTransaction dns)
    {
        writer.Formatted("flags"u8, dns.Flags, "x");
        WriteFlag(writer, "qr"u8, dns.Flags, 0x8000);
        WriteFlag(writer, "aa"u8, dns.Flags, 0x0400);
        WriteFlag(writer, "tc"u8, dns.Flags, 0x0200);
        WriteFlag(writer, "rd"u8, dns.Flags, 0x0100);
        WriteFlag(writer, "ra"u8, dns.Flags, 0x0080);
        WriteFlag(writer, "z"u8, dns.Flags, 0x0040);
    }

    private static void WriteFlag(EveWriter writer, ReadOnlySpan<byte> property, ushort flags, int bit)
    {
        if ((flags & bit) != 0)
        {
            writer.Bool(property, true);
        }
    }

    private static void WriteResponseCode(EveWriter writer, ushort code)
    {
        ReadOnlySpan<byte> name = DnsTables.CodeName(code);
        if (name.IsEmpty)
        {
            writer.Formatted("rcode"u8, code, default);
        }
        else
        {
            writer.Text("rcode"u8, name);
        }
    }

    private static void WriteQueries(EveWriter writer, DnsTransaction dns)
    {
        if (dns.Count(DnsSection.Query) == 0)
        {
            return;
        }

        writer.StartArray("queries"u8);
        for (int i = 0; i < dns.RecordCount; i++)
        {
            if (dns[i].Section == DnsSection.Query)
            {
                writer.StartObject();
                DnsRecordEve.WriteName(writer, dns, dns[i].Name, "rrname"u8, "rrname_truncated"u8);
                DnsRecordEve.WriteType(writer, dns[i].Type);
                writer.EndObject();
            }
        }

        writer.EndArray();
    }

    private static void WriteRecords(EveWriter writer, DnsTransaction dns, ProtocolSettings options, EveDetail detail)
    {
        bool detailed = detail == EveDetail.Alert || HasFormat(options, "detailed");
        bool grouped = detail == EveDetail.Record && HasFormat(options, "grouped");
        if (dns.Count(DnsSection.Answer) > 0)
        {
            if (detailed)
            {
                WriteSection(writer, "answers"u8, dns, DnsSection.Answer);
            }

            if (grouped)
            {
                DnsRecordEve.WriteGrouped(writer, dns);
            }
        }

        WriteSection(writer, "authorities"u8, dns, DnsSection.Authority);
        WriteSection(writer, "additionals"u8, dns, DnsSection.Additional);
    }

    /// <summary>Both formats unless a list is given.</summary>
    private static bool HasFormat(ProtocolSettings options, string format)
    {
        bool isGiven = false;
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Key.StartsWith("formats", StringComparison.Ordinal))
            {
                isGiven = true;
                if (option.Value == format)
                {
                    return true;
                }
            }
        }

        return !isGiven;
    }

    private static void WriteSection(EveWriter writer, ReadOnlySpan<byte> property, DnsTransaction dns, DnsSection section)
    {
        bool isOpen = false;
        for (int i = 0; i < dns.RecordCount; i++)
        {
            if (dns[i].Section != section || DnsRecordEve.IsHidden(in dns[i]))
            {
                continue;
            }

            if (!isOpen)
            {
                writer.StartArray(property);
                isOpen = true;
            }

            DnsRecordEve.Write(writer, dns, in dns[i]);
        }

        if (isOpen)
        {
            writer.EndArray();
        }
    }
}
