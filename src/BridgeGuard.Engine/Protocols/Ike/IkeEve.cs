using System.Buffers.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ike;

/// <summary>Writes the <c>ike</c> object.</summary>
internal sealed class IkeEve : EveLogger
{
    private const byte InitiatorFlag = 8;

    public override string EventType => "ike";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var ike = (IkeTransaction)transaction;
        writer.StartObject("ike"u8);
        writer.Number("version_major"u8, (long)ike.Major);
        writer.Number("version_minor"u8, 0L);
        writer.Text("init_spi"u8, ike.InitiatorSpi);
        writer.Text("resp_spi"u8, ike.ResponderSpi);
        writer.Number("message_id"u8, (long)ike.MessageId);
        writer.Number("exchange_type"u8, (long)ike.ExchangeType);
        if (ike.Major == 1)
        {
            if (detail == EveDetail.Alert && IkeTables.Exchange1(ike.ExchangeType) is { Length: > 0 } exchange)
            {
                writer.Text("exchange_type_verbose"u8, exchange);
            }

            WriteAttributes(writer, ike.Agreed);
            WriteServerProposals(writer, ike);
            WritePayloads(writer, ike);
            WriteVersion1(writer, ike);
        }
        else
        {
            bool isInitiator = (ike.Flags & InitiatorFlag) != 0;
            writer.Text("role"u8, isInitiator ? "initiator"u8 : "responder"u8);
            if (!isInitiator)
            {
                WriteChosen(writer, "alg_enc"u8, ike, IkeTransform2.Encryption);
                WriteChosen(writer, "alg_auth"u8, ike, IkeTransform2.Integrity);
                WriteChosen(writer, "alg_prf"u8, ike, IkeTransform2.Prf);
                WriteChosen(writer, "alg_dh"u8, ike, IkeTransform2.Group);
                WriteChosen(writer, "alg_esn"u8, ike, IkeTransform2.SequenceNumbers);
            }

            WritePayloads(writer, ike);
            WriteVersion2(writer, ike);
        }

        writer.EndObject();
        return true;
    }

    private static void WritePayloads(EveWriter writer, IkeTransaction ike)
    {
        writer.StartArray("payload"u8);
        for (int i = 0; i < ike.PayloadCount; i++)
        {
            byte type = ike.Payload(i);
            string name = ike.Major == 1 ? IkeTables.Payload1(type) : IkeTables.Payload2(type);
            if (name.Length > 0)
            {
                writer.TextValue(name);
            }
            else if (ike.Major == 2)
            {
                WriteUnknown(writer, "IkePayloadType", type);
            }
        }

        writer.EndArray();
    }

    private static void WriteVersion1(EveWriter writer, IkeTransaction ike)
    {
        writer.StartObject("ikev1"u8);
        if (ike.Doi is { } doi)
        {
            writer.Number("doi"u8, (long)doi);
        }

        writer.Bool("encrypted_payloads"u8, ike.IsEncrypted);
        if (!ike.IsEncrypted)
        {
            WritePeer(writer, "client"u8, ike, Direction.ToServer);
            WritePeer(writer, "server"u8, ike, Direction.ToClient);
            WriteVendors(writer, ike);
        }

        writer.EndObject();
    }

    private static void WritePeer(EveWriter writer, ReadOnlySpan<byte> name, IkeTransaction ike, Direction direction)
    {
        writer.StartObject(name);
        WriteBytes(writer, "key_exchange_payload"u8, "key_exchange_payload_length"u8, ike, ike.KnownKeyExchange[(int)direction]);
        WriteBytes(writer, "nonce_payload"u8, "nonce_payload_length"u8, ike, ike.KnownNonce[(int)direction]);
        if (direction == Direction.ToServer && ike.ExistsIn(Direction.ToServer) && ike.TransformCount > 0)
        {
            WriteProposals(writer, "proposals"u8, ike);
        }

        writer.EndObject();
    }

    private static void WriteProposals(EveWriter writer, ReadOnlySpan<byte> name, IkeTransaction ike)
    {
        writer.StartArray(name);
        for (int i = 0; i < ike.TransformCount; i++)
        {
            writer.StartObject();
            WriteAttributes(writer, ike.Transform(i));
            writer.EndObject();
        }

        writer.EndArray();
    }

    /// <summary>A responder that answers with more than the one it takes.</summary>
    private static void WriteServerProposals(EveWriter writer, IkeTransaction ike)
    {
        if (ike.ExistsIn(Direction.ToClient) && ike.TransformCount > 1)
        {
            WriteProposals(writer, "server_proposals"u8, ike);
        }
    }

    private static void WriteAttributes(EveWriter writer, IkeAttributeList list)
    {
        Span<byte> raw = stackalloc byte[32];
        for (int i = 0; i < list.Count; i++)
        {
            IkeAttribute attribute = list[i];
            string name = IkeTables.Attribute1(attribute.Type);
            int length = System.Text.Encoding.ASCII.GetBytes(name, raw);
            writer.Text(raw[..length], attribute.Bytes.Exists ? "Unknown" : IkeTables.Value1(attribute.Type, attribute.Value));
            "_raw"u8.CopyTo(raw[length..]);
            if (attribute.Bytes.Exists)
            {
                writer.HexText(raw[..(length + 4)], list.BytesOf(in attribute));
            }
            else
            {
                writer.Number(raw[..(length + 4)], (long)attribute.Value);
            }
        }
    }

    private static void WriteVendors(EveWriter writer, IkeTransaction ike)
    {
        if (ike.VendorCount == 0)
        {
            return;
        }

        writer.StartArray("vendor_ids"u8);
        for (int i = 0; i < ike.VendorCount; i++)
        {
            writer.TextValue(ike.Vendor(i));
        }

        writer.EndArray();
    }

    private static void WriteBytes(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> lengthName, IkeTransaction ike, Slice value)
    {
        if (value.Exists)
        {
            writer.HexText(name, ike.Bytes[value]);
            writer.Number(lengthName, (long)value.Length);
        }
    }

    private static void WriteChosen(EveWriter writer, ReadOnlySpan<byte> property, IkeTransaction ike, IkeTransform2 type)
    {
        ushort id = ike.Chosen(type);
        string name = IkeTables.Transform2(type, id);
        writer.Name(property);
        if (name.Length > 0)
        {
            writer.TextValue(name);
        }
        else
        {
            WriteUnknown(writer, IkeTables.UnknownTransform2(type), id);
        }
    }

    private static void WriteVersion2(EveWriter writer, IkeTransaction ike)
    {
        writer.StartObject("ikev2"u8);
        writer.Number("errors"u8, (long)ike.ErrorCount);
        if (ike.NotificationCount > 0)
        {
            writer.StartArray("notify"u8);
            for (int i = 0; i < ike.NotificationCount; i++)
            {
                ushort type = ike.Notification(i);
                string name = IkeTables.Notification2(type);
                if (name.Length > 0)
                {
                    writer.TextValue(name);
                }
                else
                {
                    WriteUnknown(writer, "NotifyType", type);
                }
            }

            writer.EndArray();
        }

        writer.EndObject();
    }

    /// <summary><c>NotifyType(3 / 0x3)</c>.</summary>
    private static void WriteUnknown(EveWriter writer, string type, ushort value)
    {
        Span<byte> text = stackalloc byte[48];
        int length = System.Text.Encoding.ASCII.GetBytes(type, text);
        text[length++] = (byte)'(';
        Utf8Formatter.TryFormat(value, text[length..], out int written);
        length += written;
        " / 0x"u8.CopyTo(text[length..]);
        length += 5;
        value.TryFormat(text[length..], out written, "x");
        length += written;
        text[length++] = (byte)')';
        writer.TextValue(text[..length]);
    }
}
