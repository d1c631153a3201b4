using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>An IEEE 802.1Q tag behind its EtherType, viewed in place.</summary>
/// <remarks>
/// Shape: 4 bytes: tag control, next EtherType, big-endian. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct VlanView
{
    private readonly ReadOnlySpan<byte> _bytes;

    private VlanView(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    public int Priority => _bytes[0] >> 5;

    public bool DropEligible => (_bytes[0] & 0x10) != 0;

    public ushort Id => (ushort)(BinaryPrimitives.ReadUInt16BigEndian(_bytes) & 0x0fff);

    public ushort EtherType => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out VlanView view)
    {
        if (bytes.Length < 4)
        {
            view = default;
            return false;
        }

        view = new VlanView(bytes[..4]);
        return true;
    }
}
