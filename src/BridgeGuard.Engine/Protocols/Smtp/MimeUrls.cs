using System.Text;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>Finds URLs in the text of a mail, a line at a time; lines may come in pieces.</summary>
/// <remarks>A URL ends at a blank, a quote or an angle bracket. Schemes are tried in the configured order, each over the whole line.</remarks>
internal sealed class MimeUrls(SmtpLimits limits)
{
    private static readonly System.Buffers.SearchValues<byte> Ends = System.Buffers.SearchValues.Create(" \t\"'<>\0"u8);

    private readonly ByteBuffer _line = new();
    private bool _isSkipping;

    /// <summary>Adds decoded text; complete lines are searched.</summary>
    public void Append(ReadOnlySpan<byte> text, MimeMessage message, bool keepLineFeed)
    {
        while (!text.IsEmpty)
        {
            int feed = text.IndexOf((byte)'\n');
            ReadOnlySpan<byte> piece = feed < 0 ? text : text[..(keepLineFeed ? feed + 1 : feed)];
            if (!_isSkipping)
            {
                int room = SmtpLimits.MaxUrlLineBytes - _line.Length;
                _line.Append(piece[..Math.Min(room, piece.Length)]);
                _isSkipping = piece.Length > room;
            }

            if (feed < 0)
            {
                return;
            }

            Finish(message);
            text = text[(feed + 1)..];
        }
    }

    /// <summary>Searches what there is: the end of a line or of the part.</summary>
    public void Finish(MimeMessage message)
    {
        ReadOnlySpan<byte> line = _line.Span;
        if (line.IndexOf("://"u8) >= 0)
        {
            foreach (byte[] scheme in limits.UrlSchemes)
            {
                Search(line, scheme, message);
            }
        }

        Reset();
    }

    public void Reset()
    {
        _line.Reset();
        _isSkipping = false;
    }

    private void Search(ReadOnlySpan<byte> line, ReadOnlySpan<byte> scheme, MimeMessage message)
    {
        int at = 0;
        while (true)
        {
            int found = line[at..].IndexOf("://"u8);
            if (found < 0)
            {
                return;
            }

            int behind = at + found + 3;
            at = behind;
            int start = behind - scheme.Length;
            if (start < 0 || !Ascii.EqualsIgnoreCase(line[start..behind], scheme))
            {
                continue;
            }

            int length = line[behind..].IndexOfAny(Ends);
            int end = length < 0 ? line.Length : behind + length;
            message.AddUrl(line[(limits.LogUrlScheme ? start : behind)..end]);
            at = end;
        }
    }
}
