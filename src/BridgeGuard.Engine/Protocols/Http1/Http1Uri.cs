using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Normalises request targets the way servers of all kinds might read them (RFC 3986 §6 and what is laxer).</summary>
internal static class Http1Uri
{
    /// <summary>Fills the transaction's normalised URI, and its host when the target names one.</summary>
    /// <param name="uri">As on the wire.</param>
    /// <param name="transaction">Gets the result.</param>
    /// <param name="limits">Choices of decoding.</param>
    public static void Normalize(ReadOnlySpan<byte> uri, Http1Transaction transaction, Http1Limits limits)
    {
        ReadOnlySpan<byte> rest = uri;
        if (transaction.IsConnect)
        {
            SetAuthority(rest, transaction);
            return;
        }

        int scheme = rest.IndexOf("://"u8);
        if (scheme > 0 && rest[..scheme].IndexOfAny((byte)'/', (byte)'?') < 0)
        {
            ReadOnlySpan<byte> after = rest[(scheme + 3)..];
            int end = after.IndexOfAny((byte)'/', (byte)'?', (byte)'#');
            end = end < 0 ? after.Length : end;
            SetAuthority(after[..end], transaction);
            if (limits.UriIncludesAll)
            {
                transaction.Uri.Append(rest[..(scheme + 3)]);
                transaction.Uri.Append(after[..end]);
            }

            rest = after[end..];
        }

        int query = rest.IndexOfAny((byte)'?', (byte)'#');
        ReadOnlySpan<byte> path = query < 0 ? rest : rest[..query];
        AppendPath(path, transaction.Uri, limits.DoubleDecodePath);
        transaction.UriPathLength = transaction.Uri.Length;
        if (query >= 0)
        {
            AppendQuery(rest[query..], transaction.Uri, limits);
        }
    }

    /// <summary>Name without port and user information.</summary>
    /// <param name="authority">As written; may hold an IPv6 address in brackets.</param>
    /// <param name="port">0: none or unreadable.</param>
    /// <param name="isValid">A name of labels (RFC 1123 §2.1, and underscores) or an address, and a port that is a number other than 0.</param>
    public static ReadOnlySpan<byte> SplitAuthority(ReadOnlySpan<byte> authority, out ushort port, out bool isValid)
    {
        port = 0;
        ReadOnlySpan<byte> text = Http1Text.Trim(authority);
        int at = text.LastIndexOf((byte)'@');
        text = text[(at + 1)..];
        int nameEnd = text.Length;
        bool isBracketed = text.StartsWith((byte)'[');
        int bracket = isBracketed ? text.IndexOf((byte)']') : -1;
        if (isBracketed && bracket < 0)
        {
            // An address that does not end is no address; all of it is shown.
            port = 0;
            isValid = false;
            return text;
        }

        int from = Math.Max(bracket, 0);
        int colon = text[from..].IndexOf((byte)':');
        colon = colon < 0 ? -1 : from + colon;

        isValid = true;
        if (colon >= 0)
        {
            nameEnd = colon;
            ReadOnlySpan<byte> digits = text[(colon + 1)..];
            digits = Http1Text.Trim(digits);
            digits = digits.StartsWith((byte)'+') ? digits[1..] : digits;
            isValid = digits.IsEmpty || (System.Buffers.Text.Utf8Parser.TryParse(digits, out port, out int used) && used == digits.Length && port != 0);
        }

        ReadOnlySpan<byte> name = text[..nameEnd];
        isValid &= name.IsEmpty || (isBracketed ? IsAddress(name) : IsName(name));
        return name;
    }

    /// <summary>Labels of at most 63 letters, digits, hyphens and underscores, 255 bytes in all; a dot may end the name (RFC 1035 §2.3.4).</summary>
    private static bool IsName(ReadOnlySpan<byte> name)
    {
        name = name.EndsWith((byte)'.') ? name[..^1] : name;
        if (name.IsEmpty || name.Length > MaxNameBytes)
        {
            return false;
        }

        int label = 0;
        foreach (byte value in name)
        {
            label = value == (byte)'.' ? 0 : label + 1;
            if (label > MaxLabelBytes || (value != (byte)'.' && !NameBytes.Contains(value)))
            {
                return false;
            }
        }

        return !name.StartsWith((byte)'.') && label > 0 && name.IndexOf(".."u8) < 0;
    }

    /// <summary>What stands in brackets could be an IPv6 address.</summary>
    private static bool IsAddress(ReadOnlySpan<byte> name) => name.Length > 2 && name[^1] == (byte)']' && name[1..^1].IndexOfAnyExcept(AddressBytes) < 0;

    private static readonly System.Buffers.SearchValues<byte> NameBytes = System.Buffers.SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"u8);

    private static readonly System.Buffers.SearchValues<byte> AddressBytes = System.Buffers.SearchValues.Create("0123456789ABCDEFabcdef:."u8);

    private const int MaxNameBytes = 255;

    private const int MaxLabelBytes = 63;

    private static void SetAuthority(ReadOnlySpan<byte> authority, Http1Transaction transaction)
    {
        ReadOnlySpan<byte> name = SplitAuthority(authority, out ushort port, out bool isValid);
        if (!isValid)
        {
            transaction.Raise(Http1Anomaly.RequestUriHostInvalid);
        }

        if (!name.IsEmpty)
        {
            transaction.SetHost(name, name, port);
            transaction.LowerHostRaw();
        }
    }

    /// <summary>Decodes, turns backslashes into slashes, joins repeated slashes, follows dots.</summary>
    private static void AppendPath(ReadOnlySpan<byte> path, ByteBuffer output, bool twice)
    {
        Span<byte> text = output.Reserve(path.Length);
        int length = Decode(path, text);
        if (twice)
        {
            length = Decode(text[..length], text);
        }

        length = DecodeUtf8(text[..length]);
        length = JoinSlashes(text[..length]);
        length = FollowDots(text[..length]);
        output.Commit(length);
    }

    private static void AppendQuery(ReadOnlySpan<byte> query, ByteBuffer output, Http1Limits limits)
    {
        Span<byte> text = output.Reserve(query.Length);
        int length = Decode(query, text);
        if (limits.DoubleDecodeQuery)
        {
            length = Decode(text[..length], text);
        }

        if (limits.PlusIsSpace)
        {
            text[..length].Replace((byte)'+', (byte)' ');
        }

        output.Commit(length);
    }

    /// <summary>%XX and %uXXXX; what is not well formed stays. May work in place: the output never overtakes the input.</summary>
    private static int Decode(ReadOnlySpan<byte> input, Span<byte> output)
    {
        int length = 0;
        for (int i = 0; i < input.Length; i++)
        {
            byte value = input[i];
            if (value == '%')
            {
                if (i + 2 < input.Length && TryHex(input.Slice(i + 1, 2), out int decoded))
                {
                    value = (byte)decoded;
                    i += 2;
                }
                else if (i + 5 < input.Length && (input[i + 1] | 0x20) == 'u' && TryHex(input.Slice(i + 2, 4), out decoded))
                {
                    value = BestFit(decoded);
                    i += 5;
                }
            }

            output[length++] = value;
        }

        return length;
    }

    private static bool TryHex(ReadOnlySpan<byte> digits, out int value)
    {
        value = 0;
        foreach (byte digit in digits)
        {
            int nibble = Http1Text.HexValue(digit);
            if (nibble < 0)
            {
                return false;
            }

            value = (value << 4) | nibble;
        }

        return true;
    }

    /// <summary>The character that a single-byte server would make of a code point: full-width forms become ASCII, the rest a question mark.</summary>
    private static byte BestFit(int code) => code switch
    {
        < 0x80 => (byte)code,
        >= 0xff01 and <= 0xff5e => (byte)(code - 0xfee0),
        0x2215 or 0x2044 => (byte)'/',
        _ => (byte)'?',
    };

    /// <summary>UTF-8 to single bytes where it is valid, over-long forms included; other bytes above 127 become question marks.</summary>
    private static int DecodeUtf8(Span<byte> text)
    {
        int from = text.IndexOfAnyInRange((byte)0x80, (byte)0xff);
        if (from < 0)
        {
            return text.Length;
        }

        int length = from;
        for (int i = from; i < text.Length;)
        {
            byte first = text[i];
            int size = first < 0x80 ? 1 : first is >= 0xc0 and < 0xe0 ? 2 : first is >= 0xe0 and < 0xf0 ? 3 : first is >= 0xf0 and < 0xf8 ? 4 : 0;
            if (size == 1)
            {
                text[length++] = first;
                i++;
                continue;
            }

            int code = size == 0 ? 0 : first & (0x7f >> size);
            bool isValid = size != 0 && i + size <= text.Length;
            for (int k = 1; isValid && k < size; k++)
            {
                isValid = (text[i + k] & 0xc0) == 0x80;
                code = (code << 6) | (text[i + k] & 0x3f);
            }

            text[length++] = !isValid ? (byte)'?' : code < 0x100 ? (byte)code : BestFit(code);
            i += isValid ? size : 1;
        }

        return length;
    }

    private static int JoinSlashes(Span<byte> text)
    {
        int length = 0;
        foreach (byte original in text)
        {
            byte value = original == '\\' ? (byte)'/' : original;
            if (value == '/' && length > 0 && text[length - 1] == '/')
            {
                continue;
            }

            text[length++] = value;
        }

        return length;
    }

    /// <summary>Removes "." and ".." segments (RFC 3986 §5.2.4); what would climb above the root is dropped.</summary>
    private static int FollowDots(Span<byte> text)
    {
        int length = 0;
        int at = 0;
        while (at < text.Length)
        {
            int slash = text[(at + 1)..].IndexOf((byte)'/');
            int end = slash < 0 ? text.Length : at + 1 + slash;
            Span<byte> segment = text[at..end];
            if (segment.SequenceEqual("/."u8) || segment.SequenceEqual("/.."u8))
            {
                if (segment.Length == 3)
                {
                    int parent = text[..length].LastIndexOf((byte)'/');
                    length = Math.Max(parent, 0);
                }

                at = end;
                continue;
            }

            segment.CopyTo(text[length..]);
            length += segment.Length;
            at = end;
        }

        return length;
    }
}
