using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Writes the <c>http</c> object.</summary>
/// <remarks>Options: <c>extended</c>, <c>custom</c>, <c>dump-all-headers</c>. Alerts have the extended fields and, with <c>http-body</c> and <c>http-body-printable</c>, the bodies.</remarks>
internal sealed class Http1Eve : EveLogger
{
    public override string EventType => "http";

    public override bool WritesTransactionId => true;

    public override byte ProgressToServer => Http1Progress.Complete;

    public override byte ProgressToClient => Http1Progress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var http = (Http1Transaction)transaction;
        writer.StartObject("http"u8);
        WriteBasic(writer, http);
        if (detail == EveDetail.Alert)
        {
            WriteExtended(writer, http);
            WriteBody(writer, "http_request_body"u8, "http_request_body_printable"u8, http.Request);
            WriteBody(writer, "http_response_body"u8, "http_response_body_printable"u8, http.Response);
        }
        else
        {
            WriteAsConfigured(writer, http, writer.Options);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteBody(EveWriter writer, ReadOnlySpan<byte> property, ReadOnlySpan<byte> printable, Http1Message message)
    {
        // Both forms of both bodies must fit into one record.
        ReadOnlySpan<byte> body = message.Body.Held;
        body = body[..Math.Min(body.Length, EveWriter.MaxRecordBytes / 8)];
        if (body.IsEmpty)
        {
            return;
        }

        if (writer.Options.GetBool("http-body-printable", false))
        {
            writer.Printable(printable, body);
        }

        if (writer.Options.GetBool("http-body", false))
        {
            writer.Base64(property, body);
        }
    }

    private static void WriteAsConfigured(EveWriter writer, Http1Transaction http, ProtocolSettings options)
    {
        if (options.GetBool("extended", false))
        {
            WriteExtended(writer, http);
        }

        string? dump = options.Get("dump-all-headers");
        WriteHeaders(writer, "request_headers"u8, http.Request, options, isWhole: dump is "both" or "request");
        WriteHeaders(writer, "response_headers"u8, http.Response, options, isWhole: dump is "both" or "response");
    }

    /// <summary>All fields of a message, or those that <c>custom</c> names, in the message's order.</summary>
    private static void WriteHeaders(EveWriter writer, ReadOnlySpan<byte> property, Http1Message message, ProtocolSettings options, bool isWhole)
    {
        if (isWhole)
        {
            WriteAll(writer, property, message);
        }
        else if (HasCustom(options))
        {
            WriteCustom(writer, property, message, options);
        }
    }

    private static bool HasCustom(ProtocolSettings options) => options.Get("custom.0") is not null || options.Get("custom") is not null;

    /// <summary>Fields that <c>custom</c> may name, with dashes or underscores; others are not logged by it.</summary>
    private static readonly string[] CustomNames =
    [
        "accept", "accept-charset", "accept-datetime", "accept-encoding", "accept-language", "accept-range", "age", "allow", "authorization",
        "cache-control", "connection", "content-encoding", "content-language", "content-length", "content-location", "content-md5",
        "content-range", "content-type", "cookie", "date", "dnt", "etag", "expires", "from", "last-modified", "link", "location", "max-forwards",
        "org-src-ip", "origin", "pragma", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after", "server",
        "set-cookie", "te", "trailer", "transfer-encoding", "true-client-ip", "upgrade", "vary", "via", "warning", "www-authenticate",
        "x-authenticated-user", "x-bluecoat-via", "x-flash-version", "x-forwarded-proto", "x-requested-with",
    ];

    private static void WriteCustom(EveWriter writer, ReadOnlySpan<byte> property, Http1Message message, ProtocolSettings options)
    {
        bool isOpen = false;
        bool hasReferer = options.GetBool("extended", false);
        for (int i = 0; i < message.Fields.Count; i++)
        {
            ReadOnlySpan<byte> name = message.Fields.Name(i);
            if (!IsCustom(name, options) || (hasReferer && System.Text.Ascii.EqualsIgnoreCase(name, "referer"u8)))
            {
                continue;
            }

            if (!isOpen)
            {
                isOpen = true;
                writer.StartArray(property);
            }

            writer.StartObject();
            writer.Bytes("name"u8, name);
            writer.Bytes("value"u8, message.Fields.Value(i));
            writer.EndObject();
        }

        if (isOpen)
        {
            writer.EndArray();
        }
    }

    /// <summary>The field is one that can be asked for, and it was.</summary>
    private static bool IsCustom(ReadOnlySpan<byte> field, ProtocolSettings options)
    {
        foreach (string known in CustomNames)
        {
            if (!System.Text.Ascii.EqualsIgnoreCase(field, known.AsSpan()))
            {
                continue;
            }

            foreach (KeyValuePair<string, string> option in options.All)
            {
                if (option.Key.StartsWith("custom", StringComparison.Ordinal) && IsSame(option.Value, known))
                {
                    return true;
                }
            }

            return false;
        }

        return false;
    }

    private static bool IsSame(string asked, string known)
    {
        if (asked.Length != known.Length)
        {
            return false;
        }

        for (int i = 0; i < known.Length; i++)
        {
            char given = asked[i] == '_' ? '-' : char.ToLowerInvariant(asked[i]);
            if (given != known[i])
            {
                return false;
            }
        }

        return true;
    }

    private static void WriteAll(EveWriter writer, ReadOnlySpan<byte> property, Http1Message message)
    {
        if (message.Fields.Count == 0)
        {
            return;
        }

        writer.StartArray(property);
        for (int i = 0; i < message.Fields.Count; i++)
        {
            writer.StartObject();
            writer.Bytes("name"u8, message.Fields.Name(i));
            writer.Bytes("value"u8, message.Fields.Value(i));
            writer.EndObject();
        }

        writer.EndArray();
    }

    private static void WriteBasic(EveWriter writer, Http1Transaction http)
    {
        if (http.HasHost)
        {
            writer.Bytes("hostname"u8, http.Host.Span);
        }

        if (http.Port != 0)
        {
            writer.Number("http_port"u8, (ulong)http.Port);
        }

        if (http.Request.Second.Exists)
        {
            writer.Bytes("url"u8, http.Request.Line[http.Request.Second]);
        }

        WriteField(writer, "http_user_agent"u8, http.Request, "user-agent"u8);
        WriteField(writer, "xff"u8, http.Request, "x-forwarded-for"u8);
        WriteContentType(writer, http.Response);
        WriteContentRange(writer, http.Response);
    }

    private static void WriteExtended(EveWriter writer, Http1Transaction http)
    {
        WriteField(writer, "http_refer"u8, http.Request, "referer"u8);
        if (http.Request.First.Length > 0)
        {
            writer.Bytes("http_method"u8, http.Request.Line[http.Request.First]);
        }

        if (http.Request.Protocol.Length > 0)
        {
            writer.Bytes("protocol"u8, http.Request.Line[http.Request.Protocol]);
        }

        if (http.Status > 0)
        {
            writer.Number("status"u8, (long)http.Status);
        }
        else if (http.Response.First.Length > 0)
        {
            writer.Bytes("status_string"u8, http.Response.Line[http.Response.First]);
        }

        // As observed of Suricata 8.0.8: whatever the status is.
        WriteField(writer, "redirect"u8, http.Response, "location"u8);

        writer.Number("length"u8, http.Response.WireBytes);
    }

    /// <summary>The media type without its parameters.</summary>
    private static void WriteContentType(EveWriter writer, Http1Message response)
    {
        if (response.Fields.TryGet("content-type"u8, out ReadOnlySpan<byte> type))
        {
            int end = type.IndexOf((byte)';');
            writer.Bytes("http_content_type"u8, end < 0 ? type : type[..end]);
        }
    }

    private static void WriteContentRange(EveWriter writer, Http1Message response)
    {
        if (!response.Fields.TryGet("content-range"u8, out ReadOnlySpan<byte> range))
        {
            return;
        }

        writer.StartObject("content_range"u8);
        writer.Bytes("raw"u8, range);
        if (Http1Ranges.TryRead(range, out long start, out long end, out long total) || start >= 0)
        {
            if (start >= 0)
            {
                writer.Number("start"u8, start);
                writer.Number("end"u8, end);
            }

            if (total >= 0)
            {
                writer.Number("size"u8, total);
            }
        }

        writer.EndObject();
    }

    private static void WriteField(EveWriter writer, ReadOnlySpan<byte> property, Http1Message message, ReadOnlySpan<byte> name)
    {
        if (message.Fields.TryGet(name, out ReadOnlySpan<byte> value))
        {
            writer.Bytes(property, value);
        }
    }
}
