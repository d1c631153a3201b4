using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Writes the <c>http</c> object.</summary>
internal sealed class Http1Eve : EveLogger
{
    public override string EventType => "http";

    public override byte ProgressToServer => Http1Progress.Complete;

    public override byte ProgressToClient => Http1Progress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var http = (Http1Transaction)transaction;
        writer.StartObject("http"u8);
        WriteBasic(writer, http);
        WriteExtended(writer, http);
        writer.EndObject();
        return true;
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
        if (Http1Ranges.TryRead(range, out long start, out long end, out long total))
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
