using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Quic;

internal enum QuicPacketType : byte
{
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
    Short,
}

/// <summary>A packet's header as far as it is not protected (RFC 9000 §17.2, RFC 8999; Google's public header before).</summary>
/// <remarks>
/// <code>
/// Long Header Packet {
///   Header Form (1) = 1, Fixed Bit (1) = 1, Long Packet Type (2), Type-Specific Bits (4),
///   Version (32), Destination Connection ID Length (8), Destination Connection ID (0..160),
///   Source Connection ID Length (8), Source Connection ID (0..160), Type-Specific Payload (..),
/// }
/// </code>
/// </remarks>
internal readonly ref struct QuicHeader
{
    private const byte LongForm = 0x80;
    private const byte FixedBit = 0x40;

    /// <summary>Google's public header: a version, a connection id, a nonce follow.</summary>
    private const byte GoogleVersionFlag = 0x01;
    private const byte GoogleConnectionIdFlag = 0x08;
    private const int GoogleConnectionIdBytes = 8;

    private QuicHeader(QuicPacketType type, uint version, ReadOnlySpan<byte> destination, int length, int end)
    {
        Type = type;
        Version = version;
        Destination = destination;
        Length = length;
        End = end;
    }

    public QuicPacketType Type { get; }

    public uint Version { get; }

    /// <summary>The destination connection id.</summary>
    public ReadOnlySpan<byte> Destination { get; }

    /// <summary>Bytes of the header; the packet number (or in Google's open versions the hash and frames) follows.</summary>
    public int Length { get; }

    /// <summary>Where the packet ends in the datagram.</summary>
    public int End { get; }

    /// <summary>False when the bytes are no packet or its lengths do not fit the datagram.</summary>
    public static bool TryRead(ReadOnlySpan<byte> data, out QuicHeader header)
    {
        header = default;
        if (data.IsEmpty)
        {
            return false;
        }

        if ((data[0] & LongForm) == 0)
        {
            return TryReadShort(data, out header);
        }

        if (data.Length < 7)
        {
            return false;
        }

        uint version = BinaryPrimitives.ReadUInt32BigEndian(data[1..]);
        if (version != 0 && (data[0] & FixedBit) == 0)
        {
            return false;
        }

        int at = 5;
        ReadOnlySpan<byte> destination;
        if (QuicVersions.IsOpenGoogle(version))
        {
            // One byte for both lengths, each less three.
            int lengths = data[at++];
            int destinationBytes = lengths >> 4 == 0 ? 0 : (lengths >> 4) + 3;
            int sourceBytes = (lengths & 15) == 0 ? 0 : (lengths & 15) + 3;
            if (data.Length < at + destinationBytes + sourceBytes)
            {
                return false;
            }

            destination = data.Slice(at, destinationBytes);
            at += destinationBytes + sourceBytes + (data[0] & 3) + 1;
            if (at > data.Length)
            {
                return false;
            }

            header = new QuicHeader((QuicPacketType)((data[0] >> 4) & 3), version, destination, at, data.Length);
            return true;
        }

        if (!TryReadId(data, ref at, out destination) || !TryReadId(data, ref at, out _))
        {
            return false;
        }

        QuicPacketType type = TypeOf(data[0], version);
        return type is QuicPacketType.VersionNegotiation or QuicPacketType.Retry
            ? Make(out header, type, version, destination, at, data.Length)
            : TryReadLength(data, at, type, version, destination, out header);
    }

    /// <summary>A variable-length integer (RFC 9000 §16).</summary>
    public static bool TryReadNumber(ReadOnlySpan<byte> data, scoped ref int at, out ulong value)
    {
        value = 0;
        if ((uint)at >= (uint)data.Length)
        {
            return false;
        }

        int bytes = 1 << (data[at] >> 6);
        if (bytes > data.Length - at)
        {
            return false;
        }

        value = (ulong)data[at] & 0x3f;
        for (int i = 1; i < bytes; i++)
        {
            value = (value << 8) | data[at + i];
        }

        at += bytes;
        return true;
    }

    private static bool Make(out QuicHeader header, QuicPacketType type, uint version, ReadOnlySpan<byte> destination, int length, int end)
    {
        header = new QuicHeader(type, version, destination, length, end);
        return true;
    }

    private static bool TryReadLength(
        ReadOnlySpan<byte> data, int at, QuicPacketType type, uint version, ReadOnlySpan<byte> destination, out QuicHeader header)
    {
        header = default;
        if (type == QuicPacketType.Initial)
        {
            if (!TryReadNumber(data, ref at, out ulong token) || token > (ulong)(data.Length - at))
            {
                return false;
            }

            at += (int)token;
        }

        if (!TryReadNumber(data, ref at, out ulong length) || length > (ulong)(data.Length - at))
        {
            return false;
        }

        header = new QuicHeader(type, version, destination, at, at + (int)length);
        return true;
    }

    private static bool TryReadId(ReadOnlySpan<byte> data, scoped ref int at, out ReadOnlySpan<byte> id)
    {
        id = default;
        if (at >= data.Length || data[at] > QuicLimits.MaxConnectionIdBytes || data[at] > data.Length - at - 1)
        {
            return false;
        }

        id = data.Slice(at + 1, data[at]);
        at += 1 + id.Length;
        return true;
    }

    private static QuicPacketType TypeOf(byte first, uint version)
    {
        if (version == 0)
        {
            return QuicPacketType.VersionNegotiation;
        }

        int bits = (first >> 4) & 3;

        // Version 2 numbers them one further (RFC 9369 §3.2).
        return (QuicPacketType)(version == QuicVersions.Version2 ? (bits + 3) & 3 : bits);
    }

    private static bool TryReadShort(ReadOnlySpan<byte> data, out QuicHeader header)
    {
        header = default;
        if ((data[0] & FixedBit) != 0)
        {
            header = new QuicHeader(QuicPacketType.Short, 0, default, 1, data.Length);
            return true;
        }

        int at = 1 + ((data[0] & GoogleConnectionIdFlag) != 0 ? GoogleConnectionIdBytes : 0);
        if ((data[0] & GoogleVersionFlag) == 0 || data.Length < at + sizeof(uint))
        {
            return false;
        }

        uint version = BinaryPrimitives.ReadUInt32BigEndian(data[at..]);
        ReadOnlySpan<byte> destination = data[1..at];
        int numberBytes = ((data[0] >> 4) & 3) switch { 0 => 1, 1 => 2, 2 => 4, _ => 6 };
        at += sizeof(uint) + numberBytes;
        if (!QuicVersions.IsOpenGoogle(version) || at > data.Length)
        {
            return false;
        }

        header = new QuicHeader(QuicPacketType.Initial, version, destination, at, data.Length);
        return true;
    }
}
