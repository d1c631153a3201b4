using System.Buffers;
using System.Buffers.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Http1;

namespace BridgeGuard.Engine.Protocols.Http2;

/// <summary>Carries the HTTP/1 request that asked for h2c over into the first stream (RFC 7540 §3.2).</summary>
internal static class Http2Upgrade
{
    private const uint FirstStream = 1;

    public static void Take(Http1Transaction request, Http2Parser parser, in ParseContext context)
    {
        Http1Message message = request.Request;
        Http2Transaction stream = parser.NewTransaction(FirstStream, in context);
        Http2Headers headers = stream.Client.Headers;
        headers.Add(":method"u8, message.Line[message.First]);
        headers.Add(":path"u8, message.Line[message.Second]);
        if (message.Fields.TryGet("host"u8, out ReadOnlySpan<byte> host))
        {
            headers.Add(":authority"u8, host);
        }

        for (int i = 0; i < message.Fields.Count; i++)
        {
            ReadOnlySpan<byte> name = message.Fields.Name(i);
            if (!Http1Text.EqualsIgnoreCase(name, "host"u8) && !Http1Text.EqualsIgnoreCase(name, "http2-settings"u8))
            {
                headers.Add(name, message.Fields.Value(i));
            }
        }

        headers.IsSeen = true;
        stream.ProgressToServer = Http2Progress.Complete;
        if (message.Fields.TryGet("http2-settings"u8, out ReadOnlySpan<byte> settings))
        {
            TakeSettings(settings, parser, in context);
        }
    }

    /// <summary>HTTP2-Settings: the payload of a SETTINGS frame in base64url.</summary>
    private static void TakeSettings(ReadOnlySpan<byte> text, Http2Parser parser, in ParseContext context)
    {
        Span<byte> payload = stackalloc byte[512];
        Http2Transaction connection = parser.NewTransaction(0, in context);
        ReadOnlySpan<byte> trimmed = Http1Text.Trim(text);
        if (Base64Url.GetMaxDecodedLength(trimmed.Length) > payload.Length
            || Base64Url.DecodeFromUtf8(trimmed, payload, out _, out int written) != OperationStatus.Done)
        {
            connection.Raise(Http2Anomaly.InvalidHttp1Settings);
            return;
        }

        connection.Client.CountFrame(Http2FrameType.Settings);
        parser.ReadSettings(payload[..written], connection.Client);
    }
}
