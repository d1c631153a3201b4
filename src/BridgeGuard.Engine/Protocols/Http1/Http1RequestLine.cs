using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Takes a request line apart (RFC 9112 §3) and finds out whom the request is for.</summary>
internal static class Http1RequestLine
{
    /// <summary>What stands for the URI of a request that was not seen; rules and logs know this text.</summary>
    private static ReadOnlySpan<byte> UnseenUri => "/libhtp::request_uri_not_seen"u8;

    public static void Read(Http1Transaction transaction, Http1Limits limits)
    {
        Http1Message message = transaction.Request;
        ReadOnlySpan<byte> line = Http1Text.TrimEnd(message.Line.Span);
        int start = SkipSpace(line, 0);
        if (start > 0)
        {
            transaction.Raise(Http1Anomaly.RequestLineLeadingWhitespace);
        }

        int methodEnd = start;
        while (methodEnd < line.Length && !Http1Text.IsSpace(line[methodEnd]))
        {
            methodEnd++;
        }

        message.First = new Slice(start, methodEnd - start);
        transaction.IsConnect = line[start..methodEnd].SequenceEqual("CONNECT"u8);
        int uriStart = SkipSpace(line, methodEnd);
        if (line[methodEnd..uriStart].IndexOfAnyExcept((byte)' ') >= 0)
        {
            transaction.Raise(Http1Anomaly.MethodDelimNonCompliant);
        }

        ReadUri(transaction, message, line, uriStart);
        if (message.Second.Exists)
        {
            ReadOnlySpan<byte> uri = message.Line[message.Second];
            Http1Uri.Normalize(uri, transaction, limits);
        }
    }

    /// <summary>A transaction that only has a response.</summary>
    public static void SetUnseen(Http1Transaction transaction)
    {
        Http1Message message = transaction.Request;
        message.Second = message.Line.Append(UnseenUri);
        transaction.Uri.Append(UnseenUri);
        transaction.UriPathLength = UnseenUri.Length;
        transaction.IsUriUnseen = true;
    }

    /// <summary>The head is complete: host, credentials.</summary>
    public static void OnHeaders(Http1Transaction transaction, Flow flow)
    {
        Http1Message message = transaction.Request;
        if (message.Fields.TryGet("authorization"u8, out ReadOnlySpan<byte> credentials) && !IsKnownScheme(credentials))
        {
            transaction.Raise(Http1Anomaly.RequestAuthUnrecognized);
        }

        if (!message.Fields.TryGet("host"u8, out ReadOnlySpan<byte> host))
        {
            if (message.Version == 101 && !transaction.HasHost)
            {
                transaction.Raise(Http1Anomaly.MissingHostHeader);
            }

            return;
        }

        ReadOnlySpan<byte> name = Http1Uri.SplitAuthority(host, out ushort port, out bool isValid);
        if (!isValid || host.EndsWith((byte)':') || (host.Contains((byte)'@') && !name.IsEmpty))
        {
            transaction.Raise(Http1Anomaly.RequestHeaderHostInvalid);
        }

        if (transaction.HasHost)
        {
            // The URI's authority wins (RFC 9112 §3.2.2).
            bool isOther = !Http1Text.EqualsIgnoreCase(transaction.Host.Span, name) || (port != 0 && transaction.Port != 0 && port != transaction.Port);
            if (isOther && !transaction.IsConnect)
            {
                transaction.Raise(Http1Anomaly.HostHeaderAmbiguous);
            }

            return;
        }

        transaction.SetHost(host, name, port);
    }

    /// <summary>The URI reaches to the last word of the line, which is the protocol: spaces in URIs are sent and served.</summary>
    private static void ReadUri(Http1Transaction transaction, Http1Message message, ReadOnlySpan<byte> line, int uriStart)
    {
        message.Version = 9;
        if (uriStart == line.Length)
        {
            return;
        }

        int protocolStart = line.Length;
        while (protocolStart > uriStart && !Http1Text.IsSpace(line[protocolStart - 1]))
        {
            protocolStart--;
        }

        if (protocolStart <= uriStart)
        {
            message.Second = new Slice(uriStart, line.Length - uriStart);
            return;
        }

        int uriEnd = protocolStart;
        while (uriEnd > uriStart && Http1Text.IsSpace(line[uriEnd - 1]))
        {
            uriEnd--;
        }

        if (line[uriStart..protocolStart].IndexOfAnyInRange((byte)0x09, (byte)0x0d) >= 0)
        {
            transaction.Raise(Http1Anomaly.UriDelimNonCompliant);
        }

        message.Second = new Slice(uriStart, uriEnd - uriStart);
        message.Protocol = new Slice(protocolStart, line.Length - protocolStart);
        message.Version = Http1StatusLine.ReadVersion(line[protocolStart..]);
    }

    private static bool IsKnownScheme(ReadOnlySpan<byte> credentials) =>
        Http1Text.StartsWithIgnoreCase(credentials, "basic"u8)
        || Http1Text.StartsWithIgnoreCase(credentials, "digest"u8)
        || Http1Text.StartsWithIgnoreCase(credentials, "bearer"u8);

    private static int SkipSpace(ReadOnlySpan<byte> line, int from)
    {
        while (from < line.Length && Http1Text.IsSpace(line[from]))
        {
            from++;
        }

        return from;
    }
}
