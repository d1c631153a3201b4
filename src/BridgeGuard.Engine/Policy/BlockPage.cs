using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Policy;

/// <summary>An HTTP/1 answer in place of a stopped file's, for a client that has not got a byte of it (RFC 9112 §4, RFC 9110 §15.5.4).</summary>
/// <remarks>The segment that would have begun the real answer is taken, headers and all, with the page for its payload and FIN set.</remarks>
public static class BlockPage
{
    private static ReadOnlySpan<byte> Page =>
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: 67\r\n\r\n"u8
        + "This file was stopped by BridgeGuard: it is malicious or unjudged.\n"u8;

    /// <summary>Puts the page into the injector.</summary>
    /// <param name="frame">A frame of the server, from its link layer, whose payload begins the answer.</param>
    /// <param name="transportOffset">Where its TCP header begins.</param>
    /// <param name="headerLength">Bytes before its payload.</param>
    /// <param name="ipVersion">4 or 6.</param>
    /// <param name="portId">The port that it came by.</param>
    /// <param name="injector">Where the page goes.</param>
    /// <returns>False when the payload is no beginning of an answer, or there is no room.</returns>
    public static bool TryAnswer(ReadOnlySpan<byte> frame, int transportOffset, int headerLength, byte ipVersion, ushort portId, FrameInjector injector)
    {
        bool v4 = ipVersion == 4;
        int networkOffset = transportOffset - NetworkLength(frame, transportOffset, v4);
        if (networkOffset < 12 || headerLength > 256 || !frame[headerLength..].StartsWith("HTTP/1."u8)
            || !injector.TryAdd(headerLength + Page.Length, portId, InjectDirection.FromPort, out Span<byte> made))
        {
            return false;
        }

        frame[..headerLength].CopyTo(made);
        Page.CopyTo(made[headerLength..]);
        made[transportOffset + 13] = (byte)(TcpFlags.Ack | TcpFlags.Psh | TcpFlags.Fin);
        Span<byte> ip = made[networkOffset..];
        int ipLength = transportOffset - networkOffset;
        int length = made.Length - networkOffset;
        if (v4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)length);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(length - 40));
        }

        Checksums.WriteInto(ip, v4, IpProtocols.Tcp, ipLength);
        return true;
    }

    /// <summary>Length of the network header before the transport header; IPv6 only without extension headers.</summary>
    private static int NetworkLength(ReadOnlySpan<byte> frame, int transportOffset, bool v4)
    {
        if (!v4)
        {
            return 40;
        }

        // Options are rare: looked for from the shortest header on.
        for (int length = 20; length <= 60 && length < transportOffset; length += 4)
        {
            if (frame[transportOffset - length] == (0x40 | (length / 4)))
            {
                return length;
            }
        }

        return transportOffset;
    }
}
