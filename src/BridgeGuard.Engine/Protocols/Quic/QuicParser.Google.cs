using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Packets of Google's versions up to Q046: a hash of twelve bytes, then frames in the clear.</summary>
internal sealed partial class QuicParser
{
    private const int GoogleHashBytes = 12;

    private static void ReadGoogleFrames(ReadOnlySpan<byte> data, QuicTransaction transaction)
    {
        if (data.Length <= GoogleHashBytes)
        {
            transaction.Raise(QuicAnomaly.ErrorOnData);
            return;
        }

        ReadOnlySpan<byte> rest = data[GoogleHashBytes..];
        while (!rest.IsEmpty)
        {
            byte type = rest[0];
            if (type == 0)
            {
                // Padding reaches to the end.
                return;
            }

            bool isRead = (type & 0x80) != 0 ? TryReadStream(ref rest, transaction) : (type & 0x40) != 0 && TrySkipGoogleAck(ref rest);
            if (!isRead)
            {
                // Other frames, and what is encrypted already, end what can be read.
                if ((type & 0x80) != 0)
                {
                    transaction.Raise(QuicAnomaly.ErrorOnData);
                }

                return;
            }
        }
    }

    /// <summary>STREAM: <c>1FDOOOSS</c>: the end, a data length, the sizes of offset and stream id.</summary>
    private static bool TryReadStream(ref ReadOnlySpan<byte> rest, QuicTransaction transaction)
    {
        byte type = rest[0];
        int offsetBytes = (type >> 2) & 7;
        int at = 1 + (type & 3) + 1 + (offsetBytes == 0 ? 0 : offsetBytes + 1);
        int length = rest.Length - at;
        if ((type & 0x20) != 0)
        {
            if (rest.Length < at + sizeof(ushort))
            {
                return false;
            }

            length = BinaryPrimitives.ReadUInt16BigEndian(rest[at..]);
            at += sizeof(ushort);
        }

        if (length < 0 || length > rest.Length - at)
        {
            return false;
        }

        ReadOnlySpan<byte> data = rest.Slice(at, length);
        rest = rest[(at + length)..];
        return !data.StartsWith("CHLO"u8) || QuicChlo.TryRead(data, transaction);
    }

    /// <summary>ACK: <c>01NULLMM</c>: several blocks, the sizes of largest acknowledged and of block lengths.</summary>
    private static bool TrySkipGoogleAck(ref ReadOnlySpan<byte> rest)
    {
        byte type = rest[0];
        int largestBytes = SizeOf((type >> 2) & 3);
        int blockBytes = SizeOf(type & 3);
        bool hasBlocks = (type & 0x20) != 0;
        int at = 1 + largestBytes + sizeof(ushort);
        int blocks = 0;
        if (hasBlocks)
        {
            if (at >= rest.Length)
            {
                return false;
            }

            blocks = rest[at++];
        }

        at += blockBytes + (blocks * (1 + blockBytes));
        if (at >= rest.Length)
        {
            return false;
        }

        int stamps = rest[at++];
        at += stamps == 0 ? 0 : 5 + ((stamps - 1) * 3);
        if (at > rest.Length)
        {
            return false;
        }

        rest = rest[at..];
        return true;
    }

    private static int SizeOf(int code) => code switch { 0 => 1, 1 => 2, 2 => 4, _ => 6 };
}
