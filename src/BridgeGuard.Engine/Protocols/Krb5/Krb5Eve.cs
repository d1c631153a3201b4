using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Writes the <c>krb5</c> object.</summary>
internal sealed class Krb5Eve : EveLogger
{
    public override string EventType => "krb5";

    public override byte ProgressToServer => 1;

    public override byte ProgressToClient => 1;

    public override bool UsesCarryingPacket => true;

    public override bool UsesPacketDirection(Transaction transaction) => true;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var krb5 = (Krb5Transaction)transaction;
        if (krb5.MessageType == 0)
        {
            return false;
        }

        writer.StartObject("krb5"u8);
        writer.Text("msg_type"u8, Krb5Tables.MessageType(krb5.MessageType));
        if (krb5.MessageType == Krb5Message.Error)
        {
            writer.Text("failed_request"u8, Krb5Tables.MessageType(krb5.FailedRequest));
            ReadOnlySpan<byte> code = Krb5Tables.ErrorCode(krb5.ErrorCode);
            if (code.IsEmpty)
            {
                WriteNumbered(writer, "error_code"u8, "ErrorCode("u8, krb5.ErrorCode);
            }
            else
            {
                writer.Text("error_code"u8, code);
            }
        }

        WriteNames(writer, "cname"u8, krb5, krb5.ClientNames);
        if (krb5.Realm.Exists)
        {
            writer.Bytes("realm"u8, krb5.Text[krb5.Realm]);
        }
        else
        {
            writer.Text("realm"u8, "<empty>"u8);
        }

        WriteNames(writer, "sname"u8, krb5, krb5.ServerNames);
        if (krb5.HasEncryption)
        {
            WriteEncryption(writer, "encryption"u8, krb5.Encryption);
        }
        else
        {
            writer.Text("encryption"u8, "<none>"u8);
        }

        writer.Bool("weak_encryption"u8, krb5.HasEncryption && Krb5Tables.IsWeak(krb5.Encryption));
        if (krb5.HasTicket)
        {
            WriteEncryption(writer, "ticket_encryption"u8, krb5.TicketEncryption);
            writer.Bool("ticket_weak_encryption"u8, Krb5Tables.IsWeak(krb5.TicketEncryption));
        }

        writer.EndObject();
        return true;
    }

    /// <summary>The parts with slashes between them.</summary>
    private static void WriteNames(EveWriter writer, ReadOnlySpan<byte> name, Krb5Transaction krb5, ReadOnlySpan<Slice> parts)
    {
        if (parts.IsEmpty)
        {
            writer.Text(name, "<empty>"u8);
            return;
        }

        // Joined behind the names, and taken away again: the buffer keeps its size.
        int start = krb5.Text.Length;
        for (int i = 0; i < parts.Length; i++)
        {
            if (i > 0)
            {
                krb5.Text.Append((byte)'/');
            }

            krb5.Text.AppendCopy(parts[i]);
        }

        writer.Bytes(name, krb5.Text.Span[start..]);
        krb5.Text.Truncate(start);
    }

    private static void WriteEncryption(EveWriter writer, ReadOnlySpan<byte> name, int encryption)
    {
        if (Krb5Tables.Encryption(encryption) is { } known)
        {
            writer.Text(name, known);
        }
        else
        {
            WriteNumbered(writer, name, "EncryptionType("u8, encryption);
        }
    }

    private static void WriteNumbered(EveWriter writer, ReadOnlySpan<byte> name, ReadOnlySpan<byte> prefix, int number)
    {
        Span<byte> text = stackalloc byte[32];
        prefix.CopyTo(text);
        System.Buffers.Text.Utf8Formatter.TryFormat(number, text[prefix.Length..], out int length);
        text[prefix.Length + length] = (byte)')';
        writer.Text(name, text[..(prefix.Length + length + 1)]);
    }
}
