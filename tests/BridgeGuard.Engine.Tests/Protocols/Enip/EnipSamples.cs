using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Tests.Protocols.Enip;

/// <summary>Encapsulated messages put together from CIP volume 2.</summary>
internal static class EnipSamples
{
    public static byte[] Pdu(ushort command, byte[] data, uint status = 0, byte context = 1)
    {
        byte[] header = new byte[24];
        BinaryPrimitives.WriteUInt16LittleEndian(header, command);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), (ushort)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), status);
        header[12] = context;
        return [.. header, .. data];
    }

    public static byte[] Item(ushort type, params byte[] data) => [(byte)type, (byte)(type >> 8), (byte)data.Length, (byte)(data.Length >> 8), .. data];

    public static byte[] Cip(byte[] cip, byte context = 1) => Pdu(0x6f, [0, 0, 0, 0, 10, 0, 2, 0, .. Item(0), .. Item(0xb2, cip)], context: context);

    public static byte[] Connected(byte[] cip) => Pdu(0x70, [0, 0, 0, 0, 0, 0, 2, 0, .. Item(0xa1, 1, 2, 3, 4), .. Item(0xb1, [7, 0, .. cip])]);

    /// <summary>Class 1, instance 1, attribute 5.</summary>
    public static byte[] GetSingle => [14, 3, 0x20, 1, 0x24, 1, 0x30, 5];

    public static byte[] Multiple => [10, 2, 0x20, 2, 0x24, 1, 2, 0, 6, 0, 14, 0, .. GetSingle, 1, 2, 0x20, 4, 0x24, 9];

    public static byte[] MultipleAnswer => [0x8a, 0, 0, 0, 2, 0, 6, 0, 10, 0, 0x8e, 0, 8, 0, 0x81, 0, 0, 0, 1, 2];

    public static byte[] Identity => Pdu(0x63,
    [
        1, 0, .. Item(0x0c,
        [
            1, 0, .. new byte[16], 1, 0, 12, 0, 58, 0, 4, 3, 0x30, 0, 0x8e, 0x4d, 0x52, 0, 4, .. Encoding.ASCII.GetBytes("NAME"), 3,
        ]),
    ]);

    public static byte[] Services => Pdu(4, [1, 0, .. Item(0x100, [1, 0, 0x20, 1, .. Encoding.ASCII.GetBytes("Communications\0\0")])]);

    public static Turn Client(params byte[] bytes) => new(Direction.ToServer, bytes);

    public static Turn Server(params byte[] bytes) => new(Direction.ToClient, bytes);
}
