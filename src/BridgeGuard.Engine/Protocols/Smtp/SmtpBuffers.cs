using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum SmtpBuffer
{
    Helo,
    MailFrom,
    RcptTo,
    EmailFrom,
    EmailSubject,
    EmailTo,
    EmailCc,
    EmailDate,
    EmailMessageId,
    EmailXMailer,
    EmailUrl,
    EmailReceived,
}

/// <summary>The <c>smtp.*</c> and <c>email.*</c> buffers, all of the client's direction.</summary>
internal static class SmtpBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        Envelope("smtp.helo", SmtpBuffer.Helo, "the client's name, as HELO or EHLO give it"),
        Envelope("smtp.mail_from", SmtpBuffer.MailFrom, "the sender of the envelope, as written"),
        Envelope("smtp.rcpt_to", SmtpBuffer.RcptTo, "a recipient of the envelope, as written", isMulti: true),
        Mail("email.from", SmtpBuffer.EmailFrom, "From"),
        Mail("email.subject", SmtpBuffer.EmailSubject, "Subject, not decoded"),
        Mail("email.to", SmtpBuffer.EmailTo, "To"),
        Mail("email.cc", SmtpBuffer.EmailCc, "Cc"),
        Mail("email.date", SmtpBuffer.EmailDate, "Date"),
        Mail("email.message_id", SmtpBuffer.EmailMessageId, "Message-ID"),
        Mail("email.x_mailer", SmtpBuffer.EmailXMailer, "X-Mailer"),
        Mail("email.url", SmtpBuffer.EmailUrl, "a URL found in the text", isMulti: true),
        Mail("email.received", SmtpBuffer.EmailReceived, "a Received field", isMulti: true),
    ];

    private static BufferDescriptor Envelope(string name, SmtpBuffer id, string help, bool isMulti = false) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.ToServer,
        IsMulti = isMulti,
        Help = help,
    };

    private static BufferDescriptor Mail(string name, SmtpBuffer id, string help, bool isMulti = false) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.ToServer,
        ProgressToServer = SmtpProgress.Data,
        IsMulti = isMulti,
        Help = help,
    };
}

/// <summary>The values of the buffers.</summary>
internal sealed partial class SmtpTransaction
{
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        var id = (SmtpBuffer)buffer;
        view = default;
        ReadOnlySpan<byte> data = default;
        bool exists = id switch
        {
            SmtpBuffer.Helo => HasHelo && index == 0 && Show(Helo.Span, out data),
            SmtpBuffer.MailFrom => HasMailFrom && index == 0 && Show(MailFrom.Span, out data),
            SmtpBuffer.RcptTo => index < Recipients.Count && Show(RecipientText[Recipients[index]], out data),
            SmtpBuffer.EmailUrl => index < Message.Urls.Count && Show(Message.Text[Message.Urls[index]], out data),
            _ => Message.TryGet(FieldOf(id), index, out data) && (index == 0 || id == SmtpBuffer.EmailReceived),
        };
        if (exists)
        {
            view = new BufferView(data);
        }

        return exists;
    }

    private static bool Show(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> data)
    {
        data = value;
        return true;
    }

    private static MimeField FieldOf(SmtpBuffer id) => id switch
    {
        SmtpBuffer.EmailFrom => MimeField.From,
        SmtpBuffer.EmailSubject => MimeField.Subject,
        SmtpBuffer.EmailTo => MimeField.To,
        SmtpBuffer.EmailCc => MimeField.Cc,
        SmtpBuffer.EmailDate => MimeField.Date,
        SmtpBuffer.EmailMessageId => MimeField.MessageId,
        SmtpBuffer.EmailXMailer => MimeField.XMailer,
        _ => MimeField.Received,
    };
}
