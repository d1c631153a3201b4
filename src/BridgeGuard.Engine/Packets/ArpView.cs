using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>An ARP packet for IPv4 over Ethernet (RFC 826), viewed in place.</summary>
/// <remarks>
/// Shape: 28 bytes, big-endian; other address kinds are refused. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct ArpView
{
    private readonly ReadOnlySpan<byte> _bytes;

    private ArpView(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    /// <summary>1 request, 2 reply.</summary>
    public ushort Operation => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);

    /// <summary>6 bytes.</summary>
    public ReadOnlySpan<byte> SenderHardware => _bytes.Slice(8, 6);

    public IpAddress SenderAddress => IpAddress.ReadV4(_bytes[14..]);

    /// <summary>6 bytes.</summary>
    public ReadOnlySpan<byte> TargetHardware => _bytes.Slice(18, 6);

    public IpAddress TargetAddress => IpAddress.ReadV4(_bytes[24..]);


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out ArpView view)
    {
        if (bytes.Length < 28 || !bytes.StartsWith((ReadOnlySpan<byte>)[0, 1, 8, 0, 6, 4]))
        {
            view = default;
            return false;
        }

        view = new ArpView(bytes[..28]);
        return true;
    }
}
