using System.Text;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>The header fields of a mail that rules or records can show (RFC 5322 §3.6 and what mailers add).</summary>
internal enum MimeField : byte
{
    None,
    From,
    To,
    Cc,
    Bcc,
    Subject,
    ReplyTo,
    Date,
    MessageId,
    XMailer,
    UserAgent,
    Received,
    InReplyTo,
    References,
    Importance,
    Priority,
    Sensitivity,
    Organization,
    ContentMd5,
    XOriginatingIp,
    ContentType,
    ContentDisposition,
    ContentTransferEncoding,
}

/// <summary>Names of the fields on the wire, in records and in options.</summary>
internal static class MimeFields
{
    private static readonly (string Wire, MimeField Field)[] Names =
    [
        ("from", MimeField.From),
        ("to", MimeField.To),
        ("cc", MimeField.Cc),
        ("bcc", MimeField.Bcc),
        ("subject", MimeField.Subject),
        ("reply-to", MimeField.ReplyTo),
        ("date", MimeField.Date),
        ("message-id", MimeField.MessageId),
        ("x-mailer", MimeField.XMailer),
        ("user-agent", MimeField.UserAgent),
        ("received", MimeField.Received),
        ("in-reply-to", MimeField.InReplyTo),
        ("references", MimeField.References),
        ("importance", MimeField.Importance),
        ("priority", MimeField.Priority),
        ("sensitivity", MimeField.Sensitivity),
        ("organization", MimeField.Organization),
        ("content-md5", MimeField.ContentMd5),
        ("x-originating-ip", MimeField.XOriginatingIp),
        ("content-type", MimeField.ContentType),
        ("content-disposition", MimeField.ContentDisposition),
        ("content-transfer-encoding", MimeField.ContentTransferEncoding),
    ];

    private static readonly byte[][] WireNames = Build(dash: true);

    private static readonly byte[][] EveNames = Build(dash: false);

    /// <summary>The field of that name, in any case; <see cref="MimeField.None"/> for one that nobody asks for.</summary>
    public static MimeField Find(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < WireNames.Length; i++)
        {
            if (WireNames[i].Length == name.Length && Ascii.EqualsIgnoreCase(WireNames[i], name))
            {
                return Names[i].Field;
            }
        }

        return MimeField.None;
    }

    /// <summary>The field that an output's <c>custom</c> list names; those that only steer the reader have no record.</summary>
    public static bool TryFindOption(string name, out MimeField field)
    {
        field = MimeField.None;
        foreach ((string wire, MimeField known) in Names)
        {
            if (known < MimeField.ContentType && string.Equals(wire, name, StringComparison.OrdinalIgnoreCase))
            {
                field = known;
                return true;
            }
        }

        return false;
    }

    /// <summary>Its property in the <c>email</c> object.</summary>
    public static ReadOnlySpan<byte> EveName(MimeField field) => EveNames[(int)field - 1];

    /// <summary>Takes the first address of a list (RFC 5322 §3.4): commas within quotes do not end one.</summary>
    public static bool TryTakeAddress(ref ReadOnlySpan<byte> list, out ReadOnlySpan<byte> address)
    {
        address = default;
        while (!list.IsEmpty)
        {
            bool quoted = false;
            int end = 0;
            while (end < list.Length && (quoted || list[end] != (byte)','))
            {
                quoted ^= list[end] == (byte)'"';
                end++;
            }

            address = list[..end].Trim(" \t"u8);
            list = list[Math.Min(list.Length, end + 1)..];
            if (!address.IsEmpty)
            {
                return true;
            }
        }

        return false;
    }

    private static byte[][] Build(bool dash)
    {
        var names = new byte[Names.Length][];
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = Encoding.ASCII.GetBytes(dash ? Names[i].Wire : Names[i].Wire.Replace('-', '_'));
        }

        return names;
    }
}
