using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>Replaces payload bytes of a frame and keeps its TCP checksum right.</summary>
internal static class SegmentRewriter
{
    private const int TcpChecksumOffset = 16;

    /// <summary>Data offset, reserved bits and flags.</summary>
    private const int FlagsWordOffset = 12;

    /// <summary>Overwrites <paramref name="target"/> (part of the packet's payload) with <paramref name="source"/>; RFC 1624 checksum update.</summary>
    public static void Rewrite(Packet packet, Span<byte> target, ReadOnlySpan<byte> source)
    {
        // A partial checksum covers the pseudo header only; the NIC or the guest's kernel will add the payload.
        bool update = packet.TransportOffset >= 0 && packet.Info.Checksum != ChecksumState.Partial;
        bool odd = update && (OffsetInBuffer(packet, target) - packet.TransportOffset & 1) != 0;
        uint sum = update ? Difference(target, source, odd) : 0;
        source.CopyTo(target);
        packet.Flags |= PacketFlags.Modified;
        if (!update)
        {
            return;
        }

        Span<byte> field = packet.Buffer.AsSpan(packet.TransportOffset + TcpChecksumOffset, 2);
        sum += (ushort)~BinaryPrimitives.ReadUInt16BigEndian(field);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(field, (ushort)~sum);
    }

    /// <summary>Takes the urgent flag off a segment.</summary>
    public static void ClearUrgent(Packet packet)
    {
        if (packet.TransportOffset < 0)
        {
            return;
        }

        Span<byte> header = packet.Buffer.AsSpan(packet.TransportOffset, packet.TransportHeaderLength);
        ushort before = BinaryPrimitives.ReadUInt16BigEndian(header[FlagsWordOffset..]);
        header[FlagsWordOffset + 1] &= unchecked((byte)~TcpFlags.Urg);
        packet.Tcp.Flags &= ~TcpFlags.Urg;
        packet.Flags |= PacketFlags.Modified;
        if (packet.Info.Checksum != ChecksumState.Partial)
        {
            Span<byte> field = header.Slice(TcpChecksumOffset, 2);
            ushort after = BinaryPrimitives.ReadUInt16BigEndian(header[FlagsWordOffset..]);
            BinaryPrimitives.WriteUInt16BigEndian(field, Checksums.Update(BinaryPrimitives.ReadUInt16BigEndian(field), before, after));
        }
    }

    private static int OffsetInBuffer(Packet packet, Span<byte> target)
    {
        packet.Buffer.AsSpan().Overlaps(target, out int offset);
        return offset;
    }

    /// <summary>One's complement sum of (new − old), folded to 16 bits.</summary>
    private static uint Difference(ReadOnlySpan<byte> before, ReadOnlySpan<byte> after, bool odd)
    {
        ulong sum = 0;
        for (int i = 0; i < before.Length; i++)
        {
            bool high = (i & 1) == 0 != odd;
            uint added = high ? (uint)after[i] << 8 : after[i];
            uint removed = high ? (uint)before[i] << 8 : before[i];
            sum += added + (0xffff - removed);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xffff) + (sum >> 16);
        }

        return (uint)sum;
    }
}
