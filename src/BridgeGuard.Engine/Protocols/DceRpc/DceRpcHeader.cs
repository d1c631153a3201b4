using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>The common header of connection-oriented PDUs (C706 §12.6.3.1).</summary>
/// <remarks>
/// <code>
///  0        1        2        3
/// | vers 5 | minor  | PTYPE  | flags  |
/// | data representation (byte 0: 0x10 = little-endian integers)   |
/// | frag_length     | auth_length     |
/// | call_id                           |
/// </code>
/// Errors: <see cref="TryRead"/> is false below 16 bytes, for another version, or when the fragment would be shorter than its header.
/// </remarks>
internal readonly struct DceRpcHeader
{
    public const int Bytes = 16;

    private const byte Version = 5;

    private const byte FirstFragment = 0x01;
    private const byte LastFragment = 0x02;

    public byte MinorVersion { get; private init; }

    public DceRpcType Type { get; private init; }

    public byte Flags { get; private init; }

    public bool IsLittleEndian { get; private init; }

    /// <summary>The whole PDU, this header included.</summary>
    public ushort FragmentLength { get; private init; }

    public uint CallId { get; private init; }

    public bool IsFirst => (Flags & FirstFragment) != 0;

    public bool IsLast => (Flags & LastFragment) != 0;

    /// <summary>A type that only servers send.</summary>
    public bool IsFromServer => Type is DceRpcType.Response or DceRpcType.Fault or DceRpcType.BindAck or DceRpcType.BindNak
        or DceRpcType.AlterContextResponse or DceRpcType.Shutdown;

    public static bool TryRead(ReadOnlySpan<byte> bytes, out DceRpcHeader header)
    {
        header = default;
        if (bytes.Length < Bytes || bytes[0] != Version)
        {
            return false;
        }

        bool little = (bytes[4] & 0x10) != 0;
        header = new DceRpcHeader
        {
            MinorVersion = bytes[1],
            Type = (DceRpcType)bytes[2],
            Flags = bytes[3],
            IsLittleEndian = little,
            FragmentLength = ReadUInt16(bytes[8..], little),
            CallId = ReadUInt32(bytes[12..], little),
        };
        return header.FragmentLength >= Bytes;
    }

    public static ushort ReadUInt16(ReadOnlySpan<byte> bytes, bool littleEndian) =>
        littleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

    public static uint ReadUInt32(ReadOnlySpan<byte> bytes, bool littleEndian) =>
        littleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);
}

/// <summary>The header of a connectionless PDU (C706 §12.5.1), with its body.</summary>
/// <remarks>80 bytes. Errors: <see cref="TryRead"/> is false when it is cut off, of another version, or announces more body than there is.</remarks>
internal readonly ref struct DceRpcDatagram
{
    public const int HeaderBytes = 80;

    private const byte Version = 4;

    private const byte LastFragment = 0x02;
    private const byte Fragment = 0x04;

    /// <summary>Bits of the second flags byte that C706 reserves.</summary>
    private const byte ReservedFlags = 0xfc;

    public DceRpcType Type { get; private init; }

    public byte Flags { get; private init; }

    public bool IsLittleEndian { get; private init; }

    public DceRpcUuid Interface { get; private init; }

    /// <summary>In the little-endian form, whatever the data representation says: outputs have always shown it so.</summary>
    public DceRpcUuid Activity { get; private init; }

    public uint InterfaceVersion { get; private init; }

    public uint SequenceNumber { get; private init; }

    public ushort OperationNumber { get; private init; }

    public ushort FragmentNumber { get; private init; }

    public ReadOnlySpan<byte> Body { get; private init; }

    /// <summary>The call's last or only datagram.</summary>
    public bool IsLast => (Flags & Fragment) == 0 || (Flags & LastFragment) != 0;

    public static bool TryRead(ReadOnlySpan<byte> bytes, out DceRpcDatagram datagram)
    {
        datagram = default;
        if (bytes.Length < HeaderBytes || bytes[0] != Version || (bytes[3] & ReservedFlags) != 0)
        {
            return false;
        }

        bool little = (bytes[4] & 0x10) != 0;
        int length = DceRpcHeader.ReadUInt16(bytes[74..], little);
        if (length > bytes.Length - HeaderBytes || (DceRpcType)bytes[1] > DceRpcType.CancelAck)
        {
            return false;
        }

        datagram = new DceRpcDatagram
        {
            Type = (DceRpcType)bytes[1],
            Flags = bytes[2],
            IsLittleEndian = little,
            Interface = DceRpcUuid.Read(bytes[24..], little),
            Activity = DceRpcUuid.Read(bytes[40..], littleEndian: true),
            InterfaceVersion = DceRpcHeader.ReadUInt32(bytes[60..], little),
            SequenceNumber = DceRpcHeader.ReadUInt32(bytes[64..], little),
            OperationNumber = DceRpcHeader.ReadUInt16(bytes[68..], little),
            FragmentNumber = DceRpcHeader.ReadUInt16(bytes[76..], little),
            Body = bytes.Slice(HeaderBytes, length),
        };
        return true;
    }
}
