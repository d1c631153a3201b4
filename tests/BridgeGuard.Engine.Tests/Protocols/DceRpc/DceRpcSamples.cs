using System.Buffers.Binary;

namespace BridgeGuard.Engine.Tests.Protocols.DceRpc;

/// <summary>Builds PDUs in either byte order.</summary>
internal sealed class DceRpcSamples(bool littleEndian = true)
{
    public static readonly Guid Samr = new("12345778-1234-abcd-ef00-0123456789ac");

    private static readonly Guid Ndr = new("8a885d04-1ceb-11c9-9fe8-08002b104860");

    public byte[] U16(int value)
    {
        byte[] bytes = new byte[2];
        if (littleEndian)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        }

        return bytes;
    }

    public byte[] U32(long value)
    {
        byte[] bytes = new byte[4];
        if (littleEndian)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, (uint)value);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)value);
        }

        return bytes;
    }

    public byte[] Pdu(byte type, byte[] body, uint call = 1, byte flags = 3) =>
        [5, 0, type, flags, (byte)(littleEndian ? 0x10 : 0), 0, 0, 0, .. U16(16 + body.Length), 0, 0, .. U32(call), .. body];

    public byte[] Bind(ushort context, Guid uuid, int major = 1, byte type = 11, uint call = 1, byte flags = 3) => Pdu(
        type,
        [
            .. U16(4280), .. U16(4280), 0, 0, 0, 0, 1, 0, 0, 0,
            .. U16(context), 1, 0, .. Uuid(uuid), .. U16(major), 0, 0, .. Uuid(Ndr), .. U32(2),
        ],
        call,
        flags);

    public byte[] Answer(int result, byte type = 12, uint call = 1) => Pdu(
        type,
        [.. U16(4280), .. U16(4280), .. U32(7), .. U16(4), .. "135\0"u8, 0, 0, 1, 0, 0, 0, .. U16(result), 0, 0, .. Uuid(Ndr), .. U32(2)],
        call);

    public byte[] Request(ushort context, ushort operation, ReadOnlySpan<byte> stub, uint call = 2, byte flags = 3) =>
        Pdu(0, [.. U32(stub.Length), .. U16(context), .. U16(operation), .. stub], call, flags);

    public byte[] Response(ushort context, ReadOnlySpan<byte> stub, uint call = 2, byte flags = 3) =>
        Pdu(2, [.. U32(stub.Length), .. U16(context), 0, 0, .. stub], call, flags);

    /// <summary>A datagram of version 4.</summary>
    public byte[] Datagram(byte type, uint sequence, ushort fragment, byte flags, ReadOnlySpan<byte> body, ushort operation = 3) =>
    [
        4, type, flags, 0, (byte)(littleEndian ? 0x10 : 0), 0, 0, 0, .. new byte[16], .. Uuid(Samr), .. Uuid(Ndr), .. U32(0), .. U32(1), .. U32(sequence),
        .. U16(operation), 0xff, 0xff, 0xff, 0xff, .. U16(body.Length), .. U16(fragment), 0, 0, .. body,
    ];

    private byte[] Uuid(Guid uuid) => uuid.ToByteArray(bigEndian: !littleEndian);
}
