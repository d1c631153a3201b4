using System.Buffers;
using System.Buffers.Text;
using System.Text;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Sip;

/// <summary>Reads a session description in the order RFC 4566 §5 prescribes; reading ends quietly at the first line that does not fit.</summary>
/// <remarks>
/// What each field accepts follows Suricata, which is narrower than the RFC in places (media types, transports, characters of a name): a field it
/// does not accept hides all that comes after. Runs of spaces between the parts of a field are written as one.
/// </remarks>
internal static class SdpReader
{
    private const int MaxParts = 4;

    private const int MaxAddressBytes = 45;

    private static readonly SearchValues<byte> WordBytes = SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz \t"u8);

    private static readonly SearchValues<byte> TextBytes = SearchValues.Create(Range(0, 0x7f));

    private static readonly SearchValues<byte> UriBytes = SearchValues.Create(Range(0x21, 0x7e, "\"()<>[\\]"));

    /// <summary>RFC 4566 §9, token-char.</summary>
    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create(Range(0x21, 0x7e, "\"(),/:;<=>?@[\\]"));

    private static readonly SearchValues<byte> AddressBytes = SearchValues.Create("0123456789ABCDEFabcdef:."u8);

    public static void Read(ReadOnlySpan<byte> body, SdpSession session, ByteBuffer bytes)
    {
        var lines = new Lines(body);
        if (!lines.TryTake('v', out ReadOnlySpan<byte> version) || !version.SequenceEqual("0"u8)
            || !lines.TryTake('o', out ReadOnlySpan<byte> origin) || !TryOrigin(origin, bytes, out session.Origin)
            || !TryText(ref lines, 's', WordBytes, bytes, out session.Name, isRequired: true)
            || !TryText(ref lines, 'i', WordBytes, bytes, out session.Info)
            || !TryText(ref lines, 'u', UriBytes, bytes, out session.Uri)
            || !TryText(ref lines, 'e', TextBytes, bytes, out session.Email)
            || !TryText(ref lines, 'p', TextBytes, bytes, out session.Phone)
            || !TryConnection(ref lines, bytes, out session.Connection))
        {
            session.Reset();
            return;
        }

        ReadBandwidths(ref lines, bytes, ref session.Bandwidths);
        if (!ReadTimes(ref lines, bytes, session))
        {
            session.Reset();
            return;
        }

        session.Exists = true;
        if (lines.Is('z') && TryOffsets(lines.Value, bytes, out session.TimeZone))
        {
            lines.Next();
        }

        if (!TryText(ref lines, 'k', TextBytes, bytes, out session.Key))
        {
            return;
        }

        ReadAttributes(ref lines, bytes, ref session.Attributes);
        ReadMedia(ref lines, bytes, session);
    }

    private static void ReadMedia(ref Lines lines, ByteBuffer bytes, SdpSession session)
    {
        while (lines.Is('m') && TryMedia(lines.Value, bytes, out Slice media))
        {
            var medium = new SdpMedium
            {
                Media = media,
                Info = Slice.None,
                Connection = Slice.None,
                Key = Slice.None,
                FirstBandwidth = session.MediaBandwidths.Count,
                FirstAttribute = session.MediaAttributes.Count,
            };
            lines.Next();
            _ = TryText(ref lines, 'i', WordBytes, bytes, out medium.Info)
                && TryConnection(ref lines, bytes, out medium.Connection)
                && ReadBandwidths(ref lines, bytes, ref session.MediaBandwidths)
                && TryText(ref lines, 'k', TextBytes, bytes, out medium.Key)
                && ReadAttributes(ref lines, bytes, ref session.MediaAttributes);
            medium.BandwidthCount = session.MediaBandwidths.Count - medium.FirstBandwidth;
            medium.AttributeCount = session.MediaAttributes.Count - medium.FirstAttribute;
            if (!session.Media.Add(medium))
            {
                return;
            }
        }
    }

    /// <summary>The next line when it is of that type; false when it is, but does not fit, or is missing although required.</summary>
    private static bool TryText(
        ref Lines lines, char type, SearchValues<byte> accepted, ByteBuffer bytes, out Slice value, bool isRequired = false)
    {
        value = Slice.None;
        if (!lines.Is(type))
        {
            return !isRequired;
        }

        if (lines.Value.IndexOfAnyExcept(accepted) >= 0)
        {
            return false;
        }

        value = bytes.Append(lines.Value);
        lines.Next();
        return true;
    }

    private static byte[] Range(int first, int last, string except = "")
    {
        var bytes = new List<byte>();
        for (int value = first; value <= last; value++)
        {
            if (!except.Contains((char)value, StringComparison.Ordinal))
            {
                bytes.Add((byte)value);
            }
        }

        return [.. bytes];
    }

    /// <summary>User name, two numbers, network type, address type, address (§5.2).</summary>
    private static bool TryOrigin(ReadOnlySpan<byte> value, ByteBuffer bytes, out Slice slice)
    {
        var parts = new Parts(value);
        int start = bytes.Length;
        slice = Slice.None;
        ReadOnlySpan<byte> name = parts.Take();
        if (name.IndexOfAnyExcept(TokenBytes) >= 0)
        {
            return false;
        }

        ReadOnlySpan<byte> id = parts.Take();
        ReadOnlySpan<byte> version = parts.Take();
        ReadOnlySpan<byte> network = parts.Take();
        ReadOnlySpan<byte> kind = parts.Take();
        ReadOnlySpan<byte> address = parts.Rest;
        if (!AreDigits(id) || !AreDigits(version) || !AreAlphanumeric(network) || !AreAlphanumeric(kind) || address.IsEmpty || !Ascii.IsValid(address))
        {
            return false;
        }

        AppendPart(bytes, name, start);
        AppendPart(bytes, id, -1);
        AppendPart(bytes, version, -1);
        AppendPart(bytes, network, -1);
        AppendPart(bytes, kind, -1);
        AppendPart(bytes, address, -1);
        slice = new Slice(start, bytes.Length - start);
        return true;
    }

    /// <summary>Network type, address type, address with time to live and number (§5.7).</summary>
    private static bool TryConnection(ref Lines lines, ByteBuffer bytes, out Slice slice)
    {
        slice = Slice.None;
        if (!lines.Is('c'))
        {
            return true;
        }

        var parts = new Parts(lines.Value);
        ReadOnlySpan<byte> network = parts.Take();
        ReadOnlySpan<byte> kind = parts.Take();
        ReadOnlySpan<byte> address = parts.Rest;
        int start = bytes.Length;
        if (!AreAlphanumeric(network) || !AreAlphanumeric(kind) || kind.IsEmpty || !TrySplitAddress(address, out ReadOnlySpan<byte> host, out byte ttl, out byte count)
            || !IsAddress(host, out bool isV6))
        {
            return false;
        }

        AppendPart(bytes, network, start);
        AppendPart(bytes, kind, -1);
        AppendPart(bytes, host, -1);
        Lower(bytes.Writable(new Slice(bytes.Length - host.Length, host.Length)));
        AppendNumber(bytes, ttl);
        AppendNumber(bytes, isV6 ? (byte)0 : count);
        slice = new Slice(start, bytes.Length - start);
        lines.Next();
        return true;
    }

    /// <summary>IPv6 is judged by its characters only.</summary>
    private static bool IsAddress(ReadOnlySpan<byte> host, out bool isV6)
    {
        isV6 = host.IndexOf((byte)':') >= 0;
        return isV6 ? host.Length is >= 2 and <= MaxAddressBytes && host.IndexOfAnyExcept(AddressBytes) < 0 : IsDottedQuad(host);
    }

    private static void Lower(Span<byte> text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = char.IsAsciiLetterUpper((char)text[i]) ? (byte)(text[i] | 0x20) : text[i];
        }
    }

    private static bool IsDottedQuad(ReadOnlySpan<byte> text)
    {
        for (int part = 0; part < 4; part++)
        {
            int dot = text.IndexOf((byte)'.');
            if ((dot < 0) != (part == 3))
            {
                return false;
            }

            ReadOnlySpan<byte> digits = part == 3 ? text : text[..dot];
            if (!AreDigits(digits) || digits.Length > 3 || (digits.Length > 1 && digits[0] == '0') || !Utf8Parser.TryParse(digits, out byte _, out int used) || used != digits.Length)
            {
                return false;
            }

            text = part == 3 ? text : text[(dot + 1)..];
        }

        return true;
    }

    private static bool TrySplitAddress(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> host, out byte ttl, out byte count)
    {
        ttl = 0;
        count = 0;
        int slash = text.IndexOf((byte)'/');
        host = slash < 0 ? text : text[..slash];
        if (slash < 0)
        {
            return true;
        }

        ReadOnlySpan<byte> rest = text[(slash + 1)..];
        int second = rest.IndexOf((byte)'/');
        return TrySmall(second < 0 ? rest : rest[..second], out ttl) && (second < 0 || TrySmall(rest[(second + 1)..], out count));
    }

    private static bool TrySmall(ReadOnlySpan<byte> digits, out byte value) =>
        Utf8Parser.TryParse(digits, out value, out int used) && used == digits.Length && AreDigits(digits) && value != 0;

    /// <summary>Type and number (§5.8).</summary>
    private static bool ReadBandwidths(ref Lines lines, ByteBuffer bytes, ref SdpList<Slice> list)
    {
        while (lines.Is('b'))
        {
            int colon = lines.Value.IndexOf((byte)':');
            if (colon < 0 || !AreDigits(lines.Value[(colon + 1)..])
                || !(lines.Value[..colon].SequenceEqual("AS"u8) || lines.Value[..colon].SequenceEqual("CT"u8) || lines.Value[..colon].SequenceEqual("TIAS"u8)))
            {
                return false;
            }

            list.Add(bytes.Append(lines.Value));
            lines.Next();
        }

        return true;
    }

    /// <summary>Start and stop, then what repeats (§5.9, §5.10). False without any.</summary>
    private static bool ReadTimes(ref Lines lines, ByteBuffer bytes, SdpSession session)
    {
        while (lines.Is('t'))
        {
            var parts = new Parts(lines.Value);
            ReadOnlySpan<byte> start = parts.Take();
            ReadOnlySpan<byte> stop = parts.Rest;
            if (!AreDigits(start) || !AreDigits(stop))
            {
                break;
            }

            int from = bytes.Length;
            AppendPart(bytes, start, from);
            AppendPart(bytes, stop, -1);
            var time = new Slice(from, bytes.Length - from);
            lines.Next();
            Slice repeat = Slice.None;
            if (lines.Is('r') && TryOffsets(lines.Value, bytes, out repeat))
            {
                lines.Next();
            }

            session.Times.Add(new SdpTime(time, repeat));
        }

        return session.Times.Count > 0;
    }

    /// <summary>Four numbers, each perhaps negative and with a unit.</summary>
    private static bool TryOffsets(ReadOnlySpan<byte> value, ByteBuffer bytes, out Slice slice)
    {
        slice = Slice.None;
        var parts = new Parts(value);
        int start = bytes.Length;
        for (int i = 0; i < MaxParts; i++)
        {
            ReadOnlySpan<byte> part = i == MaxParts - 1 ? parts.Rest : parts.Take();
            ReadOnlySpan<byte> digits = part.StartsWith("-"u8) ? part[1..] : part;
            digits = digits.Length > 1 && digits[^1] is (byte)'d' or (byte)'h' or (byte)'m' or (byte)'s' ? digits[..^1] : digits;
            if (!AreDigits(digits))
            {
                bytes.Truncate(start);
                return false;
            }

            AppendPart(bytes, part, i == 0 ? start : -1);
        }

        slice = new Slice(start, bytes.Length - start);
        return true;
    }

    /// <summary>A name of letters, perhaps a colon and a value (§5.13).</summary>
    private static bool ReadAttributes(ref Lines lines, ByteBuffer bytes, ref SdpList<Slice> list)
    {
        while (lines.Is('a'))
        {
            ReadOnlySpan<byte> value = lines.Value;
            int colon = value.IndexOf((byte)':');
            ReadOnlySpan<byte> name = colon < 0 ? value : value[..colon];
            foreach (byte element in name)
            {
                if (!char.IsAsciiLetter((char)element))
                {
                    return false;
                }
            }

            if (!Ascii.IsValid(value))
            {
                return false;
            }

            list.Add(bytes.Append(value));
            lines.Next();
        }

        return true;
    }

    /// <summary>Type, port with number of ports, transport, formats (§5.14).</summary>
    private static bool TryMedia(ReadOnlySpan<byte> value, ByteBuffer bytes, out Slice slice)
    {
        slice = Slice.None;
        var parts = new Parts(value);
        ReadOnlySpan<byte> type = parts.Take();
        ReadOnlySpan<byte> ports = parts.Take();
        ReadOnlySpan<byte> transport = parts.Take();
        ReadOnlySpan<byte> formats = parts.Rest;
        int slash = ports.IndexOf((byte)'/');
        ReadOnlySpan<byte> port = slash < 0 ? ports : ports[..slash];
        bool isGood = (type.SequenceEqual("audio"u8) || type.SequenceEqual("video"u8) || type.SequenceEqual("text"u8)
                || type.SequenceEqual("application"u8) || type.SequenceEqual("message"u8))
            && (transport.SequenceEqual("RTP/AVP"u8) || transport.SequenceEqual("RTP/SAVP"u8) || transport.SequenceEqual("udp"u8))
            && AreDigits(port) && Utf8Parser.TryParse(port, out ushort _, out int used) && used == port.Length
            && (slash < 0 || AreDigits(ports[(slash + 1)..]))
            && !formats.IsEmpty && formats[^1] is not ((byte)' ' or (byte)'\t') && formats.IndexOfAnyExcept(WordBytes) < 0;
        if (!isGood)
        {
            return false;
        }

        int start = bytes.Length;
        AppendPart(bytes, type, start);
        AppendPart(bytes, ports, -1);
        AppendPart(bytes, transport, -1);
        AppendPart(bytes, formats, -1);
        slice = new Slice(start, bytes.Length - start);
        return true;
    }

    private static bool AreDigits(ReadOnlySpan<byte> text) => !text.IsEmpty && text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0;

    private static bool AreAlphanumeric(ReadOnlySpan<byte> text)
    {
        foreach (byte value in text)
        {
            if (!char.IsAsciiLetterOrDigit((char)value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A part, with a space before it unless it is the first, which begins where the buffer ended.</summary>
    private static void AppendPart(ByteBuffer bytes, ReadOnlySpan<byte> part, int start)
    {
        if (bytes.Length != start)
        {
            bytes.Append((byte)' ');
        }

        bytes.Append(part);
    }

    private static void AppendNumber(ByteBuffer bytes, byte value)
    {
        if (value == 0)
        {
            return;
        }

        bytes.Append((byte)'/');
        Span<byte> digits = stackalloc byte[3];
        Utf8Formatter.TryFormat(value, digits, out int length);
        bytes.Append(digits[..length]);
    }

    /// <summary>Lines <c>x=value</c>, ended by CR LF or LF.</summary>
    private ref struct Lines
    {
        private ReadOnlySpan<byte> _rest;
        private byte _type;

        public Lines(ReadOnlySpan<byte> body)
        {
            _rest = body;
            Next();
        }

        public ReadOnlySpan<byte> Value { get; private set; }

        public readonly bool Is(char type) => _type == type;

        public bool TryTake(char type, out ReadOnlySpan<byte> value)
        {
            value = Value;
            if (_type != type)
            {
                return false;
            }

            Next();
            return true;
        }

        public void Next()
        {
            int end = _rest.IndexOf((byte)'\n');
            if (end < 2 || _rest[1] != '=')
            {
                _type = 0;
                Value = default;
                return;
            }

            _type = _rest[0];
            ReadOnlySpan<byte> line = _rest[2..end];
            Value = line.EndsWith("\r"u8) ? line[..^1] : line;
            _rest = _rest[(end + 1)..];
        }
    }

    /// <summary>Parts between runs of spaces.</summary>
    private ref struct Parts(ReadOnlySpan<byte> text)
    {
        public ReadOnlySpan<byte> Rest { get; private set; } = text;

        public ReadOnlySpan<byte> Take()
        {
            int end = Rest.IndexOf((byte)' ');
            ReadOnlySpan<byte> part = end < 0 ? Rest : Rest[..end];
            Rest = end < 0 ? default : Rest[end..].TrimStart((byte)' ');
            return part;
        }
    }
}
