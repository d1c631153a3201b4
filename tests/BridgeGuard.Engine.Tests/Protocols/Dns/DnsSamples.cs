using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Engine.Tests.Protocols.Dns;

/// <summary>Puts messages together by hand, so that odd ones can be made too.</summary>
internal static class DnsSamples
{
    public static byte[] Name(string dotted) =>
        [.. dotted.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(l => (byte[])[(byte)l.Length, .. Encoding.Latin1.GetBytes(l)]), 0];

    public static byte[] Question(string name, ushort type) => [.. Name(name), .. Number(type), .. Number(1)];

    public static byte[] Record(byte[] name, ushort type, uint ttl, byte[] data) =>
        [.. name, .. Number(type), .. Number(1), .. Number((ushort)(ttl >> 16)), .. Number((ushort)ttl), .. Number((ushort)data.Length), .. data];

    public static byte[] Message(ushort flags, byte[][] questions, byte[][]? answers = null, byte[][]? authorities = null, byte[][]? additionals = null) =>
    [
        0x12, 0x34, .. Number(flags), .. Count(questions), .. Count(answers), .. Count(authorities), .. Count(additionals),
        .. questions.SelectMany(q => q), .. Flat(answers), .. Flat(authorities), .. Flat(additionals),
    ];

    public static byte[] Framed(byte[] message) => [.. Number((ushort)message.Length), .. message];

    public static byte[] Number(ushort value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Count(byte[][]? parts) => Number((ushort)(parts?.Length ?? 0));

    private static IEnumerable<byte> Flat(byte[][]? parts) => (parts ?? []).SelectMany(p => p);
}
