using System.Buffers.Text;
using System.Text;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Reads first line and headers (RFC 3261 §7.1 to §7.3, §25.1).</summary>
/// <remarks>
/// Header names are compared without regard to case and have their compact forms (§7.3.3). Folded values are kept with their line breaks.
/// Bytes above 127 are taken as they are, except in names.
/// </remarks>
internal static class SipReader
{
    private static ReadOnlySpan<byte> LineEnd => "\r\n"u8;

    /// <summary>False when the text is no message of that kind. It ends with an empty line.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, bool isRequest, SipTransaction transaction)
    {
        int end = text.IndexOf(LineEnd);
        ReadOnlySpan<byte> line = text[..end];
        if (!(isRequest ? TryRequestLine(line, transaction) : TryStatusLine(line, transaction)))
        {
            return false;
        }

        transaction.IsMessage = true;
        transaction.IsRequest = isRequest;
        ReadOnlySpan<byte> rest = text[(end + 2)..];
        while (rest.Length > 2)
        {
            int length = HeaderLength(rest);
            if (length < 0 || !TryHeader(rest[..length], transaction))
            {
                return false;
            }

            rest = rest[(length + 2)..];
        }

        return true;
    }

    /// <summary>The last Content-Length; 0 without one or when it is no number.</summary>
    public static long ContentLength(SipTransaction transaction)
    {
        long length = 0;
        for (int i = 0; transaction.TryGetHeader(SipHeader.ContentLength, i, out Slice value); i++)
        {
            ReadOnlySpan<byte> digits = transaction.Bytes[value];
            length = Utf8Parser.TryParse(digits, out uint number, out int used) && used == digits.Length ? number : 0;
        }

        return length;
    }

    /// <summary>Length of a header with its folded lines, without the last line end.</summary>
    private static int HeaderLength(ReadOnlySpan<byte> rest)
    {
        int at = 0;
        while (true)
        {
            int end = rest[at..].IndexOf(LineEnd);
            if (end < 0)
            {
                return -1;
            }

            at += end;
            if (at + 2 >= rest.Length || rest[at + 2] is not ((byte)' ' or (byte)'\t'))
            {
                return at;
            }

            at += 2;
        }
    }

    private static bool TryHeader(ReadOnlySpan<byte> header, SipTransaction transaction)
    {
        int colon = header.IndexOf((byte)':');
        if (colon < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> name = header[..colon].TrimEnd(" \t"u8);
        foreach (byte value in name)
        {
            if (!IsNameByte(value))
            {
                return false;
            }
        }

        SipHeader which = Identify(name);
        if (which != SipHeader.None)
        {
            transaction.Add(which, transaction.Bytes.Append(header[(colon + 1)..].Trim(" \t\r\n"u8)));
        }

        return true;
    }

    /// <summary>RFC 3261 §25.1, token.</summary>
    private static bool IsNameByte(byte value) =>
        char.IsAsciiLetterOrDigit((char)value) || "-.!%*_+`'~"u8.IndexOf(value) >= 0;

    private static SipHeader Identify(ReadOnlySpan<byte> name)
    {
        if (name.Length == 1)
        {
            return (name[0] | 0x20) switch
            {
                'f' => SipHeader.From,
                't' => SipHeader.To,
                'v' => SipHeader.Via,
                'c' => SipHeader.ContentType,
                'l' => SipHeader.ContentLength,
                _ => SipHeader.None,
            };
        }

        return Is(name, "From"u8) ? SipHeader.From
            : Is(name, "To"u8) ? SipHeader.To
            : Is(name, "Via"u8) ? SipHeader.Via
            : Is(name, "User-Agent"u8) ? SipHeader.UserAgent
            : Is(name, "Content-Type"u8) ? SipHeader.ContentType
            : Is(name, "Content-Length"u8) ? SipHeader.ContentLength
            : SipHeader.None;
    }

    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> other) => Ascii.EqualsIgnoreCase(name, other);

    /// <summary>Method, one space, URI, one space, version.</summary>
    private static bool TryRequestLine(ReadOnlySpan<byte> line, SipTransaction transaction)
    {
        int first = line.IndexOf((byte)' ');
        int second = first < 0 ? -1 : line[(first + 1)..].IndexOf((byte)' ');
        if (first <= 0 || second <= 0)
        {
            return false;
        }

        second += first + 1;
        ReadOnlySpan<byte> version = line[(second + 1)..];
        if (!IsVersion(version))
        {
            return false;
        }

        int start = transaction.Bytes.Append(line).Start;
        transaction.Line = new Slice(start, line.Length);
        transaction.First = new Slice(start, first);
        transaction.Second = new Slice(start + first + 1, second - first - 1);
        transaction.Version = new Slice(start + second + 1, version.Length);
        return true;
    }

    /// <summary>Version, one space, three characters, one space, reason.</summary>
    private static bool TryStatusLine(ReadOnlySpan<byte> line, SipTransaction transaction)
    {
        int space = line.IndexOf((byte)' ');
        if (space <= 0 || !IsVersion(line[..space]) || line.Length < space + 5 || line[space + 4] != ' '
            || line.Slice(space + 1, 3).IndexOf((byte)' ') >= 0)
        {
            return false;
        }

        int start = transaction.Bytes.Append(line).Start;
        transaction.Line = new Slice(start, line.Length);
        transaction.Version = new Slice(start, space);
        transaction.First = new Slice(start + space + 1, 3);
        transaction.Second = new Slice(start + space + 5, line.Length - space - 5);
        return true;
    }

    private static bool IsVersion(ReadOnlySpan<byte> text)
    {
        if (!text.StartsWith("SIP/"u8) || text.Length < 5)
        {
            return false;
        }

        foreach (byte value in text[4..])
        {
            if (value != '.' && !char.IsAsciiDigit((char)value))
            {
                return false;
            }
        }

        return true;
    }
}
