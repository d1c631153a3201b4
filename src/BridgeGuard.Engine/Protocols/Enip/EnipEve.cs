using System.Buffers.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Enip;

/// <summary>Writes the <c>enip</c> object: request and response.</summary>
internal sealed class EnipEve : EveLogger
{
    public override string EventType => "enip";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var enip = (EnipTransaction)transaction;
        writer.StartObject("enip"u8);
        if (enip.Request.Exists)
        {
            writer.StartObject("request"u8);
            WriteMessage(writer, enip.Request, isRequest: true);
            writer.EndObject();
        }

        if (enip.Response.Exists)
        {
            writer.StartObject("response"u8);
            WriteMessage(writer, enip.Response, isRequest: false);
            writer.EndObject();
        }

        writer.EndObject();
        return true;
    }

    private static void WriteMessage(EveWriter writer, EnipMessage message, bool isRequest)
    {
        WriteName(writer, "command"u8, EnipTables.Name(EnipTables.Commands, message.Command), message.Command);
        WriteName(writer, "status"u8, EnipTables.Name(EnipTables.Statuses, message.Status), message.Status);
        switch (message.Content)
        {
            case EnipContent.RegisterSession:
                writer.StartObject("register_session"u8);
                writer.Number("protocol_version"u8, (long)message.ProtocolVersion);
                writer.Number("options"u8, (long)message.Options);
                writer.EndObject();
                break;
            case EnipContent.Services:
                writer.StartObject("list_services"u8);
                writer.Number("protocol_version"u8, (long)message.ProtocolVersion);
                writer.Number("capabilities"u8, (long)message.Options);
                writer.LossyText("service_name"u8, message.Bytes[message.Name]);
                writer.EndObject();
                break;
            case EnipContent.Identity:
                WriteIdentity(writer, message);
                break;
            case EnipContent.Cip:
                WriteCip(writer, message, isRequest);
                break;
        }
    }

    private static void WriteName(EveWriter writer, ReadOnlySpan<byte> member, string? name, uint value)
    {
        if (name is not null)
        {
            writer.Text(member, name);
            return;
        }

        WriteUnknown(writer, member, value);
    }

    private static void WriteName(EveWriter writer, ReadOnlySpan<byte> member, EnipNames names, uint value)
    {
        ReadOnlySpan<byte> name = names[value];
        if (name.IsEmpty)
        {
            WriteUnknown(writer, member, value);
        }
        else
        {
            writer.Text(member, name);
        }
    }

    private static void WriteUnknown(EveWriter writer, ReadOnlySpan<byte> member, uint value)
    {
        Span<byte> text = stackalloc byte[24];
        "unknown-"u8.CopyTo(text);
        Utf8Formatter.TryFormat(value, text[8..], out int digits);
        writer.Text(member, text[..(8 + digits)]);
    }

    private static void WriteIdentity(EveWriter writer, EnipMessage message)
    {
        writer.StartObject("identity"u8);
        writer.Number("protocol_version"u8, (long)message.ProtocolVersion);
        Span<byte> revision = stackalloc byte[8];
        Utf8Formatter.TryFormat(message.RevisionMajor, revision, out int length);
        revision[length++] = (byte)'.';
        Utf8Formatter.TryFormat(message.RevisionMinor, revision[length..], out int more);
        writer.Text("revision"u8, revision[..(length + more)]);
        WriteName(writer, "vendor_id"u8, EnipVendors.Names, message.VendorId);
        WriteName(writer, "device_type"u8, EnipTables.DeviceTypes, message.DeviceType);
        writer.Number("product_code"u8, (long)message.ProductCode);
        writer.Number("status"u8, (long)message.IdentityStatus);
        writer.Number("serial"u8, (long)message.Serial);
        writer.LossyText("product_name"u8, message.Bytes[message.Name]);
        writer.Number("state"u8, (long)message.State);
        writer.EndObject();
    }

    private static void WriteCip(EveWriter writer, EnipMessage message, bool isRequest)
    {
        writer.StartObject("cip"u8);
        WriteService(writer, message, in message.Service(0), isRequest);
        if (message.ServiceCount > 1)
        {
            writer.StartArray("multiple"u8);
            for (int i = 1; i < message.ServiceCount; i++)
            {
                writer.StartObject();
                WriteService(writer, message, in message.Service(i), isRequest);
                writer.EndObject();
            }

            writer.EndArray();
        }

        writer.EndObject();
    }

    private static void WriteService(EveWriter writer, EnipMessage message, in CipService service, bool isRequest)
    {
        WriteName(writer, "service"u8, EnipTables.Services, service.Service);
        if (isRequest)
        {
            WritePath(writer, message, in service);
            return;
        }

        WriteName(writer, "status"u8, EnipTables.CipStatuses, service.Status);
        if (service.ExtendedStatus.Exists)
        {
            ReadOnlySpan<byte> extended = message.Bytes[service.ExtendedStatus];
            writer.HexText("status_extended"u8, extended);
            ReadOnlySpan<byte> meaning = service.Status == 1 && extended.Length == 2
                ? EnipTables.ExtendedStatuses[(uint)(extended[0] | (extended[1] << 8))] : default;
            if (!meaning.IsEmpty)
            {
                writer.Text("status_extended_meaning"u8, meaning);
            }
        }
    }

    private static void WritePath(EveWriter writer, EnipMessage message, in CipService service)
    {
        if (service.SegmentCount == 0)
        {
            return;
        }

        int classAt = -1;
        writer.StartArray("path"u8);
        for (int i = service.FirstSegment; i < service.FirstSegment + service.SegmentCount; i++)
        {
            CipSegment segment = message.Segment(i);
            writer.StartObject();
            switch (segment.Type & 0xfc)
            {
                case 0x20:
                    writer.Text("segment_type"u8, "class"u8);
                    classAt = classAt < 0 ? i : classAt;
                    break;
                case 0x24:
                    writer.Text("segment_type"u8, "instance"u8);
                    break;
                case 0x30:
                    writer.Text("segment_type"u8, "attribute"u8);
                    break;
                default:
                    WriteUnknown(writer, "segment_type"u8, segment.Type);
                    break;
            }

            writer.Number("value"u8, (long)segment.Value);
            writer.EndObject();
        }

        writer.EndArray();
        if (classAt >= 0)
        {
            WriteName(writer, "class_name"u8, EnipTables.Classes, message.Segment(classAt).Value);
        }
    }
}
