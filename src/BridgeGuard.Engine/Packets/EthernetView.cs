using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>An Ethernet header (IEEE 802.3 §3), viewed in place.</summary>
/// <remarks>
/// Shape: 14 bytes: destination, source, type or length, big-endian. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct EthernetView
{
    private readonly ReadOnlySpan<byte> _bytes;

    private EthernetView(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    /// <summary>6 bytes.</summary>
    public ReadOnlySpan<byte> Destination => _bytes[..6];

    /// <summary>6 bytes.</summary>
    public ReadOnlySpan<byte> Source => _bytes.Slice(6, 6);

    public ushort EtherType => BinaryPrimitives.ReadUInt16BigEndian(_bytes[12..]);


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out EthernetView view)
    {
        if (bytes.Length < 14)
        {
            view = default;
            return false;
        }

        view = new EthernetView(bytes[..14]);
        return true;
    }
}
