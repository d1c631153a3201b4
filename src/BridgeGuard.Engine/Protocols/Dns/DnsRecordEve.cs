using System.Buffers.Binary;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Writes single records: their data in the form that their type has in EVE.</summary>
internal static class DnsRecordEve
{
    private const ushort A = 1;
    private const ushort Soa = 6;
    private const ushort Null = 10;
    private const ushort Txt = 16;
    private const ushort Aaaa = 28;
    private const ushort Srv = 33;
    private const ushort Opt = 41;
    private const ushort Sshfp = 44;

    /// <summary>An OPT record without options says nothing worth a line.</summary>
    public static bool IsHidden(in DnsRecord record) => record.Type == Opt && record.Data.Length == 0;

    public static void WriteType(EveWriter writer, ushort type)
    {
        ReadOnlySpan<byte> name = DnsTables.TypeName(type);
        if (name.IsEmpty)
        {
            writer.Formatted("rrtype"u8, type, default);
        }
        else
        {
            writer.Text("rrtype"u8, name);
        }
    }

    /// <summary>One record; a TXT of several strings is several.</summary>
    public static void Write(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        if (record.Type != Txt)
        {
            WriteHead(writer, dns, in record);
            WriteData(writer, dns, in record);
            writer.EndObject();
            return;
        }

        ReadOnlySpan<byte> rest = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        while (TryTakeString(ref rest, out ReadOnlySpan<byte> text))
        {
            WriteHead(writer, dns, in record);
            writer.Bytes("rdata"u8, text);
            writer.EndObject();
        }
    }

    /// <summary>The answers' data by type.</summary>
    public static void WriteGrouped(EveWriter writer, DnsTransaction dns)
    {
        writer.StartObject("grouped"u8);
        for (int i = 0; i < dns.RecordCount; i++)
        {
            ref readonly DnsRecord record = ref dns[i];
            if (record.Section == DnsSection.Answer && IsGrouped(record.Type) && IsFirstOfType(dns, i))
            {
                writer.StartArray(DnsTables.TypeName(record.Type));
                for (int j = i; j < dns.RecordCount; j++)
                {
                    if (dns[j].Section == DnsSection.Answer && dns[j].Type == record.Type)
                    {
                        WriteValue(writer, dns, in dns[j]);
                    }
                }

                writer.EndArray();
            }
        }

        writer.EndObject();
    }

    private static bool IsGrouped(ushort type) => type is A or 2 or 5 or Null or Soa or 12 or 15 or Txt or Aaaa or Srv or Sshfp;

    private static bool IsFirstOfType(DnsTransaction dns, int index)
    {
        for (int i = 0; i < index; i++)
        {
            if (dns[i].Section == DnsSection.Answer && dns[i].Type == dns[index].Type)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A name, and whether it was cut at its limit.</summary>
    public static void WriteName(EveWriter writer, DnsTransaction dns, Slice name, ReadOnlySpan<byte> field, ReadOnlySpan<byte> truncated)
    {
        writer.Bytes(field, dns.Names[name]);
        if (IsCut(name))
        {
            writer.Bool(truncated, true);
        }
    }

    /// <summary>Longer than any real one, which has 255 bytes on the wire: it ends where the text is at its limit.</summary>
    private static bool IsCut(Slice name) => name.Length >= DnsLimits.MaxNameBytes;

    private static void WriteHead(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        writer.StartObject();
        WriteName(writer, dns, record.Name, "rrname"u8, "rrname_truncated"u8);
        WriteType(writer, record.Type);
        writer.Number("ttl"u8, (ulong)record.Ttl);
    }

    private static void WriteData(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        switch (record.Type)
        {
            case Soa when record.SecondName.Exists:
                writer.Name("soa"u8);
                WriteSoa(writer, dns, in record);
                break;
            case Srv when record.DataName.Exists:
                writer.Name("srv"u8);
                WriteSrv(writer, dns, in record);
                break;
            case Sshfp when record.Data.Length > 2:
                writer.Name("sshfp"u8);
                WriteSshfp(writer, dns, in record);
                break;
            case Opt:
                WriteOptions(writer, dns, in record);
                break;
            case A or Aaaa or Null or 2 or 5 or 12 or 15:
                writer.Name("rdata"u8);
                WriteValue(writer, dns, in record);
                if (IsCut(record.DataName))
                {
                    writer.Bool("rdata_truncated"u8, true);
                }

                break;
        }
    }

    /// <summary>The data under a name; of a type without a form of its own the bytes as they are.</summary>
    public static void WriteUnder(EveWriter writer, DnsTransaction dns, in DnsRecord record, ReadOnlySpan<byte> name)
    {
        switch (record.Type)
        {
            case Soa when record.SecondName.Exists:
                writer.Name("soa"u8);
                WriteSoa(writer, dns, in record);
                break;
            case Opt:
                WriteOptions(writer, dns, in record);
                break;
            case Srv when record.DataName.Exists:
            case Sshfp when record.Data.Length > 2:
            case A or Aaaa:
                writer.Name(name);
                WriteValue(writer, dns, in record);
                break;
            default:
                writer.Bytes(
                    name,
                    record.DataName.Exists ? dns.Names[record.DataName] : dns.Message.Span.Slice(record.Data.Start, record.Data.Length));
                if (IsCut(record.DataName))
                {
                    writer.Bool("rdata_truncated"u8, true);
                }

                break;
        }
    }

    /// <summary>The data as an element of a group.</summary>
    private static void WriteValue(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        ReadOnlySpan<byte> data = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        switch (record.Type)
        {
            case A:
            case Aaaa:
                WriteAddress(writer, data, record.Type == A);
                break;
            case Txt:
                while (TryTakeString(ref data, out ReadOnlySpan<byte> text))
                {
                    writer.BytesValue(text);
                }

                break;
            case Null:
                writer.BytesValue(data);
                break;
            case Soa when record.SecondName.Exists:
                WriteSoa(writer, dns, in record);
                break;
            case Srv when record.DataName.Exists:
                WriteSrv(writer, dns, in record);
                break;
            case Sshfp when data.Length > 2:
                WriteSshfp(writer, dns, in record);
                break;
            default:
                writer.BytesValue(dns.Names[record.DataName]);
                break;
        }
    }

    private static void WriteAddress(EveWriter writer, ReadOnlySpan<byte> data, bool isV4)
    {
        if (data.Length != (isV4 ? 4 : 16))
        {
            writer.TextValue(""u8);
            return;
        }

        Span<byte> text = stackalloc byte[46];
        IpAddress address = isV4 ? IpAddress.ReadV4(data) : IpAddress.ReadV6(data);
        writer.TextValue(text[..address.Format(text, isV4)]);
    }

    private static void WriteSoa(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        ReadOnlySpan<byte> data = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        writer.StartObject();
        WriteName(writer, dns, record.DataName, "mname"u8, "mname_truncated"u8);
        WriteName(writer, dns, record.SecondName, "rname"u8, "rname_truncated"u8);
        writer.Number("serial"u8, (ulong)BinaryPrimitives.ReadUInt32BigEndian(data));
        writer.Number("refresh"u8, (ulong)BinaryPrimitives.ReadUInt32BigEndian(data[4..]));
        writer.Number("retry"u8, (ulong)BinaryPrimitives.ReadUInt32BigEndian(data[8..]));
        writer.Number("expire"u8, (ulong)BinaryPrimitives.ReadUInt32BigEndian(data[12..]));
        writer.Number("minimum"u8, (ulong)BinaryPrimitives.ReadUInt32BigEndian(data[16..]));
        writer.EndObject();
    }

    private static void WriteSrv(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        ReadOnlySpan<byte> data = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        writer.StartObject();
        writer.Number("priority"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(data));
        writer.Number("weight"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(data[2..]));
        writer.Number("port"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(data[4..]));
        writer.Bytes("name"u8, dns.Names[record.DataName]);
        writer.EndObject();
    }

    private static void WriteSshfp(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        ReadOnlySpan<byte> data = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        writer.StartObject();
        writer.HexText("fingerprint"u8, data[2..], (byte)':');
        writer.Number("algo"u8, (long)data[0]);
        writer.Number("type"u8, (long)data[1]);
        writer.EndObject();
    }

    /// <summary>EDNS options (RFC 6891 §6.1.2): code, length, data.</summary>
    private static void WriteOptions(EveWriter writer, DnsTransaction dns, in DnsRecord record)
    {
        ReadOnlySpan<byte> rest = dns.Message.Span.Slice(record.Data.Start, record.Data.Length);
        writer.StartArray("opt"u8);
        while (rest.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (4 + length > rest.Length)
            {
                break;
            }

            writer.StartObject();
            writer.Number("code"u8, (long)BinaryPrimitives.ReadUInt16BigEndian(rest));
            writer.HexText("data"u8, rest.Slice(4, length));
            writer.EndObject();
            rest = rest[(4 + length)..];
        }

        writer.EndArray();
    }

    /// <summary>One character string (RFC 1035 §3.3.14).</summary>
    public static bool TryTakeString(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> text)
    {
        text = default;
        if (rest.IsEmpty)
        {
            return false;
        }

        int length = Math.Min(rest[0], rest.Length - 1);
        text = rest.Slice(1, length);
        rest = rest[(1 + length)..];
        return true;
    }
}
