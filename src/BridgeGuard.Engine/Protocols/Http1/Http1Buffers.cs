using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Numbers of the inspection buffers.</summary>
internal enum Http1Buffer
{
    Uri,
    UriRaw,
    Method,
    Host,
    HostRaw,
    Header,
    HeaderRaw,
    HeaderNames,
    Start,
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
}

/// <summary>The <c>http.*</c> buffers: names, old names, directions, and from which progress on they exist.</summary>
internal static class Http1Buffers
{
    public static readonly BufferDescriptor[] All =
    [
        Request("http.uri", Http1Buffer.Uri, Http1Progress.Line, "the request's URI, decoded and normalised", ["http_uri", "uricontent"]),
        Request("http.uri.raw", Http1Buffer.UriRaw, Http1Progress.Line, "the request's URI as it was sent", ["http_raw_uri"]),
        Request("http.method", Http1Buffer.Method, Http1Progress.Line, "the request's method", ["http_method"], validate: RequireNoOuterBlank),
        Request("http.request_line", Http1Buffer.RequestLine, Http1Progress.Line, "the whole request line", [], ["http_request_line"]),
        Request("http.host", Http1Buffer.Host, Http1Progress.Headers, "the host asked for, in lower case, without port", ["http_host"], validate: RequireLowerCase),
        Request("http.host.raw", Http1Buffer.HostRaw, Http1Progress.Headers, "the host asked for as it was written", ["http_raw_host"]),
        Request("http.user_agent", Http1Buffer.UserAgent, Http1Progress.Headers, "User-Agent", ["http_user_agent"]),
        Request("http.accept", Http1Buffer.Accept, Http1Progress.Headers, "Accept", [], ["http_accept"]),
        Request("http.accept_lang", Http1Buffer.AcceptLang, Http1Progress.Headers, "Accept-Language", [], ["http_accept_lang"]),
        Request("http.accept_enc", Http1Buffer.AcceptEnc, Http1Progress.Headers, "Accept-Encoding", [], ["http_accept_enc"]),
        Request("http.referer", Http1Buffer.Referer, Http1Progress.Headers, "Referer", [], ["http_referer"]),
        Request("http.request_body", Http1Buffer.RequestBody, Http1Progress.Body, "the request's body", ["http_client_body"], [], isStreaming: true),
        Request("http.request_header", Http1Buffer.RequestHeader, Http1Progress.Headers, "one request header at a time, \"name: value\"", [], [], isMulti: true),
        Response("http.stat_code", Http1Buffer.StatCode, Http1Progress.Line, "the status code", ["http_stat_code"]),
        Response("http.stat_msg", Http1Buffer.StatMsg, Http1Progress.Line, "the reason phrase", ["http_stat_msg"]),
        Response("http.response_line", Http1Buffer.ResponseLine, Http1Progress.Line, "the whole status line", [], ["http_response_line"]),
        Response("http.location", Http1Buffer.Location, Http1Progress.Headers, "Location", []),
        Response("http.server", Http1Buffer.Server, Http1Progress.Headers, "Server", []),
        Response("http.response_body", Http1Buffer.ResponseBody, Http1Progress.Body, "the response's body, decoded", ["http_server_body"], [], isStreaming: true),
        Response("http.response_header", Http1Buffer.ResponseHeader, Http1Progress.Headers, "one response header at a time, \"name: value\"", [], [], isMulti: true),
        Both("http.header", Http1Buffer.Header, "all header fields but cookies, normalised", ["http_header"]),
        Both("http.header.raw", Http1Buffer.HeaderRaw, "the header block as it was sent", ["http_raw_header"]),
        Both("http.header_names", Http1Buffer.HeaderNames, "the names of the fields, a line each", [], ["http_header_names"]),
        Both("http.start", Http1Buffer.Start, "first line and header fields", [], ["http_start"]),
        Both("http.cookie", Http1Buffer.Cookie, "Cookie or Set-Cookie", ["http_cookie"]),
        Both("http.protocol", Http1Buffer.Protocol, "the protocol of the first line", [], ["http_protocol"], RequireNoBlank),
        Both("http.content_len", Http1Buffer.ContentLen, "Content-Length", [], ["http_content_len"]),
        Both("http.content_type", Http1Buffer.ContentType, "Content-Type", [], ["http_content_type"]),
        Both("http.connection", Http1Buffer.Connection, "Connection", [], ["http_connection"]),
    ];

    /// <summary>The name of the field that a buffer shows; empty when it is not one field.</summary>
    public static ReadOnlySpan<byte> FieldName(Http1Buffer buffer) => buffer switch
    {
        Http1Buffer.UserAgent => "user-agent"u8,
        Http1Buffer.Accept => "accept"u8,
        Http1Buffer.AcceptLang => "accept-language"u8,
        Http1Buffer.AcceptEnc => "accept-encoding"u8,
        Http1Buffer.Referer => "referer"u8,
        Http1Buffer.Location => "location"u8,
        Http1Buffer.Server => "server"u8,
        Http1Buffer.ContentLen => "content-length"u8,
        Http1Buffer.ContentType => "content-type"u8,
        Http1Buffer.Connection => "connection"u8,
        _ => default,
    };

    private static BufferDescriptor Request(
        string name, Http1Buffer id, byte progress, string help, string[] legacy, string[]? aliases = null, bool isStreaming = false, bool isMulti = false,
        Func<ReadOnlyMemory<byte>, bool, string?>? validate = null) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LegacyModifiers = legacy,
        LocalId = (int)id,
        Directions = DirectionMask.ToServer,
        ProgressToServer = progress,
        IsStreaming = isStreaming,
        IsMulti = isMulti,
        Help = help,
        ValidateContent = validate,
    };

    /// <summary>A method has no blank at either end, and is looked at without.</summary>
    private static string? RequireNoOuterBlank(ReadOnlyMemory<byte> content, bool ignoreCase) =>
        content.Span is [(byte)' ' or (byte)'\t', ..] ? "http.method has no blank before it"
        : content.Span is [.., (byte)' ' or (byte)'\t'] ? "http.method has no blank behind it" : null;

    /// <summary>Blanks are what ends a protocol's name.</summary>
    private static string? RequireNoBlank(ReadOnlyMemory<byte> content, bool ignoreCase) => content.Span.Contains((byte)' ') ? "http.protocol has no blank in it" : null;

    /// <summary>The buffer is in lower case: a content with other letters never matches, and to ignore case is to say the same twice.</summary>
    private static string? RequireLowerCase(ReadOnlyMemory<byte> content, bool ignoreCase) =>
        ignoreCase ? "http.host is in lower case already: nocase is redundant"
        : content.Span.IndexOfAnyInRange((byte)'A', (byte)'Z') >= 0 ? "http.host is in lower case: a content with capitals never matches"
        : null;

    private static BufferDescriptor Response(
        string name, Http1Buffer id, byte progress, string help, string[] legacy, string[]? aliases = null, bool isStreaming = false, bool isMulti = false) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LegacyModifiers = legacy,
        LocalId = (int)id,
        Directions = DirectionMask.ToClient,
        ProgressToClient = progress,
        IsStreaming = isStreaming,
        IsMulti = isMulti,
        Help = help,
    };

    private static BufferDescriptor Both(
        string name, Http1Buffer id, string help, string[] legacy, string[]? aliases = null, Func<ReadOnlyMemory<byte>, bool, string?>? validate = null) => new()
    {
        Name = name,
        Aliases = aliases ?? [],
        LegacyModifiers = legacy,
        LocalId = (int)id,
        Directions = DirectionMask.Both,
        ProgressToServer = Http1Progress.Headers,
        ProgressToClient = Http1Progress.Headers,
        Help = help,
        ValidateContent = validate,
    };
}

/// <summary>The values of the buffers. Those that are put together are built when a rule first asks.</summary>
internal sealed partial class Http1Transaction
{
    private readonly Derived _requestDerived = new();
    private readonly Derived _responseDerived = new();

    /// <summary>Buffers put together from the header fields.</summary>
    private sealed class Derived
    {
        public ByteBuffer Text { get; } = new();

        public Slice Header = Slice.None;
        public Slice Names = Slice.None;
        public Slice Start = Slice.None;
        public Slice Line = Slice.None;

        /// <summary>One slice per field for the multi-buffers.</summary>
        public List<Slice> Each { get; } = [];

        public void Reset()
        {
            Text.Reset();
            Header = Names = Start = Line = Slice.None;
            Each.Clear();
        }
    }

    public void ResetDerived()
    {
        _requestDerived.Reset();
        _responseDerived.Reset();
    }

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        bool toServer = direction == Direction.ToServer;
        Http1Message message = Message(toServer);
        var id = (Http1Buffer)buffer;
        view = default;
        switch (id)
        {
            case Http1Buffer.RequestHeader or Http1Buffer.ResponseHeader:
                return TryGetEach(message, toServer, index, out view);
            case Http1Buffer.RequestBody:
                return Request.Body.TryGet(out view) && index == 0;
            case Http1Buffer.ResponseBody:
                return Response.Body.TryGet(out view) && index == 0;
            default:
                bool exists = index == 0 && TryGetPlain(id, message, toServer, out ReadOnlySpan<byte> data) && Show(data, out view);
                return exists;
        }
    }

    private static bool Show(ReadOnlySpan<byte> data, out BufferView view)
    {
        view = new BufferView(data);
        return true;
    }

    private bool TryGetPlain(Http1Buffer id, Http1Message message, bool toServer, out ReadOnlySpan<byte> data)
    {
        switch (id)
        {
            case Http1Buffer.Uri:
                data = Uri.Span;
                return !data.IsEmpty && !IsUriUnseen;
            case Http1Buffer.UriRaw:
                data = Request.Line[Request.Second];
                return Request.Second.Exists;
            case Http1Buffer.Method:
                data = Request.Line[Request.First];
                return Request.First.Length > 0;
            case Http1Buffer.Host: // Known when all fields are.
                data = Host.Span;
                return HasHost;
            case Http1Buffer.HostRaw:
                data = HostRaw.Span;
                return HasHost;
            case Http1Buffer.StatCode:
                data = Response.Line[Response.First];
                return Response.First.Length > 0;
            case Http1Buffer.StatMsg:
                data = Response.Line[Response.Second];
                return Response.Second.Length > 0;
            case Http1Buffer.Protocol:
                data = message.Line[message.Protocol];
                return message.Protocol.Length > 0;
            case Http1Buffer.RequestLine:
                data = Request.Line.Span;
                return !data.IsEmpty && !IsRequestUnseen;
            case Http1Buffer.Cookie:
                return message.Fields.TryGet(toServer ? "cookie"u8 : "set-cookie"u8, out data);
            case Http1Buffer.HeaderRaw or Http1Buffer.Header or Http1Buffer.HeaderNames or Http1Buffer.Start when Progress(toServer ? Direction.ToServer : Direction.ToClient) <= Http1Progress.Headers:
                data = default;
                return false;
            case Http1Buffer.HeaderRaw:
                data = message.RawHeaders.Span;
                return !data.IsEmpty;
            case Http1Buffer.Header or Http1Buffer.HeaderNames or Http1Buffer.Start or Http1Buffer.ResponseLine:
                return TryGetDerived(id, message, toServer, out data);
            default:
                return message.Fields.TryGet(Http1Buffers.FieldName(id), out data);
        }
    }

    private bool TryGetDerived(Http1Buffer id, Http1Message message, bool toServer, out ReadOnlySpan<byte> data)
    {
        Derived derived = toServer ? _requestDerived : _responseDerived;
        ref Slice slice = ref derived.Header;
        switch (id)
        {
            case Http1Buffer.Header:
                slice = derived.Header.Exists ? derived.Header : BuildHeader(derived.Text, message.Fields, toServer);
                break;
            case Http1Buffer.HeaderNames:
                slice = ref derived.Names;
                slice = slice.Exists ? slice : BuildNames(derived.Text, message.Fields);
                break;
            case Http1Buffer.Start:
                slice = ref derived.Start;
                slice = slice.Exists ? slice : BuildStart(derived.Text, message, toServer);
                break;
            default:
                slice = ref derived.Line;
                slice = slice.Exists ? slice : BuildLine(derived.Text, message);
                break;
        }

        data = derived.Text[slice];
        return slice.Length > 0;
    }

    private bool TryGetEach(Http1Message message, bool toServer, int index, out BufferView view)
    {
        Derived derived = toServer ? _requestDerived : _responseDerived;
        view = default;
        if (index >= message.Fields.Count)
        {
            return false;
        }

        for (int i = derived.Each.Count; i <= index; i++)
        {
            int start = derived.Text.Length;
            AppendField(derived.Text, message.Fields, i);
            derived.Each.Add(new Slice(start, derived.Text.Length - start));
        }

        view = new BufferView(derived.Text[derived.Each[index]]);
        return true;
    }

    private static void AppendField(ByteBuffer text, Http1Fields fields, int index)
    {
        text.Append(fields.Name(index));
        text.Append(": "u8);
        text.Append(fields.Value(index));
    }

    private static Slice BuildHeader(ByteBuffer text, Http1Fields fields, bool toServer)
    {
        int start = text.Length;
        for (int i = 0; i < fields.Count; i++)
        {
            bool isCookie = toServer
                ? Http1Text.EqualsIgnoreCase(fields.Name(i), "cookie"u8)
                : Http1Text.EqualsIgnoreCase(fields.Name(i), "set-cookie"u8);
            if (!isCookie && !fields[i].IsTrailer)
            {
                AppendField(text, fields, i);
                text.Append("\r\n"u8);
            }
        }

        return new Slice(start, text.Length - start);
    }

    private static Slice BuildNames(ByteBuffer text, Http1Fields fields)
    {
        if (fields.Count == 0)
        {
            return new Slice(0, 0);
        }

        int start = text.Length;
        text.Append("\r\n"u8);
        for (int i = 0; i < fields.Count; i++)
        {
            text.Append(fields.Name(i));
            text.Append("\r\n"u8);
        }

        text.Append("\r\n"u8);
        return new Slice(start, text.Length - start);
    }

    private static Slice BuildStart(ByteBuffer text, Http1Message message, bool toServer)
    {
        int start = text.Length;
        text.Append(message.Line.Span);

        // A status line is shown with its end, then another: rules are written against that.
        text.Append(toServer ? "\r\n"u8 : "\r\n\r\n"u8);
        for (int i = 0; i < message.Fields.Count; i++)
        {
            AppendField(text, message.Fields, i);
            text.Append("\r\n"u8);
        }

        text.Append("\r\n"u8);
        return new Slice(start, text.Length - start);
    }

    private static Slice BuildLine(ByteBuffer text, Http1Message message)
    {
        int start = text.Length;
        if (message.Line.Length > 0)
        {
            text.Append(message.Line.Span);
            text.Append("\r\n"u8);
        }

        return new Slice(start, text.Length - start);
    }
}
