using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace BridgeGuard.Scanning.Scanners.Clamd;

/// <summary>Where a clamd listens.</summary>
public static class ClamdAddress
{
    /// <summary>Reads <c>unix:/path</c>, <c>tcp:host:port</c> (host an address or a name; IPv6 in brackets).</summary>
    /// <exception cref="FormatException">It is neither.</exception>
    public static EndPoint Parse(string text)
    {
        if (text.StartsWith("unix:/", StringComparison.Ordinal))
        {
            return new UnixDomainSocketEndPoint(text["unix:".Length..]);
        }

        int colon = text.LastIndexOf(':');
        if (text.StartsWith("tcp:", StringComparison.Ordinal) && colon > "tcp:".Length
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port != 0)
        {
            string host = text["tcp:".Length..colon].Trim('[', ']');
            return IPAddress.TryParse(host, out IPAddress? address) ? new IPEndPoint(address, port) : new DnsEndPoint(host, port);
        }

        throw new FormatException($"\"{text}\" is not a scanner address; write unix:/path or tcp:host:port.");
    }
}
