using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>The fixed IPv6 header (RFC 8200 §3), viewed in place.</summary>
/// <remarks>
/// Shape: 40 bytes, big-endian; extension headers follow it. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct Ipv6View
{
    private readonly ReadOnlySpan<byte> _bytes;

    private Ipv6View(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    public byte TrafficClass => (byte)(BinaryPrimitives.ReadUInt16BigEndian(_bytes) >> 4);

    public uint FlowLabel => BinaryPrimitives.ReadUInt32BigEndian(_bytes) & 0xfffff;

    public ushort PayloadLength => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    public byte NextHeader => _bytes[6];

    public byte HopLimit => _bytes[7];

    public IpAddress Source => IpAddress.ReadV6(_bytes[8..]);

    public IpAddress Destination => IpAddress.ReadV6(_bytes[24..]);


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out Ipv6View view)
    {
        if (bytes.Length < 40 || bytes[0] >> 4 != 6)
        {
            view = default;
            return false;
        }

        view = new Ipv6View(bytes[..40]);
        return true;
    }
}
