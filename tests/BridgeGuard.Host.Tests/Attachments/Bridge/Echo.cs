using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>An echo request by a raw socket: the test machine may have no <c>ping</c>.</summary>
internal static class Echo
{
    private static int s_sequence;

    public static bool Answers(string space, string address, int timeoutMs = 1000)
    {
        IPAddress to = IPAddress.Parse(address);
        bool isV4 = to.AddressFamily == AddressFamily.InterNetwork;
        using Socket socket = BridgeLab.In(
            space, () => new Socket(to.AddressFamily, SocketType.Raw, isV4 ? ProtocolType.Icmp : ProtocolType.IcmpV6) { ReceiveTimeout = timeoutMs });
        ushort sequence = (ushort)Interlocked.Increment(ref s_sequence);
        byte[] request = [(byte)(isV4 ? 8 : 128), 0, 0, 0, 0x42, 0x47, (byte)(sequence >> 8), (byte)sequence, .. "bridgeguard"u8, 0];
        if (isV4)
        {
            BinaryPrimitives.WriteUInt16BigEndian(request.AsSpan(2), Checksum(request));
        }

        socket.SendTo(request, new IPEndPoint(to, 0));
        byte[] buffer = new byte[2048];
        long end = Environment.TickCount64 + timeoutMs;
        while (Environment.TickCount64 < end)
        {
            try
            {
                EndPoint from = new IPEndPoint(isV4 ? IPAddress.Any : IPAddress.IPv6Any, 0);
                int length = socket.ReceiveFrom(buffer, ref from);
                ReadOnlySpan<byte> reply = buffer.AsSpan(isV4 ? 20 : 0, length - (isV4 ? 20 : 0));
                if (reply.Length >= 8 && reply[0] == (isV4 ? 0 : 129) && reply[4..8].SequenceEqual(request.AsSpan(4, 4)))
                {
                    return true;
                }
            }
            catch (SocketException)
            {
                return false;
            }
        }

        return false;
    }

    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}
