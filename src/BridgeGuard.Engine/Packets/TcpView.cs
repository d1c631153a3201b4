using System.Buffers.Binary;

namespace BridgeGuard.Engine.Packets;

/// <summary>A TCP header (RFC 9293 §3.1) with its options, viewed in place.</summary>
/// <remarks>
/// Shape: 20 to 60 bytes, big-endian. Errors: <see cref="TryCreate"/> is false when the bytes do not hold the header; odd values are kept.
/// Lifetime: the packet's; copy what must outlive it. Thread: any.
/// </remarks>
public readonly ref struct TcpView
{
    private readonly ReadOnlySpan<byte> _bytes;

    private TcpView(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(_bytes[4..]);

    public uint Acknowledgement => BinaryPrimitives.ReadUInt32BigEndian(_bytes[8..]);

    public int HeaderLength => _bytes.Length;

    public TcpFlags Flags => (TcpFlags)_bytes[13];

    public ushort Window => BinaryPrimitives.ReadUInt16BigEndian(_bytes[14..]);

    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_bytes[16..]);

    public ushort UrgentPointer => BinaryPrimitives.ReadUInt16BigEndian(_bytes[18..]);

    public ReadOnlySpan<byte> Options => _bytes[20..];


    public static bool TryCreate(ReadOnlySpan<byte> bytes, out TcpView view)
    {
        if (bytes.Length < 20 || bytes[12] >> 4 < 5 || (bytes[12] >> 4) * 4 > bytes.Length)
        {
            view = default;
            return false;
        }

        view = new TcpView(bytes[..((bytes[12] >> 4) * 4)]);
        return true;
    }
}
