using System.Buffers.Binary;

namespace BridgeGuard.Testing.Packets;

/// <summary>Cuts datagrams into fragments, and makes fragments of any offset and bytes.</summary>
public static class Fragments
{
    /// <summary>An ethernet frame with one IPv4 fragment of UDP (or <paramref name="protocol"/>) from 10.0.0.1 to 10.0.0.2.</summary>
    public static byte[] V4(ushort id, int offset, bool more, ReadOnlySpan<byte> data, byte protocol = 17)
    {
        byte[] frame = new byte[34 + data.Length];
        WriteEthernet(frame, 0x0800);
        Span<byte> ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + data.Length));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], id);
        BinaryPrimitives.WriteUInt16BigEndian(ip[6..], (ushort)((offset / 8) | (more ? 0x2000 : 0)));
        ip[8] = 64;
        ip[9] = protocol;
        ip[12] = ip[16] = 10;
        ip[15] = 1;
        ip[19] = 2;
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Engine.Packets.Checksums.Finish(Engine.Packets.Checksums.Sum(ip[..20])));
        data.CopyTo(ip[20..]);
        return frame;
    }

    /// <summary>An ethernet frame with one IPv6 fragment from fd00::1 to fd00::2, behind <paramref name="extension"/> (a whole header whose next header is 44).</summary>
    public static byte[] V6(uint id, int offset, bool more, ReadOnlySpan<byte> data, byte next = 17, byte[]? extension = null)
    {
        extension ??= [];
        byte[] frame = new byte[14 + 40 + extension.Length + 8 + data.Length];
        WriteEthernet(frame, 0x86dd);
        Span<byte> ip = frame.AsSpan(14);
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)(extension.Length + 8 + data.Length));
        ip[6] = extension.Length == 0 ? (byte)44 : (byte)60;
        ip[7] = 64;
        ip[8] = ip[24] = 0xfd;
        ip[23] = 1;
        ip[39] = 2;
        extension.CopyTo(ip[40..]);
        Span<byte> header = ip[(40 + extension.Length)..];
        header[0] = next;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(offset | (more ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], id);
        data.CopyTo(header[8..]);
        return frame;
    }

    /// <summary>A UDP datagram (ports 1000 and 2000, no checksum) with <paramref name="payload"/>.</summary>
    public static byte[] UdpData(ReadOnlySpan<byte> payload)
    {
        byte[] data = new byte[8 + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(data, 1000);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(2), 2000);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(4), (ushort)data.Length);
        payload.CopyTo(data.AsSpan(8));
        return data;
    }

    private static void WriteEthernet(byte[] frame, ushort etherType)
    {
        FrameBuilder.ServerMac.GetAddressBytes().CopyTo(frame, 0);
        FrameBuilder.ClientMac.GetAddressBytes().CopyTo(frame, 6);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), etherType);
    }
}
