using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using BridgeGuard.Engine.Events;

namespace BridgeGuard.Outputs.Webhook;

/// <summary>Puts an EVE record into the body of a webhook, and makes it short enough.</summary>
internal static class WebhookBody
{
    /// <summary>Strings longer than this are left out of an event that is too long: payloads, packets, bodies, certificates.</summary>
    private const int LongStringBytes = 512;

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Members that say what happened to whom; kept when everything else must go.</summary>
    private static readonly HashSet<string> Essence =
    [
        "timestamp", "event_type", "flow_id", "src_ip", "src_port", "dest_ip", "dest_port", "proto", "app_proto", "direction", "alert", "verdict",
        "vm", "peer_vm", "community_id", "host",
    ];

    public static string ContentType(WebhookFormat format) =>
        format == WebhookFormat.CloudEvents ? "application/cloudevents+json; charset=utf-8" : "application/json; charset=utf-8";

    /// <summary>The body. Longer than <see cref="WebhookOptions.MaxBodyBytes"/> only if the essence alone is, which no event of ours is.</summary>
    public static byte[] Create(in EventHeader header, ReadOnlySpan<byte> json, string id, WebhookOptions options)
    {
        byte[] body = Wrap(header, json, id, options);
        if (body.Length <= options.MaxBodyBytes)
        {
            return body;
        }

        using JsonDocument record = JsonDocument.Parse(json.ToArray());
        body = Wrap(header, Shorten(record.RootElement, onlyEssence: false), id, options);
        return body.Length <= options.MaxBodyBytes ? body : Wrap(header, Shorten(record.RootElement, onlyEssence: true), id, options);
    }

    private static byte[] Wrap(in EventHeader header, ReadOnlySpan<byte> json, string id, WebhookOptions options)
    {
        var buffer = new ArrayBufferWriter<byte>(json.Length + 512);
        using var writer = new Utf8JsonWriter(buffer, WriterOptions);
        DateTime time = DateTime.UnixEpoch.AddMicroseconds(Math.Clamp(header.TimestampUs, 0, 253_402_300_799_000_000));
        string kind = KindName(header.Kind);
        writer.WriteStartObject();
        if (options.Format == WebhookFormat.CloudEvents)
        {
            writer.WriteString("specversion", "1.0");
            writer.WriteString("id", id);
            writer.WriteString("source", options.Source);
            writer.WriteString("type", $"io.bridgeguard.{kind}.v1");
            if (header.FlowId != 0)
            {
                writer.WriteString("subject", $"flow/{header.FlowId}");
            }

            writer.WriteString("time", time);
            writer.WriteString("datacontenttype", "application/json");
        }
        else
        {
            writer.WriteString("type", kind);
            writer.WriteString("timestamp", time);
        }

        writer.WritePropertyName("data");
        writer.WriteRawValue(json, skipInputValidation: true);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static ReadOnlySpan<byte> Shorten(JsonElement record, bool onlyEssence)
    {
        var buffer = new ArrayBufferWriter<byte>(8192);
        using var writer = new Utf8JsonWriter(buffer, WriterOptions);
        writer.WriteStartObject();
        foreach (JsonProperty member in record.EnumerateObject())
        {
            if (!onlyEssence || Essence.Contains(member.Name))
            {
                WriteShort(writer, member);
            }
        }

        writer.WriteBoolean("webhook_shortened", true);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan;
    }

    private static void WriteShort(Utf8JsonWriter writer, JsonProperty member)
    {
        if (member.Value.ValueKind == JsonValueKind.Object)
        {
            writer.WriteStartObject(member.Name);
            foreach (JsonProperty inner in member.Value.EnumerateObject())
            {
                WriteShort(writer, inner);
            }

            writer.WriteEndObject();
        }
        else if (member.Value.ValueKind == JsonValueKind.Array ? member.Value.GetRawText().Length <= 4 * LongStringBytes
            : member.Value.ValueKind != JsonValueKind.String || member.Value.GetRawText().Length <= LongStringBytes)
        {
            member.WriteTo(writer);
        }
    }

    private static string KindName(EventKind kind) => kind switch
    {
        EventKind.FileInfo => "fileinfo",
        EventKind.NetFlow => "netflow",
        _ => kind.ToString().ToLowerInvariant(),
    };
}
