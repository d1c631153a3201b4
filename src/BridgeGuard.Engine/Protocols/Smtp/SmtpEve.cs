using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>Writes the <c>smtp</c> object and, where there is a mail, the <c>email</c> object beside it.</summary>
/// <remarks>Options: <c>custom</c> (fields by name), <c>md5</c> (<c>body</c>, <c>subject</c>). As in Suricata, <c>extended</c> adds nothing to them.</remarks>
internal sealed class SmtpEve : EveLogger
{
    public override string EventType => "smtp";

    public override bool WritesTransactionId => true;

    public override byte ProgressToServer => SmtpProgress.Complete;

    public override byte ProgressToClient => SmtpProgress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var smtp = (SmtpTransaction)transaction;
        writer.StartObject("smtp"u8);
        if (smtp.HasHelo)
        {
            writer.Bytes("helo"u8, smtp.Helo.Span);
        }

        if (smtp.HasMailFrom)
        {
            writer.Bytes("mail_from"u8, smtp.MailFrom.Span);
        }

        if (smtp.Recipients.Count > 0)
        {
            writer.StartArray("rcpt_to"u8);
            foreach (Slice recipient in smtp.Recipients)
            {
                writer.BytesValue(smtp.RecipientText[recipient]);
            }

            writer.EndArray();
        }

        writer.EndObject();
        if (smtp.Message is { Exists: true, CameInChunks: false })
        {
            writer.StartObject("email"u8);
            WriteBasic(writer, smtp.Message);
            if (detail == EveDetail.Record)
            {
                WriteAsConfigured(writer, smtp.Message, writer.Options);
            }

            writer.EndObject();
        }

        return true;
    }

    private static void WriteBasic(EveWriter writer, MimeMessage mail)
    {
        WriteField(writer, mail, MimeField.From);
        WriteField(writer, mail, MimeField.To);
        WriteField(writer, mail, MimeField.Cc);
        writer.Text("status"u8, "PARSE_DONE"u8);
        if (mail.Attachments.Count > 0)
        {
            writer.StartArray("attachment"u8);
            foreach (Slice name in mail.Attachments)
            {
                writer.BytesValue(mail.Text[name]);
            }

            writer.EndArray();
        }

        // Newest first, as consumers have always seen them.
        if (mail.Urls.Count > 0)
        {
            writer.StartArray("url"u8);
            for (int i = mail.Urls.Count - 1; i >= 0; i--)
            {
                writer.BytesValue(mail.Text[mail.Urls[i]]);
            }

            writer.EndArray();
        }
    }

    private static void WriteAsConfigured(EveWriter writer, MimeMessage mail, ProtocolSettings options)
    {
        ulong written = 0;
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Key.StartsWith("custom", StringComparison.Ordinal) && MimeFields.TryFindOption(option.Value, out MimeField field)
                && (written & (1UL << (int)field)) == 0)
            {
                written |= 1UL << (int)field;
                WriteField(writer, mail, field);
            }
        }

        Span<byte> digest = stackalloc byte[16];
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (!option.Key.StartsWith("md5", StringComparison.Ordinal))
            {
                continue;
            }

            if (option.Value == "subject" && mail.TryGet(MimeField.Subject, 0, out ReadOnlySpan<byte> subject))
            {
                Files.FileHasher.Md5Of(subject, digest);
                writer.HexText("subject_md5"u8, digest);
            }
            else if (option.Value == "body" && mail.BodyMd5.Length > 0)
            {
                writer.HexText("body_md5"u8, mail.BodyMd5);
            }
        }
    }

    /// <summary>A field without any text is not shown; one whose text is no address, as it is.</summary>
    private static void WriteAddresses(EveWriter writer, ReadOnlySpan<byte> property, ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
        {
            return;
        }

        ReadOnlySpan<byte> rest = value;
        writer.StartArray(property);
        bool isFound = MimeFields.TryTakeAddress(ref rest, out ReadOnlySpan<byte> address);
        writer.BytesValue(isFound ? address : value);
        while (isFound && MimeFields.TryTakeAddress(ref rest, out address))
        {
            writer.BytesValue(address);
        }

        writer.EndArray();
    }

    private static void WriteField(EveWriter writer, MimeMessage mail, MimeField field)
    {
        if (!mail.TryGet(field, 0, out ReadOnlySpan<byte> value))
        {
            return;
        }

        ReadOnlySpan<byte> property = MimeFields.EveName(field);
        if (field is MimeField.To or MimeField.Cc or MimeField.Bcc)
        {
            WriteAddresses(writer, property, value);
        }
        else if (field == MimeField.Received)
        {
            writer.StartArray(property);
            for (int i = 0; mail.TryGet(field, i, out value); i++)
            {
                writer.BytesValue(value);
            }

            writer.EndArray();
        }
        else
        {
            writer.Bytes(property, value);
        }
    }
}
