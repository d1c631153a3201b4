using System.Buffers.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Dns;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Writes the <c>http</c> object with version 2.</summary>
internal sealed class Http2Eve : EveLogger
{
    public override string EventType => "http";

    public override string ConfigurationName => "http2";

    public override byte ProgressToServer => Http2Progress.Complete;

    public override byte ProgressToClient => Http2Progress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        return TryWrite(writer, (Http2Transaction)transaction, detail);
    }

    /// <summary>False when there is nothing to show in a record.</summary>
    public static bool TryWrite(EveWriter writer, Http2Transaction http, EveDetail detail)
    {
        if (detail == EveDetail.Record && !HasContent(http.Client) && !HasContent(http.Server))
        {
            return false;
        }

        WriteObject(writer, http);
        return true;
    }

    public static void WriteObject(EveWriter writer, Http2Transaction http)
    {
        writer.StartObject("http"u8);
        writer.Text("version"u8, "2"u8);
        WriteHeaders(writer, "request_headers"u8, http.Client.Headers);
        WriteHeaders(writer, "response_headers"u8, http.Server.Headers);
        WriteKnown(writer, http);
        writer.StartObject("http2"u8);
        writer.Number("stream_id"u8, (ulong)http.StreamId);
        WriteSide(writer, "request"u8, http.Client);
        WriteSide(writer, "response"u8, http.Server);
        writer.EndObject();
        writer.EndObject();
    }

    /// <summary>Something of this side is shown in a record.</summary>
    private static bool HasContent(Http2Side side) =>
        side.Headers.IsSeen || side.HasSettings || side.TryGet(Http2NoteKind.ErrorCode, 0, out _) || side.TryGet(Http2NoteKind.Priority, 0, out _);

    private static void WriteHeaders(EveWriter writer, ReadOnlySpan<byte> property, Http2Headers headers)
    {
        if (!headers.IsSeen)
        {
            return;
        }

        writer.StartArray(property);
        for (int i = 0; i < headers.Count; i++)
        {
            writer.StartObject();
            switch (headers[i].Kind)
            {
                case Http2HeaderKind.SizeUpdate:
                    writer.Number("table_size_update"u8, (ulong)headers[i].Size);
                    break;
                case Http2HeaderKind.IndexZero:
                    writer.Text("error"u8, "HTTP2HeaderDecodeIndex0"u8);
                    break;
                case Http2HeaderKind.NotIndexed:
                    writer.Text("error"u8, "HTTP2HeaderDecodeNotIndexed"u8);
                    break;
                default:
                    writer.Bytes("name"u8, headers.Name(i));
                    writer.Bytes("value"u8, headers.Value(i));
                    break;
            }

            writer.EndObject();
        }

        writer.EndArray();
    }

    /// <summary>The members that HTTP/1 has too, from whichever side says them first.</summary>
    private static void WriteKnown(EveWriter writer, Http2Transaction http)
    {
        WriteField(writer, http, ":method"u8, "http_method"u8);
        WriteField(writer, http, ":path"u8, "url"u8);
        if (!WriteField(writer, http, ":authority"u8, "hostname"u8))
        {
            WriteField(writer, http, "host"u8, "hostname"u8);
        }

        WriteField(writer, http, "user-agent"u8, "http_user_agent"u8);
        if (TryGet(http, ":status"u8, out ReadOnlySpan<byte> status) && TryNumber(status, out long code))
        {
            writer.Number("status"u8, code);
        }

        // A response's length says more than its request's.
        if ((http.Server.Headers.TryGetIgnoringCase("content-length"u8, out ReadOnlySpan<byte> length) || http.Client.Headers.TryGetIgnoringCase("content-length"u8, out length))
            && TryNumber(length, out long bytes))
        {
            writer.Number("length"u8, bytes);
        }
    }

    private static bool WriteField(EveWriter writer, Http2Transaction http, ReadOnlySpan<byte> name, ReadOnlySpan<byte> property)
    {
        if (!TryGet(http, name, out ReadOnlySpan<byte> value))
        {
            return false;
        }

        writer.Bytes(property, value);
        return true;
    }

    private static bool TryGet(Http2Transaction http, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value) =>
        http.Client.Headers.TryGetIgnoringCase(name, out value) || http.Server.Headers.TryGetIgnoringCase(name, out value);

    private static bool TryNumber(ReadOnlySpan<byte> digits, out long value) =>
        Utf8Parser.TryParse(digits, out value, out int used) && used == digits.Length && value >= 0;

    private static void WriteSide(EveWriter writer, ReadOnlySpan<byte> property, Http2Side side)
    {
        if (!side.HasSettings && !side.TryGet(Http2NoteKind.ErrorCode, 0, out _) && !side.TryGet(Http2NoteKind.Priority, 0, out _))
        {
            return;
        }

        writer.StartObject(property);
        if (side.HasSettings)
        {
            WriteSettings(writer, side);
        }

        ReadOnlySpan<byte> repeated = default;
        if (TryFindError(side, out Http2Note note))
        {
            WriteError(writer, note);
            repeated = side.TryGet(Http2NoteKind.ErrorCode, 1, out _) ? "error_code"u8 : repeated;
        }

        if (side.TryGet(Http2NoteKind.Priority, 0, out uint priority))
        {
            writer.Number("priority"u8, (ulong)priority);
            repeated = side.TryGet(Http2NoteKind.Priority, 1, out _) ? "priority"u8 : repeated;
        }

        if (!repeated.IsEmpty)
        {
            writer.Text("has_multiple"u8, repeated);
        }

        writer.EndObject();
    }

    private static void WriteSettings(EveWriter writer, Http2Side side)
    {
        writer.StartArray("settings"u8);
        for (int i = 0; i < side.NoteCount; i++)
        {
            if (side[i].Kind == Http2NoteKind.Setting)
            {
                writer.StartObject();
                writer.Text("settings_id"u8, Http2Tables.SettingsInRecords[side[i].Id - 1]);
                writer.Number("settings_value"u8, (ulong)side[i].Value);
                writer.EndObject();
            }
        }

        writer.EndArray();
    }

    private static bool TryFindError(Http2Side side, out Http2Note note)
    {
        for (int i = 0; i < side.NoteCount; i++)
        {
            if (side[i].Kind == Http2NoteKind.ErrorCode)
            {
                note = side[i];
                return true;
            }
        }

        note = default;
        return false;
    }

    /// <summary>By name, which the two frames write differently; an unknown code as its number.</summary>
    private static void WriteError(EveWriter writer, in Http2Note note)
    {
        string[] names = note.IsGoAway ? Http2Tables.GoAwayErrors : Http2Tables.ResetErrors;
        if (note.Value < (uint)names.Length)
        {
            writer.Text("error_code"u8, names[note.Value]);
        }
        else
        {
            writer.Formatted("error_code"u8, note.Value, default);
        }
    }
}

/// <summary>Writes the <c>dns</c> record of an exchange over HTTP/2, with its <c>http</c> object.</summary>
internal sealed class Doh2Eve : EveLogger
{
    private static readonly DnsEve Dns = new("dns");

    public override string EventType => "dns";

    public override string ConfigurationName => "doh2";

    public override byte ProgressToServer => Http2Progress.Complete;

    public override byte ProgressToClient => Http2Progress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var http = (Http2Transaction)transaction;
        if (http.DnsRequest is null && http.DnsResponse is null)
        {
            return false;
        }

        Http2Eve.WriteObject(writer, http);
        return WriteDns(writer, http, flow, detail);
    }

    /// <summary>The response where there is one: it repeats the question.</summary>
    public static bool WriteDns(EveWriter writer, Http2Transaction http, Flow flow, EveDetail detail) =>
        (http.DnsResponse ?? http.DnsRequest) is { } dns && Dns.Write(writer, dns, flow, detail);
}

/// <summary>What of DNS over HTTP/2 carries no DNS (settings, priorities, the end): an <c>http</c> record as of any HTTP/2, by the same output.</summary>
internal sealed class Doh2HttpEve : EveLogger
{
    public override string EventType => "http";

    public override string ConfigurationName => "doh2";

    public override byte ProgressToServer => Http2Progress.Complete;

    public override byte ProgressToClient => Http2Progress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var http = (Http2Transaction)transaction;
        return http is { DnsRequest: null, DnsResponse: null } && Http2Eve.TryWrite(writer, http, detail);
    }
}
