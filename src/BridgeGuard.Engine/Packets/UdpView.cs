using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>A UDP header (RFC 768), viewed in place.</summary>
/// <remarks>
/// Shape: 8 bytes, big-endian. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct UdpView
{
    private readonly ReadOnlySpan<byte> _bytes;

    private UdpView(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>Header and data.</summary>
    public ushort Length => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out UdpView view)
    {
        if (bytes.Length < 8)
        {
            view = default;
            return false;
        }

        view = new UdpView(bytes[..8]);
        return true;
    }
}
