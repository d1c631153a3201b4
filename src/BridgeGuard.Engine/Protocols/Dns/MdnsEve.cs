using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Writes the <c>mdns</c> object: types in lower case, each record's data under its type.</summary>
internal sealed class MdnsEve : EveLogger
{
    private const int RcodeMask = 0x0f;

    /// <summary>All flags that have names: AA, TC, RD, RA, Z, AD, CD.</summary>
    private const int FlagsMask = 0x07f0;

    private const int FlagNameBytes = 2;

    private static ReadOnlySpan<byte> FlagNames => "aatcrdraz adcd"u8;

    private static ReadOnlySpan<ushort> FlagBits => [0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010];

    public override string EventType => "mdns";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dns = (DnsTransaction)transaction;
        writer.StartObject("mdns"u8);
        writer.Text("type"u8, dns.IsRequest ? "request"u8 : "response"u8);
        writer.Number("id"u8, (long)dns.MessageId);
        WriteFlags(writer, dns.Flags);
        writer.Number("opcode"u8, (long)dns.Opcode);
        writer.Number("rcode"u8, (long)dns.Flags & RcodeMask);
        WriteSection(writer, "queries"u8, dns, DnsSection.Query);
        WriteSection(writer, "answers"u8, dns, DnsSection.Answer);
        WriteSection(writer, "authorities"u8, dns, DnsSection.Authority);
        WriteSection(writer, "additionals"u8, dns, DnsSection.Additional);
        writer.EndObject();
        return true;
    }

    /// <summary>The names of those that are set, in the order of their bits (RFC 1035 §4.1.1, RFC 4035 §3.1.6).</summary>
    private static void WriteFlags(EveWriter writer, ushort flags)
    {
        if ((flags & FlagsMask) == 0)
        {
            return;
        }

        writer.StartArray("flags"u8);
        for (int i = 0; i < FlagNames.Length; i += FlagNameBytes)
        {
            int bit = FlagBits[i / FlagNameBytes];
            if ((flags & bit) != 0)
            {
                writer.TextValue(FlagNames.Slice(i, FlagNameBytes).TrimEnd((byte)' '));
            }
        }

        writer.EndArray();
    }

    private static void WriteSection(EveWriter writer, ReadOnlySpan<byte> property, DnsTransaction dns, DnsSection section)
    {
        if (dns.Count(section) == 0)
        {
            return;
        }

        writer.StartArray(property);
        for (int i = 0; i < dns.RecordCount; i++)
        {
            if (dns[i].Section == section)
            {
                WriteRecord(writer, dns, in dns[i]);
            }
        }

        writer.EndArray();
    }

    private static void WriteRecord(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        Span<byte> type = stackalloc byte[16];
        ReadOnlySpan<byte> name = DnsTables.TypeName(record.Type);
        int length = 0;
        if (name.IsEmpty)
        {
            System.Buffers.Text.Utf8Formatter.TryFormat(record.Type, type, out length);
        }
        else
        {
            System.Text.Ascii.ToLower(name, type, out length);
        }

        writer.StartObject();
        DnsRecordEve.WriteName(writer, dns, record.Name, "rrname"u8, "rrname_truncated"u8);
        if (record.Section == DnsSection.Query)
        {
            writer.Text("rrtype"u8, type[..length]);
        }
        else
        {
            WriteData(writer, dns, in record, type[..length]);
        }

        writer.EndObject();
    }

    private static void WriteData(EveWriter writer, DnsTransaction dns, in DnsRecord record, ReadOnlySpan<byte> type)
    {
        const int text = 16;
        if (record.Type != text)
        {
            DnsRecordEve.WriteUnder(writer, dns, in record, type);
            return;
        }

        ReadOnlySpan<byte> data = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        writer.StartArray(type);
        while (DnsRecordEve.TryTakeString(ref data, out ReadOnlySpan<byte> part))
        {
            writer.BytesValue(part);
        }

        writer.EndArray();
    }
}
