using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Writes the <c>mdns</c> object: types in lower case, each record's data under its type.</summary>
internal sealed class MdnsEve : EveLogger
{
    public override string EventType => "mdns";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var dns = (DnsTransaction)transaction;
        writer.StartObject("mdns"u8);
        writer.Text("type"u8, dns.IsRequest ? "request"u8 : "response"u8);
        writer.Number("tx_id"u8, dns.Id);
        writer.Number("id"u8, (long)dns.MessageId);
        writer.Formatted("flags"u8, dns.Flags, "x");
        writer.Number("opcode"u8, (long)dns.Opcode);
        WriteSection(writer, "queries"u8, dns, DnsSection.Query);
        WriteSection(writer, "answers"u8, dns, DnsSection.Answer);
        WriteSection(writer, "authorities"u8, dns, DnsSection.Authority);
        WriteSection(writer, "additionals"u8, dns, DnsSection.Additional);
        writer.EndObject();
        return true;
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
        writer.Bytes("rrname"u8, dns.Names[record.Name]);
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
        ReadOnlySpan<byte> data = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        switch (record.Type)
        {
            case 16:
                writer.StartArray(type);
                while (DnsRecordEve.TryTakeString(ref data, out ReadOnlySpan<byte> text))
                {
                    writer.BytesValue(text);
                }

                writer.EndArray();
                break;
            case 1 when data.Length == 4:
                writer.Address(type, IpAddress.ReadV4(data), asV4: true);
                break;
            case 28 when data.Length == 16:
                writer.Address(type, IpAddress.ReadV6(data), asV4: false);
                break;
            default:
                if (record.DataName.Exists)
                {
                    writer.Bytes(type, dns.Names[record.DataName]);
                }
                else
                {
                    writer.Text("rrtype"u8, type);
                }

                break;
        }
    }
}
