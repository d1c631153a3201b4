using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>An IPv4 header (RFC 791 §3.1) with its options, viewed in place.</summary>
/// <remarks>
/// Shape: 20 to 60 bytes, big-endian. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct Ipv4View
{
    private readonly ReadOnlySpan<byte> _bytes;

    private Ipv4View(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    public int HeaderLength => _bytes.Length;

    public byte TypeOfService => _bytes[1];

    public ushort TotalLength => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    public ushort Identification => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    /// <summary>RFC 3514 bit, reserved.</summary>
    public bool ReservedFlag => (_bytes[6] & 0x80) != 0;

    public bool DontFragment => (_bytes[6] & 0x40) != 0;

    public bool MoreFragments => (_bytes[6] & 0x20) != 0;

    /// <summary>In units of 8 bytes, as on the wire.</summary>
    public int FragmentOffset => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]) & 0x1fff;

    public byte Ttl => _bytes[8];

    public byte Protocol => _bytes[9];

    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[10..]);

    public IpAddress Source => IpAddress.ReadV4(_bytes[12..]);

    public IpAddress Destination => IpAddress.ReadV4(_bytes[16..]);

    public ReadOnlySpan<byte> Options => _bytes[20..];


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out Ipv4View view)
    {
        if (bytes.Length < 20 || bytes[0] >> 4 != 4 || (bytes[0] & 0x0f) < 5 || (bytes[0] & 0x0f) * 4 > bytes.Length)
        {
            view = default;
            return false;
        }

        view = new Ipv4View(bytes[..((bytes[0] & 0x0f) * 4)]);
        return true;
    }
}
