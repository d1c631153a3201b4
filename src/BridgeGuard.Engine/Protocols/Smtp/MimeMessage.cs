using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>What is kept of a mail: known header fields of its own head, URLs of its text, names of its attachments.</summary>
/// <remarks>Owned by its transaction. Bounded by the counts and <see cref="SmtpLimits.MaxMailTextBytes"/>.</remarks>
internal sealed class MimeMessage
{
    private readonly List<(MimeField Field, Slice Value)> _fields = [];
    private readonly byte[] _bodyMd5 = new byte[16];
    private bool _hasBodyMd5;

    /// <summary>All values, one behind the other.</summary>
    public ByteBuffer Text { get; } = new();

    public List<Slice> Urls { get; } = [];

    public List<Slice> Attachments { get; } = [];

    /// <summary>There is a mail: DATA or BDAT was asked for.</summary>
    public bool Exists { get; set; }

    /// <summary>It was sent with BDAT: as in Suricata records do not show such mails, whatever rules find in them.</summary>
    public bool CameInChunks { get; set; }

    /// <summary>MD5 of the body as it was sent, 16 bytes; empty when not asked for or unfinished.</summary>
    public ReadOnlySpan<byte> BodyMd5 => _hasBodyMd5 ? _bodyMd5 : default;

    public void SetBodyMd5(ReadOnlySpan<byte> digest)
    {
        digest.CopyTo(_bodyMd5);
        _hasBodyMd5 = digest.Length == _bodyMd5.Length;
    }

    /// <summary>The <paramref name="index"/>th field of that name, unfolded.</summary>
    public bool TryGet(MimeField field, int index, out ReadOnlySpan<byte> value)
    {
        for (int i = 0; i < _fields.Count; i++)
        {
            if (_fields[i].Field == field && index-- == 0)
            {
                value = Text[_fields[i].Value];
                return true;
            }
        }

        value = default;
        return false;
    }

    public void Add(MimeField field, ReadOnlySpan<byte> value)
    {
        if (_fields.Count < SmtpLimits.MaxFields && HasRoom(value.Length))
        {
            _fields.Add((field, Text.Append(value)));
        }
    }

    public void AddUrl(ReadOnlySpan<byte> url)
    {
        if (Urls.Count < SmtpLimits.MaxUrls && HasRoom(url.Length))
        {
            Urls.Add(Text.Append(url));
        }
    }

    public void AddAttachment(ReadOnlySpan<byte> name)
    {
        if (Attachments.Count < SmtpLimits.MaxAttachments && HasRoom(name.Length))
        {
            Attachments.Add(Text.Append(name));
        }
    }

    public void Reset()
    {
        Text.Reset();
        _fields.Clear();
        Urls.Clear();
        Attachments.Clear();
        Exists = false;
        CameInChunks = false;
        _hasBodyMd5 = false;
    }

    private bool HasRoom(int bytes) => Text.Length + bytes <= SmtpLimits.MaxMailTextBytes;
}
