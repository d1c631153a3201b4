using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum Http2Buffer
{
    Uri,
    UriRaw,
    Method,
    Host,
    HostRaw,
    Header,
    HeaderRaw,
    HeaderNames,
    Cookie,
    UserAgent,
    Protocol,
    RequestLine,
    ResponseLine,
    RequestBody,
    ResponseBody,
    StatCode,
    StatMsg,
    ContentLen,
    ContentType,
    Accept,
    AcceptLang,
    AcceptEnc,
    Referer,
    Connection,
    Location,
    Server,
    RequestHeader,
    ResponseHeader,
    HeaderName,
    Count,
}

internal enum Http2Field
{
    Window,
    Priority,
    SizeUpdate,
}

/// <summary>The <c>http.*</c> buffers over HTTP/2 and those of its own. Names, old names and directions are those of HTTP/1.</summary>
internal static class Http2Buffers
{
    public static readonly BufferDescriptor[] All =
    [
        One("http.uri", Http2Buffer.Uri, DirectionMask.ToServer, ":path", ["http_uri", "uricontent"]),
        One("http.uri.raw", Http2Buffer.UriRaw, DirectionMask.ToServer, ":path", ["http_raw_uri"]),
        One("http.method", Http2Buffer.Method, DirectionMask.ToServer, ":method", ["http_method"]),
        One("http.request_line", Http2Buffer.RequestLine, DirectionMask.ToServer, "what would be the request line", [], ["http_request_line"]),
        One("http.host", Http2Buffer.Host, DirectionMask.ToServer, "the host of :authority or host, in lower case, without port", ["http_host"]),
        One("http.host.raw", Http2Buffer.HostRaw, DirectionMask.ToServer, ":authority or host", ["http_raw_host"]),
        One("http.user_agent", Http2Buffer.UserAgent, DirectionMask.ToServer, "user-agent", ["http_user_agent"]),
        One("http.accept", Http2Buffer.Accept, DirectionMask.ToServer, "accept", [], ["http_accept"]),
        One("http.accept_lang", Http2Buffer.AcceptLang, DirectionMask.ToServer, "accept-language", [], ["http_accept_lang"]),
        One("http.accept_enc", Http2Buffer.AcceptEnc, DirectionMask.ToServer, "accept-encoding", [], ["http_accept_enc"]),
        One("http.referer", Http2Buffer.Referer, DirectionMask.ToServer, "referer", [], ["http_referer"]),
        Body("http.request_body", Http2Buffer.RequestBody, DirectionMask.ToServer, "the request's body", "http_client_body"),
        Each("http.request_header", Http2Buffer.RequestHeader, DirectionMask.ToServer, "one request header at a time, \"name: value\""),
        One("http.stat_code", Http2Buffer.StatCode, DirectionMask.ToClient, ":status", ["http_stat_code"]),
        One("http.stat_msg", Http2Buffer.StatMsg, DirectionMask.ToClient, "always empty", ["http_stat_msg"]),
        One("http.response_line", Http2Buffer.ResponseLine, DirectionMask.ToClient, "what would be the status line", [], ["http_response_line"]),
        One("http.location", Http2Buffer.Location, DirectionMask.ToClient, "location", []),
        One("http.server", Http2Buffer.Server, DirectionMask.ToClient, "server", []),
        Body("http.response_body", Http2Buffer.ResponseBody, DirectionMask.ToClient, "the response's body, decoded", "http_server_body"),
        Each("http.response_header", Http2Buffer.ResponseHeader, DirectionMask.ToClient, "one response header at a time, \"name: value\""),
        One("http.header", Http2Buffer.Header, DirectionMask.Both, "all header fields but cookies", ["http_header"]),
        One("http.header.raw", Http2Buffer.HeaderRaw, DirectionMask.Both, "all header fields", ["http_raw_header"]),
        One("http.header_names", Http2Buffer.HeaderNames, DirectionMask.Both, "the names of the fields, a line each", [], ["http_header_names"]),
        One("http.cookie", Http2Buffer.Cookie, DirectionMask.Both, "cookie or set-cookie", ["http_cookie"]),
        One("http.protocol", Http2Buffer.Protocol, DirectionMask.Both, "HTTP/2", [], ["http_protocol"]),
        One("http.content_len", Http2Buffer.ContentLen, DirectionMask.Both, "content-length", [], ["http_content_len"]),
        One("http.content_type", Http2Buffer.ContentType, DirectionMask.Both, "content-type", [], ["http_content_type"]),
        One("http.connection", Http2Buffer.Connection, DirectionMask.Both, "connection", [], ["http_connection"]),
        Each("http2.header_name", Http2Buffer.HeaderName, DirectionMask.Both, "one header's name at a time"),
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        Number("http2.priority", Http2Field.Priority, 8, "a priority's weight, less one"),
        Number("http2.window", Http2Field.Window, 32, "the increment of WINDOW_UPDATE"),
        Number("http2.size_update", Http2Field.SizeUpdate, 64, "a new size of the header table"),
    ];

    /// <summary>The name of the field that a buffer shows; empty when it is not one field.</summary>
    public static ReadOnlySpan<byte> FieldName(Http2Buffer buffer, bool toServer) => buffer switch
    {
        Http2Buffer.Uri or Http2Buffer.UriRaw => ":path"u8,
        Http2Buffer.Method => ":method"u8,
        Http2Buffer.StatCode => ":status"u8,
        Http2Buffer.Cookie => toServer ? "cookie"u8 : "set-cookie"u8,
        Http2Buffer.UserAgent => "user-agent"u8,
        Http2Buffer.Accept => "accept"u8,
        Http2Buffer.AcceptLang => "accept-language"u8,
        Http2Buffer.AcceptEnc => "accept-encoding"u8,
        Http2Buffer.Referer => "referer"u8,
        Http2Buffer.Location => "location"u8,
        Http2Buffer.Server => "server"u8,
        Http2Buffer.ContentLen => "content-length"u8,
        Http2Buffer.ContentType => "content-type"u8,
        Http2Buffer.Connection => "connection"u8,
        _ => default,
    };

    private static BufferDescriptor One(
        string name, Http2Buffer id, DirectionMask directions, string help, string[] legacy, string[]? aliases = null) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LegacyModifiers = legacy,
        LocalId = (int)id,
        Directions = directions,
        Help = help,
    };

    private static BufferDescriptor Each(string name, Http2Buffer id, DirectionMask directions, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = directions,
        IsMulti = true,
        Help = help,
    };

    private static BufferDescriptor Body(string name, Http2Buffer id, DirectionMask directions, string help, string legacy) => new()
    {
        Name = name,
        LegacyModifiers = [legacy],
        LocalId = (int)id,
        Directions = directions,
        IsMulti = true,
        IsStreaming = true,
        Help = help,
    };

    private static FieldDescriptor Number(string name, Http2Field id, byte bits, string help) => new()
    {
        Name = name,
        LocalId = (int)id,
        Directions = DirectionMask.Both,
        Bits = bits,
        IsMulti = true,
        TakesSelector = false,
        Help = help,
    };
}

/// <summary>The values of the buffers and fields. Those that are put together are built when a rule first asks.</summary>
internal sealed partial class Http2Transaction
{
    /// <summary>Buffers and fields of a DNS message carried here are numbered from this on.</summary>
    public const int FirstDnsId = 1000;

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        if (buffer >= FirstDnsId)
        {
            return Dns(direction) is { } dns && dns.TryGetBuffer(buffer - FirstDnsId, direction, index, out view);
        }

        Http2Side side = Side(direction);
        switch ((Http2Buffer)buffer)
        {
            case Http2Buffer.RequestHeader or Http2Buffer.ResponseHeader or Http2Buffer.HeaderName:
                return TryGetEach((Http2Buffer)buffer, side, index, out view);
            case Http2Buffer.RequestBody or Http2Buffer.ResponseBody:
                if (index >= side.Files.Count || !side.Files[index].IsInspectable)
                {
                    return false;
                }

                view = side.Files[index].Content;
                return true;
            default:
                if (index > 0 || !TryGetOne((Http2Buffer)buffer, side, direction == Direction.ToServer, out ReadOnlySpan<byte> data))
                {
                    return false;
                }

                view = new BufferView(data);
                return true;
        }
    }

    /// <summary>DNS names are absent only from a DNS message.</summary>
    public override bool CanHave(int buffer, Direction direction) => buffer < FirstDnsId || Dns(direction) is not null;

    public override bool TryGetField(int field, Direction direction, int index, out ulong value)
    {
        if (field >= FirstDnsId)
        {
            value = 0;
            return Dns(direction) is { } dns && dns.TryGetField(field - FirstDnsId, direction, index, out value);
        }

        Http2Side side = Side(direction);
        uint number = 0;
        bool exists = (Http2Field)field switch
        {
            Http2Field.Window => side.TryGet(Http2NoteKind.Window, index, out number),
            Http2Field.Priority => side.TryGet(Http2NoteKind.Priority, index, out number),
            _ => TryGetSizeUpdate(side.Headers, index, out number),
        };
        value = number;
        return exists;
    }

    private static bool TryGetSizeUpdate(Http2Headers headers, int index, out uint size)
    {
        for (int i = 0; i < headers.Count; i++)
        {
            if (headers[i].Kind == Http2HeaderKind.SizeUpdate && index-- == 0)
            {
                size = headers[i].Size;
                return true;
            }
        }

        size = 0;
        return false;
    }

    private bool TryGetOne(Http2Buffer buffer, Http2Side side, bool toServer, out ReadOnlySpan<byte> data)
    {
        data = default;
        switch (buffer)
        {
            case Http2Buffer.Protocol:
                // An exchange has it in a direction once something of it has come that way.
                data = "HTTP/2"u8;
                return side.Headers.IsSeen || IsConnection || IsPromised;
            case Http2Buffer.StatMsg:
                return side.Headers.IsSeen || IsConnection;
            case Http2Buffer.RequestLine or Http2Buffer.ResponseLine:
                if (!side.Headers.IsSeen && !IsConnection && !IsPromised)
                {
                    return false;
                }

                break;
            default:
                if (!side.Headers.IsSeen)
                {
                    return false;
                }

                break;
        }

        if (side.TryGetDerived(buffer, out data))
        {
            return buffer is Http2Buffer.Header or Http2Buffer.HeaderRaw or Http2Buffer.HeaderNames or Http2Buffer.RequestLine
                or Http2Buffer.ResponseLine || !data.IsEmpty;
        }

        ReadOnlySpan<byte> name = Http2Buffers.FieldName(buffer, toServer);
        return name.IsEmpty ? TryBuild(buffer, side, toServer, out data) : TryGetField(buffer, side, name, out data);
    }

    /// <summary>A field; repetitions are joined with ", " (RFC 9110 §5.3).</summary>
    private bool TryGetField(Http2Buffer buffer, Http2Side side, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> data)
    {
        Http2Headers headers = side.Headers;
        int index = headers.IndexOf(name);
        data = index < 0 ? default : headers.Value(index);
        int next = index < 0 ? -1 : headers.IndexOf(name, index + 1);
        if (next < 0)
        {
            return index >= 0;
        }

        int start = side.DerivedText.Length;
        side.DerivedText.Append(data);
        for (; next >= 0; next = headers.IndexOf(name, next + 1))
        {
            if (side.DerivedText.Length - start + headers.Value(next).Length > Http2Limits.MaxJoinedBytes)
            {
                Raise(Http2Anomaly.TooLongRepeatedHeaders);
                break;
            }

            side.DerivedText.Append(", "u8);
            side.DerivedText.Append(headers.Value(next));
        }

        data = side.SetDerived(buffer, start);
        return true;
    }

    private bool TryGetEach(Http2Buffer buffer, Http2Side side, int index, out BufferView view)
    {
        view = default;
        Http2Headers headers = side.Headers;
        for (int i = 0; i < headers.Count; i++)
        {
            if (!headers.IsField(i) || index-- != 0)
            {
                continue;
            }

            if (buffer == Http2Buffer.HeaderName)
            {
                view = new BufferView(headers.Name(i));
                return true;
            }

            _line.Reset();
            _line.Append(headers.Name(i));
            _line.Append(": "u8);
            _line.Append(headers.Value(i));
            view = new BufferView(_line.Span);
            return true;
        }

        return false;
    }

    private readonly Pools.ByteBuffer _line = new();

    private bool TryBuild(Http2Buffer buffer, Http2Side side, bool toServer, out ReadOnlySpan<byte> data)
    {
        Http2Headers headers = side.Headers;
        Pools.ByteBuffer text = side.DerivedText;
        int start = text.Length;
        switch (buffer)
        {
            case Http2Buffer.Host or Http2Buffer.HostRaw:
                if (!headers.TryGet(":authority"u8, out data) && !headers.TryGet("host"u8, out data))
                {
                    return false;
                }

                if (buffer == Http2Buffer.HostRaw)
                {
                    return true;
                }

                AppendHost(data, text);
                break;
            case Http2Buffer.Header or Http2Buffer.HeaderRaw:
                AppendFields(headers, text, buffer == Http2Buffer.HeaderRaw ? default : toServer ? "cookie"u8 : "set-cookie"u8);
                break;
            case Http2Buffer.HeaderNames:
                text.Append("\r\n"u8);
                for (int i = 0; i < headers.Count; i++)
                {
                    if (headers.IsField(i))
                    {
                        text.Append(headers.Name(i));
                        text.Append("\r\n"u8);
                    }
                }

                text.Append("\r\n"u8);
                break;
            case Http2Buffer.RequestLine:
                AppendField(headers, ":method"u8, text);
                text.Append(" "u8);
                AppendField(headers, ":path"u8, text);
                text.Append(" HTTP/2\r\n"u8);
                break;
            default:
                text.Append("HTTP/2 "u8);
                AppendField(headers, ":status"u8, text);
                text.Append("\r\n"u8);
                break;
        }

        data = side.SetDerived(buffer, start);
        return true;
    }

    private static void AppendField(Http2Headers headers, ReadOnlySpan<byte> name, Pools.ByteBuffer text)
    {
        headers.TryGet(name, out ReadOnlySpan<byte> value);
        text.Append(value);
    }

    private static void AppendFields(Http2Headers headers, Pools.ByteBuffer text, ReadOnlySpan<byte> except)
    {
        for (int i = 0; i < headers.Count; i++)
        {
            if (headers.IsField(i) && (except.IsEmpty || !System.Text.Ascii.EqualsIgnoreCase(headers.Name(i), except)))
            {
                text.Append(headers.Name(i));
                text.Append(": "u8);
                text.Append(headers.Value(i));
                text.Append("\r\n"u8);
            }
        }
    }

    /// <summary>Without port, in lower case.</summary>
    private static void AppendHost(ReadOnlySpan<byte> authority, Pools.ByteBuffer text)
    {
        ReadOnlySpan<byte> host = HostOf(authority);
        Span<byte> lower = text.Reserve(host.Length);
        for (int i = 0; i < host.Length; i++)
        {
            lower[i] = host[i] is >= (byte)'A' and <= (byte)'Z' ? (byte)(host[i] | 0x20) : host[i];
        }

        text.Commit(host.Length);
    }

    /// <summary>The name in an authority, without user information and port; an IPv6 address keeps its brackets.</summary>
    internal static ReadOnlySpan<byte> HostOf(ReadOnlySpan<byte> authority)
    {
        authority = authority[(authority.LastIndexOf((byte)'@') + 1)..];
        int from = authority.StartsWith((byte)'[') ? Math.Max(authority.IndexOf((byte)']'), 0) : 0;
        int colon = authority[from..].IndexOf((byte)':');
        return colon < 0 ? authority : authority[..(from + colon)];
    }
}
