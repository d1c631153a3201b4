using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>An ICMP or ICMPv6 header (RFC 792, RFC 4443 §2.1), viewed in place.</summary>
/// <remarks>
/// Shape: 8 bytes, big-endian; the last four depend on the type. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct IcmpView
{
    private readonly ReadOnlySpan<byte> _bytes;

    private IcmpView(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    public byte Type => _bytes[0];

    public byte Code => _bytes[1];

    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>Identifier of echo and query messages.</summary>
    public ushort Identifier => BinaryPrimitives.ReadUInt16BigEndian(_bytes[4..]);

    public ushort SequenceNumber => BinaryPrimitives.ReadUInt16BigEndian(_bytes[6..]);

    /// <summary>The last four bytes as one number: MTU of packet too big, pointer of a parameter problem.</summary>
    public uint Rest => BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]);


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out IcmpView view)
    {
        if (bytes.Length < 8)
        {
            view = default;
            return false;
        }

        view = new IcmpView(bytes[..8]);
        return true;
    }
}
