using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

// What the lines of a body become: decoded bytes for the part's file, text for URLs, the digest over the body.
internal sealed partial class MimeParser
{
    private readonly ByteBuffer _decoded = new();
    private readonly MimeUrls _urls = new(limits);
    private readonly FileHasher _bodyHash = new();
    private MimeEncoding _encoding;
    private MimeBase64 _base64;
    private MimeQuotedPrintable _quoted;
    private MimeUuencode _uuencoded;
    private TrackedFile? _file;

    /// <summary>The last line's end; it belongs to the content only when another line of the part follows (RFC 2046 §5.1.1).</summary>
    private byte _heldEnd;

    /// <summary>URLs are looked for: plain text, HTML, or no type given.</summary>
    private bool _isText = true;
    private bool _isHashing;

    private void Content(ReadOnlySpan<byte> text, ReadOnlySpan<byte> end, bool isStart, in ParseContext context)
    {
        bool wantsUrls = _isText && limits.ExtractUrls && _phase == Phase.Body && !limits.RawExtraction;
        if (_phase == Phase.Body && (_encoding is MimeEncoding.Identity or MimeEncoding.Uuencode) && TakeUuencoded(text, isStart, in context))
        {
            return;
        }

        if (_phase != Phase.Body || (_file is null && !wantsUrls && _encoding == MimeEncoding.Identity))
        {
            return;
        }

        _decoded.Reset();
        switch (_encoding)
        {
            case MimeEncoding.Base64:
                if (!_base64.Append(text, _decoded))
                {
                    _mail.Raise(SmtpAnomaly.MimeInvalidBase64);
                }

                Emit(_decoded.Span, wantsUrls, keepLineFeed: false, in context);
                break;

            case MimeEncoding.QuotedPrintable:
                if (_heldEnd != 0)
                {
                    _decoded.Append(_heldEnd == 2 ? "\r\n"u8 : "\n"u8);
                    _heldEnd = 0;
                }

                bool valid = _quoted.Append(text, _decoded);
                if (text.IsEmpty && isStart && !_quoted.IsWithinEscape)
                {
                    // An empty line may be the one before a boundary.
                    _heldEnd = (byte)end.Length;
                }
                else
                {
                    valid &= end.IsEmpty || _quoted.EndLine(end, _decoded);
                }

                if (!valid)
                {
                    _mail.Raise(SmtpAnomaly.MimeInvalidQuotedPrintable);
                }

                Emit(_decoded.Span, wantsUrls, keepLineFeed: true, in context);
                break;

            default:
                IdentityContent(text, end, wantsUrls, in context);
                break;
        }
    }

    /// <summary>
    /// Mails from before MIME have files in their text, without a word in the head; newer ones name the encoding. Between <c>begin</c> and <c>end</c> lines are the file's, whatever
    /// stands around them in an encoded part is dropped as every reader does.
    /// </summary>
    /// <returns>False when the line is plain text.</returns>
    private bool TakeUuencoded(ReadOnlySpan<byte> text, bool isStart, in ParseContext context)
    {
        bool isLabelled = _encoding == MimeEncoding.Uuencode;
        if (!_uuencoded.IsWithin)
        {
            if (isStart && (isLabelled || (_isText && _file is null && limits.DecodeMime)) && MimeUuencode.TryReadBegin(text, out ReadOnlySpan<byte> name))
            {
                _uuencoded.Begin();
                _file ??= OpenUuencoded(name, in context);
                return true;
            }

            return isLabelled;
        }

        // The rest of a line that is far too long says nothing.
        _decoded.Reset();
        if (isStart && !_uuencoded.Append(text, _decoded) && _file is not null)
        {
            context.Files.Close(_file, FileState.Closed);
            _file = null;
        }

        if (_file is not null)
        {
            context.Files.Append(_file, _decoded.Span);
        }

        return true;
    }

    private TrackedFile? OpenUuencoded(ReadOnlySpan<byte> name, in ParseContext context)
    {
        name = name[..Math.Min(name.Length, SmtpLimits.MaxFileNameBytes)];
        _mail.Message.AddAttachment(name);
        return context.Files.Open(_mail.Attachments, name, in context);
    }

    private void IdentityContent(ReadOnlySpan<byte> text, ReadOnlySpan<byte> end, bool wantsUrls, in ParseContext context)
    {
        if (_file is not null)
        {
            if (_heldEnd != 0)
            {
                context.Files.Append(_file, _heldEnd == 2 ? "\r\n"u8 : "\n"u8);
            }

            context.Files.Append(_file, text);
            if (limits.RawExtraction)
            {
                context.Files.Append(_file, end);
            }
            else
            {
                _heldEnd = (byte)end.Length;
            }
        }

        if (wantsUrls)
        {
            _urls.Append(text, _mail.Message, keepLineFeed: true);
            _urls.Append(end, _mail.Message, keepLineFeed: true);
        }
    }

    private void Emit(ReadOnlySpan<byte> decoded, bool wantsUrls, bool keepLineFeed, in ParseContext context)
    {
        if (_file is not null)
        {
            context.Files.Append(_file, decoded);
        }

        if (wantsUrls)
        {
            _urls.Append(decoded, _mail.Message, keepLineFeed);
        }
    }

    /// <summary>A boundary ends the part: a shortened last Base64 group still counts.</summary>
    private void FlushPart(in ParseContext context)
    {
        if (_phase == Phase.Body && _encoding == MimeEncoding.Base64)
        {
            _decoded.Reset();
            _base64.Finish(_decoded);
            Emit(_decoded.Span, _isText && limits.ExtractUrls, keepLineFeed: false, in context);
        }
    }

    private void FinishContent(bool isWhole, in ParseContext context)
    {
        if (_phase == Phase.Body && _isText && limits.ExtractUrls && !limits.RawExtraction)
        {
            _urls.Finish(_mail.Message);
        }

        if (_file is not null)
        {
            context.Files.Close(_file, isWhole ? FileState.Closed : FileState.Truncated);
        }

        ResetContent();
    }

    private void ResetContent()
    {
        _file = null;
        _base64 = default;
        _quoted = default;
        _uuencoded = default;
        _heldEnd = 0;
        _decoded.Reset();
        _urls.Reset();
    }

    private void BeginBodyHash()
    {
        _isHashing = limits.BodyMd5;
        if (_isHashing)
        {
            _bodyHash.Begin(FileHashes.Md5);
        }
    }

    private void HashBody(ReadOnlySpan<byte> text, ReadOnlySpan<byte> end)
    {
        if (_isHashing)
        {
            _bodyHash.Append(text);
            _bodyHash.Append(end);
        }
    }

    private void FinishBodyHash()
    {
        if (_isHashing)
        {
            _isHashing = false;
            _bodyHash.Finish();
            _mail.Message.SetBodyMd5(_bodyHash.Md5);
        }
    }
}
