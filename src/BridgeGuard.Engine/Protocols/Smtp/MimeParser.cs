using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>How a part's content is written (RFC 2045 §6).</summary>
internal enum MimeEncoding : byte
{
    Identity,
    Base64,
    QuotedPrintable,
    Uuencode,
}

/// <summary>Reads a mail line by line: head, parts within parts, attached mails; opens attachments as files and feeds them.</summary>
/// <remarks>
/// One per flow, used for one mail after the other. A line of any enclosing boundary ends the parts within it (RFC 2046 §5.1.2), so that an inner
/// part left open hides nothing. This file holds heads and structure; <c>MimeParser.Content.cs</c> what a body's lines become.
/// </remarks>
internal sealed partial class MimeParser(SmtpLimits limits)
{
    private readonly ByteBuffer _boundaryText = new();
    private readonly List<Slice> _boundaries = new(SmtpLimits.MaxMimeDepth);
    private readonly ByteBuffer _value = new();
    private readonly ByteBuffer _name = new();
    private readonly ByteBuffer _newBoundary = new();
    private SmtpTransaction _mail = null!;
    private Phase _phase;
    private MimeField _field;
    private bool _hasField;

    /// <summary>The head is the mail's own: its fields are kept.</summary>
    private bool _isTop;
    private bool _hasName;
    private bool _hasContentType;
    private bool _hasDisposition;
    private bool _isAttachedMail;
    private int _lineBytes;

    private enum Phase : byte
    {
        Idle,
        Head,
        Body,

        /// <summary>Before the first and behind the last boundary of a multipart.</summary>
        Between,
    }

    public bool IsOpen => _phase != Phase.Idle;

    public void Begin(SmtpTransaction mail, in ParseContext context)
    {
        Reset();
        _mail = mail;
        mail.Message.Exists = true;
        _isTop = true;
        _phase = Phase.Head;
        if (limits.RawExtraction)
        {
            _file = context.Files.Open(mail.Attachments, "rawmsg"u8, in context);
            if (_file is not null)
            {
                _file.EndIsAnnounced = true; // Nothing is delivered before the mail's own end.
            }
            _phase = Phase.Body;
        }
        else if (!limits.DecodeMime)
        {
            _phase = Phase.Between;
        }
    }

    /// <summary>Takes a line or a piece of a long one.</summary>
    /// <param name="text">Without the line's end.</param>
    /// <param name="end">CR LF or LF; empty when the line goes on.</param>
    /// <param name="isStart">The line begins here.</param>
    /// <param name="context">Of the bytes.</param>
    public void Line(ReadOnlySpan<byte> text, ReadOnlySpan<byte> end, bool isStart, in ParseContext context)
    {
        if (limits.RawExtraction || !limits.DecodeMime)
        {
            Content(text, end, isStart, in context);
            return;
        }

        CheckLength(text.Length, isStart);
        HashBody(text, end);
        if (isStart && TryFindBoundary(text, out int level, out bool isClosing))
        {
            EndPart(in context);
            Leave(level);
            _phase = isClosing ? Phase.Between : Phase.Head;
        }
        else if (_phase == Phase.Head)
        {
            HeadLine(text, !end.IsEmpty, isStart, in context);
        }
        else
        {
            Content(text, end, isStart, in context);
        }
    }

    /// <summary>The mail is over, as it should be.</summary>
    public void End(in ParseContext context)
    {
        if (_phase == Phase.Head)
        {
            EndField();
        }

        FinishContent(isWhole: true, in context);
        FinishBodyHash();
        _phase = Phase.Idle;
    }

    /// <summary>The mail is over before its end.</summary>
    public void Abort(in ParseContext context)
    {
        if (_phase == Phase.Idle)
        {
            return;
        }

        if (_phase == Phase.Head)
        {
            EndField();
        }

        FinishContent(isWhole: false, in context);
        _phase = Phase.Idle;
    }

    /// <summary>Bytes of the mail are lost.</summary>
    public void Gap(long bytes, in ParseContext context)
    {
        if (_file is not null)
        {
            context.Files.Gap(_file, bytes);
        }
    }

    public void Reset()
    {
        _boundaryText.Reset();
        _boundaries.Clear();
        _phase = Phase.Idle;
        _isHashing = false;
        _bodyHash.Reset();
        ResetPart();
        ResetContent();
    }

    private void CheckLength(int bytes, bool isStart)
    {
        _lineBytes = isStart ? bytes : (int)Math.Min(int.MaxValue / 2, (long)_lineBytes + bytes);
        if (_lineBytes > SmtpLimits.MaxMimeLineBytes)
        {
            _mail.Raise(SmtpAnomaly.MimeLongLine);
        }

        if (_lineBytes > SmtpLimits.MaxEncodedLineBytes && _phase == Phase.Body && (_encoding is MimeEncoding.Base64 or MimeEncoding.QuotedPrintable))
        {
            _mail.Raise(SmtpAnomaly.MimeLongEncodedLine);
        }
    }

    private void HeadLine(ReadOnlySpan<byte> text, bool isEnded, bool isStart, in ParseContext context)
    {
        if (!isStart || (_hasField && text.Length > 0 && text[0] is (byte)' ' or (byte)'\t'))
        {
            AppendValue(isStart ? text.TrimStart(" \t"u8) : text);
            return;
        }

        EndField();
        if (text.IsEmpty && isEnded)
        {
            EndHead(in context);
            return;
        }

        int colon = text.IndexOf((byte)':');
        if (colon <= 0)
        {
            return;
        }

        if (colon > SmtpLimits.MaxHeaderNameBytes)
        {
            _mail.Raise(SmtpAnomaly.MimeLongHeaderName);
        }

        ReadOnlySpan<byte> value = text[(colon + 1)..].TrimStart(" \t"u8);
        if (value.Length > limits.HeaderValueDepth)
        {
            _mail.Raise(SmtpAnomaly.MimeLongHeaderValue);
        }

        _field = MimeFields.Find(text[..colon].TrimEnd(" \t"u8));
        _hasField = true;
        _value.Reset();
        AppendValue(value);
    }

    private void AppendValue(ReadOnlySpan<byte> text)
    {
        if (_hasField && _field != MimeField.None)
        {
            _value.Append(text[..Math.Min(text.Length, Math.Max(0, limits.HeaderValueDepth - _value.Length))]);
        }
    }

    private void EndField()
    {
        if (!_hasField)
        {
            return;
        }

        _hasField = false;
        if (_isTop && _field is > MimeField.None and < MimeField.ContentType)
        {
            _mail.Message.Add(_field, _value.Span);
        }

        switch (_field)
        {
            case MimeField.ContentType when !_hasContentType:
                _hasContentType = true;
                ReadContentType(_value.Span);
                break;
            case MimeField.ContentDisposition when !_hasDisposition:
                _hasDisposition = true;
                ReadName("filename"u8);
                break;
            case MimeField.ContentTransferEncoding:
                ReadEncoding(_value.Span.Trim(" \t"u8));
                break;
        }
    }

    private void ReadContentType(ReadOnlySpan<byte> value)
    {
        int end = value.IndexOf((byte)';');
        ReadOnlySpan<byte> type = (end < 0 ? value : value[..end]).Trim(" \t"u8);
        _isText = Ascii.EqualsIgnoreCase(type, "text/plain"u8) || Ascii.EqualsIgnoreCase(type, "text/html"u8);
        _isAttachedMail = Ascii.EqualsIgnoreCase(type, "message/rfc822"u8) || Ascii.EqualsIgnoreCase(type, "message/global"u8);
        _newBoundary.Reset();
        MimeParameters.TryRead(value, "boundary"u8, _newBoundary);
        ReadName("name"u8);
    }

    private void ReadName(ReadOnlySpan<byte> parameter)
    {
        if (_hasName || !MimeParameters.TryRead(_value.Span, parameter, _name) || _name.Length == 0)
        {
            return;
        }

        _hasName = true;
        if (_name.Length > SmtpLimits.MaxFileNameBytes)
        {
            _mail.Raise(SmtpAnomaly.MimeLongFileName);
            _name.Truncate(SmtpLimits.MaxFileNameBytes);
        }
    }

    private void ReadEncoding(ReadOnlySpan<byte> name)
    {
        if (Ascii.EqualsIgnoreCase(name, "base64"u8))
        {
            _encoding = limits.DecodeBase64 ? MimeEncoding.Base64 : MimeEncoding.Identity;
        }
        else if (Ascii.EqualsIgnoreCase(name, "quoted-printable"u8))
        {
            _encoding = limits.DecodeQuotedPrintable ? MimeEncoding.QuotedPrintable : MimeEncoding.Identity;
        }
        else if (Ascii.EqualsIgnoreCase(name, "x-uuencode"u8) || Ascii.EqualsIgnoreCase(name, "uuencode"u8) || Ascii.EqualsIgnoreCase(name, "x-uue"u8))
        {
            _encoding = MimeEncoding.Uuencode;
        }
    }

    /// <summary>The blank line behind a head: what follows is known now.</summary>
    private void EndHead(in ParseContext context)
    {
        if (_isTop)
        {
            BeginBodyHash();
        }

        _isTop = false;
        if (_hasName)
        {
            _mail.Message.AddAttachment(_name.Span);
        }

        // A mail within the mail is read as if it stood here; RFC 2046 §5.2.1 allows it no encoding, whatever its head says.
        if (_isAttachedMail)
        {
            ResetPart();
            _phase = Phase.Head;
            return;
        }

        if (_hasName)
        {
            _file = context.Files.Open(_mail.Attachments, _name.Span, in context);
            if (_file is not null)
            {
                _file.EndIsAnnounced = true; // Nothing is delivered before the mail's own end.
            }
        }

        _phase = Phase.Body;
        EnterMultipart();
    }

    private void EnterMultipart()
    {
        if (_newBoundary.Length == 0)
        {
            return;
        }

        if (_newBoundary.Length > SmtpLimits.MaxBoundaryBytes)
        {
            _mail.Raise(SmtpAnomaly.MimeLongBoundary);
            return;
        }

        if (_boundaries.Count >= SmtpLimits.MaxMimeDepth)
        {
            _mail.Raise(SmtpAnomaly.MimeMalformedMessage);
            return;
        }

        _boundaries.Add(_boundaryText.Append(_newBoundary.Span));
        _isText = false;
    }

    /// <summary>Is the line a boundary of an open multipart? The innermost, longest one counts.</summary>
    private bool TryFindBoundary(ReadOnlySpan<byte> line, out int level, out bool isClosing)
    {
        level = -1;
        isClosing = false;
        if (line.Length < 3 || line[0] != (byte)'-' || line[1] != (byte)'-')
        {
            return false;
        }

        int length = 0;
        line = line[2..];
        for (int i = _boundaries.Count - 1; i >= 0; i--)
        {
            ReadOnlySpan<byte> boundary = _boundaryText[_boundaries[i]];
            if (boundary.Length > length && line.StartsWith(boundary))
            {
                level = i;
                length = boundary.Length;
            }
        }

        isClosing = level >= 0 && line[length..].StartsWith("--"u8);
        return level >= 0;
    }

    private void EndPart(in ParseContext context)
    {
        if (_phase == Phase.Head)
        {
            EndField();
        }

        FlushPart(in context);
        FinishContent(isWhole: true, in context);
        ResetPart();
        _isTop = false;
    }

    /// <summary>Multiparts within the one at <paramref name="level"/> are over.</summary>
    private void Leave(int level)
    {
        if (level + 1 < _boundaries.Count)
        {
            _boundaryText.Truncate(_boundaries[level + 1].Start);
            _boundaries.RemoveRange(level + 1, _boundaries.Count - level - 1);
        }
    }

    private void ResetPart()
    {
        _hasField = false;
        _hasName = false;
        _hasContentType = false;
        _hasDisposition = false;
        _isAttachedMail = false;
        _encoding = MimeEncoding.Identity;
        _isText = true;
        _name.Reset();
        _newBoundary.Reset();
    }
}
