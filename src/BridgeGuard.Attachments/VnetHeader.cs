using System.Buffers.Binary;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>struct virtio_net_hdr of a frame that was held and now goes on (virtio 1.2 §5.1.6).</summary>
internal static class VnetHeader
{
    private const int Flags = 0;
    private const int GsoType = 1;
    private const int HeaderLength = 2;
    private const int GsoSize = 4;
    private const int ChecksumStart = 6;
    private const int ChecksumOffset = 8;
    private const byte FlagNeedsChecksum = 1;
    private const byte FlagDataValid = 2;
    private const byte GsoTcpV4 = 1;
    private const byte GsoTcpV6 = 4;
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;

    /// <summary>A held frame goes on as it came: in one piece that the kernel or the card cuts up, its checksum left to them.</summary>
    /// <param name="header">Cleared; at least 10 bytes.</param>
    /// <param name="held">The frame.</param>
    /// <param name="addedBytes">Bytes that were put before its transport header since: offsets count them.</param>
    public static void Write(Span<byte> header, HeldFrame held, int addedBytes)
    {
        int field = held.IsTcp ? TcpChecksumOffset : UdpChecksumOffset;
        if (held.Info.Checksum == ChecksumState.Partial)
        {
            header[Flags] = FlagNeedsChecksum;
            BinaryPrimitives.WriteUInt16LittleEndian(header[ChecksumStart..], (ushort)(held.TransportOffset + addedBytes));
            BinaryPrimitives.WriteUInt16LittleEndian(header[ChecksumOffset..], (ushort)field);
        }
        else if (held.Info.Checksum == ChecksumState.Valid)
        {
            header[Flags] = FlagDataValid;
        }

        if (held.Info.GsoSize > 0 && held.IsTcp)
        {
            header[GsoType] = held.IpVersion == 4 ? GsoTcpV4 : GsoTcpV6;
            BinaryPrimitives.WriteUInt16LittleEndian(header[HeaderLength..], (ushort)(held.HeaderLength + addedBytes));
            BinaryPrimitives.WriteUInt16LittleEndian(header[GsoSize..], held.Info.GsoSize);
        }
    }
}
