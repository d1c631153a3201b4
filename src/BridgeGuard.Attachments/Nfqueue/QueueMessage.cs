using System.Buffers.Binary;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>One packet of a queue, viewed in its netlink message (linux/netfilter/nfnetlink_queue.h).</summary>
/// <remarks>Shape: nlmsghdr (16), nfgenmsg (4), attributes; numbers in network byte order. Every length is checked; false for what is not a packet.</remarks>
internal ref struct QueueMessage
{
    public const int HeaderBytes = 16;
    public const int FamilyBytes = 4;
    public const int AttributeBytes = 4;
    public const ushort TypePacket = 0x0300;

    private const ushort TypeMask = 0x3FFF;
    private const ushort AttributePacket = 1;
    private const ushort AttributeMark = 3;
    private const ushort AttributePhysicalIn = 7;
    private const ushort AttributePhysicalOut = 8;
    private const ushort AttributeIn = 5;
    private const ushort AttributeOut = 6;
    private const ushort AttributeHardware = 9;
    private const ushort AttributePayload = 10;
    private const ushort AttributeCaptured = 13;
    private const ushort AttributeOffloads = 14;
    private const ushort AttributeLink = 20;

    /// <summary>NFQA_SKB_INFO: the sender left the checksum to hardware.</summary>
    public const uint ChecksumNotReady = 1;

    /// <summary>NFQA_SKB_INFO: a large segment.</summary>
    public const uint LargeSegment = 2;

    /// <summary>NFQA_SKB_INFO: nobody has verified the checksum.</summary>
    public const uint ChecksumNotVerified = 4;

    /// <summary>The number to answer with; network byte order, as it came.</summary>
    public uint Id;

    public ushort EtherType;
    public uint Mark;
    public int InIndex;
    public int OutIndex;
    public uint Offloads;

    /// <summary>Bytes of the packet before it was cut to what fits a message; 0: it is whole.</summary>
    public int WholeBytes;

    /// <summary>Offset of the payload in the message's buffer, and its length.</summary>
    public int PayloadAt;
    public int PayloadBytes;

    /// <summary>The sender's Ethernet address; empty where the kernel does not tell.</summary>
    public ReadOnlySpan<byte> SenderMac;

    /// <summary>The whole link layer header, tags included; the bridge family only.</summary>
    public ReadOnlySpan<byte> LinkHeader;

    /// <summary>Reads a datagram that holds one message.</summary>
    public static bool TryRead(ReadOnlySpan<byte> datagram, out QueueMessage message)
    {
        message = default;
        if (datagram.Length < HeaderBytes + FamilyBytes
            || BinaryPrimitives.ReadUInt16LittleEndian(datagram[4..]) != TypePacket
            || BinaryPrimitives.ReadUInt32LittleEndian(datagram) > (uint)datagram.Length)
        {
            return false;
        }

        int end = (int)BinaryPrimitives.ReadUInt32LittleEndian(datagram);
        int at = HeaderBytes + FamilyBytes;
        bool hasId = false;
        while (at + AttributeBytes <= end)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(datagram[at..]);
            int type = BinaryPrimitives.ReadUInt16LittleEndian(datagram[(at + 2)..]) & TypeMask;
            if (length < AttributeBytes || at + length > end)
            {
                return false;
            }

            hasId |= message.Take(type, datagram.Slice(at + AttributeBytes, length - AttributeBytes), at + AttributeBytes);
            at += (length + 3) & ~3;
        }

        return hasId;
    }

    private bool Take(int type, ReadOnlySpan<byte> value, int at)
    {
        switch (type)
        {
            case AttributePacket when value.Length >= 6:
                Id = BinaryPrimitives.ReadUInt32LittleEndian(value);
                EtherType = BinaryPrimitives.ReadUInt16BigEndian(value[4..]);
                return true;
            case AttributeMark when value.Length >= 4:
                Mark = BinaryPrimitives.ReadUInt32BigEndian(value);
                break;
            case AttributePhysicalIn when value.Length >= 4:
                InIndex = BinaryPrimitives.ReadInt32BigEndian(value);
                break;
            case AttributePhysicalOut when value.Length >= 4:
                OutIndex = BinaryPrimitives.ReadInt32BigEndian(value);
                break;
            case AttributeIn when value.Length >= 4 && InIndex == 0:
                InIndex = BinaryPrimitives.ReadInt32BigEndian(value);
                break;
            case AttributeOut when value.Length >= 4 && OutIndex == 0:
                OutIndex = BinaryPrimitives.ReadInt32BigEndian(value);
                break;
            case AttributeHardware when value.Length >= 10 && BinaryPrimitives.ReadUInt16BigEndian(value) == 6:
                SenderMac = value.Slice(4, 6);
                break;
            case AttributePayload:
                (PayloadAt, PayloadBytes) = (at, value.Length);
                break;
            case AttributeCaptured when value.Length >= 4:
                WholeBytes = BinaryPrimitives.ReadInt32BigEndian(value);
                break;
            case AttributeOffloads when value.Length >= 4:
                Offloads = BinaryPrimitives.ReadUInt32BigEndian(value);
                break;
            case AttributeLink when value.Length >= 14:
                LinkHeader = value;
                break;
        }

        return false;
    }
}
