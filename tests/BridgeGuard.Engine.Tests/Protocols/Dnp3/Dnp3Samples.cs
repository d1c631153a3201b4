using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Dnp3;

namespace BridgeGuard.Engine.Tests.Protocols.Dnp3;

/// <summary>Frames put together from IEEE 1815: link header, blocks with checksums, transport header.</summary>
internal static class Dnp3Samples
{
    public static byte[] Request(byte function, params byte[] objects) => [0xc0, function, .. objects];

    public static byte[] Response(byte iin1, byte iin2, params byte[] objects) => [0xc0, 129, iin1, iin2, .. objects];

    public static Turn Client(params byte[] application) => new(Direction.ToServer, Frames(application, 0xc4));

    public static Turn Server(params byte[] application) => new(Direction.ToClient, Frames(application, 0x44));

    /// <summary>As many segments as needed, up to 249 bytes each.</summary>
    public static byte[] Frames(byte[] application, byte control)
    {
        var bytes = new List<byte>();
        byte[][] segments = [.. application.Chunk(249)];
        for (int i = 0; i < segments.Length; i++)
        {
            int header = (i == 0 ? 0x40 : 0) | (i == segments.Length - 1 ? 0x80 : 0) | i;
            bytes.AddRange(Frame([(byte)header, .. segments[i]], control));
        }

        return [.. bytes];
    }

    public static byte[] Frame(byte[] user, byte control)
    {
        byte[] header = [5, 0x64, (byte)(user.Length + 5), control, 10, 0, 1, 0];
        return [.. Checked(header), .. user.Chunk(16).SelectMany(Checked)];
    }

    private static byte[] Checked(byte[] block)
    {
        ushort crc = Dnp3Tables.Crc(block);
        return [.. block, (byte)crc, (byte)(crc >> 8)];
    }
}
