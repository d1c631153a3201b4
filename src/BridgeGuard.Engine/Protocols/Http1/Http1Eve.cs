using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Writes the <c>http</c> object.</summary>
/// <remarks>Options: <c>extended</c>, <c>custom</c>, <c>dump-all-headers</c>. Alerts have the extended fields.</remarks>
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
        }
        else
        {
            WriteAsConfigured(writer, http, writer.Options);
        }

        writer.EndObject();
        return true;
    }

    private static void WriteAsConfigured(EveWriter writer, Http1Transaction http, ProtocolSettings options)
    {
        bool hasOther = false;
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (option.Key.StartsWith("custom", StringComparison.Ordinal))
            {
                hasOther |= !WriteCustom(writer, http, option.Value);
            }
        }

        if (options.GetBool("xff.enabled", false) && http.Request.Fields.TryGet("x-forwarded-for"u8, out ReadOnlySpan<byte> xff))
        {
            writer.Bytes("xff"u8, xff);
        }

        if (options.GetBool("extended", false))
        {
            WriteExtended(writer, http);
        }

        string? dump = options.Get("dump-all-headers");
        if (dump is "both" or "request")
        {
            WriteAll(writer, "request_headers"u8, http.Request);
        }

        if (dump is "both" or "response")
        {
            WriteAll(writer, "response_headers"u8, http.Response);
        }

        if (hasOther && dump is null or "none")
        {
            WriteOther(writer, "request_headers"u8, http.Request, options);
            WriteOther(writer, "response_headers"u8, http.Response, options);
        }
    }

    /// <summary>Fields that <c>custom</c> may name as members of the record (dashes as underscores).</summary>
    private static readonly string[] CustomNames =
    [
        "accept", "accept_charset", "accept_datetime", "accept_encoding", "accept_language", "accept_range", "age", "allow", "authorization",
        "cache_control", "connection", "content_encoding", "content_language", "content_length", "content_location", "content_md5",
        "content_range", "content_type", "cookie", "date", "dnt", "etag", "expires", "from", "last_modified", "link", "location", "max_forwards",
        "org_src_ip", "origin", "pragma", "proxy_authenticate", "proxy_authorization", "range", "referrer", "refresh", "retry_after", "server",
        "set_cookie", "te", "trailer", "transfer_encoding", "true_client_ip", "upgrade", "vary", "via", "warning", "www_authenticate",
        "x_authenticated_user", "x_bluecoat_via", "x_flash_version", "x_forwarded_proto", "x_requested_with",
    ];

    /// <summary>One field by its EVE name: <c>accept_encoding</c> is Accept-Encoding, of the request where that has it. False for names unknown.</summary>
    private static bool WriteCustom(EveWriter writer, Http1Transaction http, string name)
    {
        if (Array.IndexOf(CustomNames, name) < 0)
        {
            return false;
        }

        Span<byte> field = stackalloc byte[64];
        System.Text.Ascii.FromUtf16(name, field, out int length);
        Span<byte> property = stackalloc byte[64];
        field.CopyTo(property);
        field = field[..length];
        field.Replace((byte)'_', (byte)'-');
        if (http.Request.Fields.TryGet(field, out ReadOnlySpan<byte> value) || http.Response.Fields.TryGet(field, out value))
        {
            writer.Bytes(property[..length], value);
        }

        return true;
    }

    /// <summary>Other fields that <c>custom</c> names, among the headers of their side.</summary>
    private static void WriteOther(EveWriter writer, ReadOnlySpan<byte> property, Http1Message message, ProtocolSettings options)
    {
        Span<byte> field = stackalloc byte[128];
        bool isOpen = false;
        foreach (KeyValuePair<string, string> option in options.All)
        {
            if (!option.Key.StartsWith("custom", StringComparison.Ordinal) || Array.IndexOf(CustomNames, option.Value) >= 0
                || System.Text.Ascii.FromUtf16(option.Value, field, out int length) != System.Buffers.OperationStatus.Done
                || message.Fields.IndexOf(field[..length]) is not (>= 0 and int index))
            {
                continue;
            }

            if (!isOpen)
            {
                isOpen = true;
                writer.StartArray(property);
            }

            writer.StartObject();
            writer.Bytes("name"u8, message.Fields.Name(index));
            writer.Bytes("value"u8, message.Fields.Value(index));
            writer.EndObject();
        }

        if (isOpen)
        {
            writer.EndArray();
        }
    }

    private static void WriteAll(EveWriter writer, ReadOnlySpan<byte> property, Http1Message message)
    {
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
            if (http.Status is > 300 and < 303)
            {
                WriteField(writer, "redirect"u8, http.Response, "location"u8);
            }
        }
        else if (http.Response.First.Length > 0)
        {
            writer.Bytes("status_string"u8, http.Response.Line[http.Response.First]);
        }

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
