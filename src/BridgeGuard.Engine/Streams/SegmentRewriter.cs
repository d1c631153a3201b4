using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Streams;

/// <summary>Replaces payload bytes of a frame and keeps the checksum of its TCP or UDP header right, and of what carries it.</summary>
internal static class SegmentRewriter
{
    private const int TcpChecksumOffset = 16;
    private const int UdpChecksumOffset = 6;

    /// <summary>Data offset, reserved bits and flags.</summary>
    private const int FlagsWordOffset = 12;

    /// <summary>Overwrites <paramref name="target"/> (part of the packet's payload) with <paramref name="source"/>; RFC 1624 checksum update.</summary>
    public static void Rewrite(Packet packet, Span<byte> target, ReadOnlySpan<byte> source)
    {
        // A partial checksum covers the pseudo header only; the NIC or the guest's kernel will add the payload.
        int at = OffsetInBuffer(packet, target);
        Packet? owner = packet.Info.Checksum == ChecksumState.Partial ? null : FirstWithChecksum(packet);
        bool odd = owner is not null && (at - owner.TransportOffset & 1) != 0;
        uint sum = owner is not null ? Difference(target, source, odd) : 0;
        source.CopyTo(target);
        packet.Flags |= PacketFlags.Modified;
        if (owner is null)
        {
            return;
        }

        // With this field right again the sum of the whole message is what it was: headers around it need no change.
        Span<byte> field = ChecksumField(owner);
        sum += (ushort)~BinaryPrimitives.ReadUInt16BigEndian(field);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        var sumField = (ushort)~sum;
        BinaryPrimitives.WriteUInt16BigEndian(field, owner.IsUdp && sumField == 0 ? (ushort)0xffff : sumField);
    }

    private static Span<byte> ChecksumField(Packet packet) =>
        packet.Buffer.AsSpan(packet.TransportOffset + (packet.IsUdp ? UdpChecksumOffset : TcpChecksumOffset), 2);

    /// <summary>The packet, or the nearest of those that carry it in the same bytes, that sums its payload up; UDP may go without (RFC 768).</summary>
    private static Packet? FirstWithChecksum(Packet packet)
    {
        for (Packet? carrier = packet; carrier is not null && ReferenceEquals(carrier.Buffer, packet.Buffer); carrier = carrier.Outer)
        {
            if (carrier.IsTcp || (carrier.IsUdp && BinaryPrimitives.ReadUInt16BigEndian(ChecksumField(carrier)) != 0))
            {
                return carrier;
            }
        }

        return null;
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
