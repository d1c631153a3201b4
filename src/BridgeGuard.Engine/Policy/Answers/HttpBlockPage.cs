using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy.Answers;

/// <summary>Answers an HTTP/1 request with a page in the server's name, and lets the server go.</summary>
/// <remarks>RFC 9110 §15.5.4 (403). The page is fixed but for the name of the rule: nothing of the request is repeated, so nothing can be smuggled into it.</remarks>
public static class HttpBlockPage
{
    /// <summary>Of a rule's message; longer ones are cut.</summary>
    private const int MaxReasonBytes = 100;

    private static ReadOnlySpan<byte> Head => "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: "u8;

    private static ReadOnlySpan<byte> Before => "<!doctype html><title>Blocked</title><h1>This page was blocked</h1><p>The security policy of this network does not allow it.</p><p>Reason: "u8;

    private static ReadOnlySpan<byte> After => "</p>\n"u8;

    /// <summary>The packet carries the beginning of an HTTP/1 request.</summary>
    public static bool IsRequest(Packet packet)
    {
        if (!packet.IsTcp || packet.PayloadLength < 16)
        {
            return false;
        }

        ReadOnlySpan<byte> payload = packet.Payload;
        return payload.StartsWith("GET "u8) || payload.StartsWith("POST "u8) || payload.StartsWith("HEAD "u8) || payload.StartsWith("PUT "u8)
            || payload.StartsWith("OPTIONS "u8) || payload.StartsWith("DELETE "u8) || payload.StartsWith("PATCH "u8);
    }

    /// <summary>Answers the client's packet and resets the server; false when that is not possible and the connection must be rejected instead.</summary>
    /// <param name="packet">A client's segment with (part of) the request.</param>
    /// <param name="reason">The rule's message.</param>
    public static bool TryAnswer(Packet packet, string reason, FrameInjector injector)
    {
        Span<byte> text = stackalloc byte[MaxReasonBytes];
        int length = Escape(reason, text);
        Span<byte> page = stackalloc byte[512];
        int at = 0;
        Append(Head, page, ref at);
        System.Buffers.Text.Utf8Formatter.TryFormat(Before.Length + length + After.Length, page[at..], out int digits);
        at += digits;
        Append("\r\n\r\n"u8, page, ref at);
        Append(Before, page, ref at);
        Append(text[..length], page, ref at);
        Append(After, page, ref at);
        uint next = packet.Tcp.Sequence + (uint)packet.PayloadLength;
        if (!TcpAnswers.TryAnswer(packet, injector, packet.Tcp.Acknowledgement, next, TcpFlags.Psh | TcpFlags.Ack | TcpFlags.Fin, 0, page[..at]))
        {
            return false;
        }

        TcpAnswers.TryResetReceiver(packet, injector);
        return true;
    }

    private static void Append(ReadOnlySpan<byte> part, Span<byte> page, ref int at)
    {
        part.CopyTo(page[at..]);
        at += part.Length;
    }

    /// <summary>Printable ASCII as it is, what HTML gives a meaning to as a blank.</summary>
    private static int Escape(string reason, Span<byte> text)
    {
        int length = Math.Min(reason.Length, MaxReasonBytes);
        for (int i = 0; i < length; i++)
        {
            char c = reason[i];
            text[i] = c is >= ' ' and <= '~' and not ('<' or '>' or '&' or '"' or '\'') ? (byte)c : (byte)' ';
        }

        return length;
    }
}
