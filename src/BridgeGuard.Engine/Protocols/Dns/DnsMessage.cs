using System.Buffers.Binary;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>Reads a message (RFC 1035 §4) into a transaction.</summary>
/// <remarks>
/// <code>
///  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f
/// |                      ID                       |
/// |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
/// |   QDCOUNT    |   ANCOUNT  | NSCOUNT | ARCOUNT |
/// </code>
/// </remarks>
internal static class DnsMessage
{
    public const int HeaderBytes = 12;

    private const int MinQuestionBytes = 5;
    private const int RecordHeadBytes = 10;

    /// <summary>Could this be a DNS message? Header counts must fit and questions and answers be readable.</summary>
    public static bool IsPlausible(ReadOnlySpan<byte> message, out bool isResponse)
    {
        isResponse = false;
        if (message.Length < HeaderBytes)
        {
            return false;
        }

        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(message[2..]);
        isResponse = (flags & 0x8000) != 0;
        int questions = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
        int records = BinaryPrimitives.ReadUInt16BigEndian(message[6..]) + BinaryPrimitives.ReadUInt16BigEndian(message[8..])
            + BinaryPrimitives.ReadUInt16BigEndian(message[10..]);
        if ((questions * MinQuestionBytes) + HeaderBytes > message.Length || (questions == 0 && (!isResponse || (records == 0 && message.Length > HeaderBytes))))
        {
            return false;
        }

        int at = HeaderBytes;
        for (int i = 0; i < questions; i++)
        {
            if (!TrySkipName(message, ref at) || at + 4 > message.Length)
            {
                return false;
            }

            at += 4;
        }

        // Without a question the first record must make sense, or anything with the QR bit would do.
        return questions > 0 || records == 0 || (TrySkipName(message, ref at) && at + RecordHeadBytes <= message.Length);
    }

    /// <summary>Reads a whole message; false when header, questions or answers cannot be read.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, DnsTransaction transaction)
    {
        if (message.Length < HeaderBytes)
        {
            return false;
        }

        transaction.MessageId = BinaryPrimitives.ReadUInt16BigEndian(message);
        transaction.Flags = BinaryPrimitives.ReadUInt16BigEndian(message[2..]);
        transaction.ResponseCode = (ushort)(transaction.Flags & 15);
        transaction.Message.Append(message[..Math.Min(message.Length, DnsLimits.MaxMessageBytes)]);
        int at = HeaderBytes;
        if (!TryReadSection(message, ref at, 4, DnsSection.Query, transaction) || !TryReadSection(message, ref at, 6, DnsSection.Answer, transaction))
        {
            return false;
        }

        if (!TryReadSection(message, ref at, 8, DnsSection.Authority, transaction))
        {
            transaction.Raise(DnsAnomaly.InvalidAuthorities);
        }
        else if (!TryReadSection(message, ref at, 10, DnsSection.Additional, transaction))
        {
            transaction.Raise(DnsAnomaly.InvalidAdditionals);
        }

        if ((transaction.Flags & 0x0040) != 0)
        {
            transaction.Raise(DnsAnomaly.ZFlagSet);
        }

        if (transaction.Opcode >= 7)
        {
            transaction.Raise(DnsAnomaly.InvalidOpcode);
        }

        return true;
    }

    /// <summary>Decodes a name into dotted text; labels and pointers move strictly backwards or count down.</summary>
    /// <param name="message">The whole message: pointers are offsets into it.</param>
    /// <param name="at">Where the name begins; advanced past it, not past what pointers lead to.</param>
    /// <param name="transaction">Owner of the text and of anomalies.</param>
    /// <param name="name">The text.</param>
    public static bool TryReadName(ReadOnlySpan<byte> message, ref int at, DnsTransaction transaction, out Slice name)
    {
        ByteBuffer text = transaction.Names;
        int start = text.Length;
        int position = at;
        int pointers = 0;
        int labels = 0;
        bool jumped = false;
        bool isFull = text.Length > DnsLimits.MaxNamesBytes;
        bool isCut = isFull;
        name = new Slice(start, 0);
        while (true)
        {
            if ((uint)position >= (uint)message.Length)
            {
                return false;
            }

            int length = message[position];
            if (length == 0)
            {
                position++;
                break;
            }

            if ((length & 0xc0) == 0xc0)
            {
                if (position + 1 >= message.Length)
                {
                    return false;
                }

                if (++pointers > DnsLimits.MaxPointers)
                {
                    transaction.Raise(DnsAnomaly.InfiniteLoop);
                    text.Truncate(start);
                    return false;
                }

                at = jumped ? at : position + 2;
                jumped = true;
                position = ((length & 0x3f) << 8) | message[position + 1];
                continue;
            }

            if ((length & 0xc0) != 0 || position + 1 + length > message.Length)
            {
                return false;
            }

            isCut |= isFull || !TryAppendLabel(message.Slice(position + 1, length), text, start, ++labels, transaction);
            if (isCut && jumped)
            {
                break;
            }

            position += 1 + length;
        }

        at = jumped ? at : position;
        name = new Slice(start, text.Length - start);
        return true;
    }

    /// <summary>False when the name is at its limit: of the label only what has room is kept, and a label too many is left out.</summary>
    private static bool TryAppendLabel(ReadOnlySpan<byte> label, ByteBuffer text, int start, int labels, DnsTransaction transaction)
    {
        if (labels > DnsLimits.MaxLabels)
        {
            transaction.Raise(DnsAnomaly.TooManyLabels);
            return false;
        }

        int length = text.Length - start;
        bool isCut = length + label.Length + 1 > DnsLimits.MaxNameBytes;
        if (isCut)
        {
            transaction.Raise(DnsAnomaly.NameTooLong);
        }

        if (length > 0 && length < DnsLimits.MaxNameBytes)
        {
            text.Append((byte)'.');
            length++;
        }

        text.Append(label[..Math.Min(label.Length, DnsLimits.MaxNameBytes - length)]);
        return !isCut;
    }

    private static bool TrySkipName(ReadOnlySpan<byte> message, ref int at)
    {
        while ((uint)at < (uint)message.Length)
        {
            int length = message[at];
            if (length == 0)
            {
                at++;
                return true;
            }

            if ((length & 0xc0) == 0xc0)
            {
                // The pointer must lead to something before it, else it is a loop from the start.
                bool isBackwards = at + 1 < message.Length && (((length & 0x3f) << 8) | message[at + 1]) < at;
                at += 2;
                return isBackwards;
            }

            if ((length & 0xc0) != 0)
            {
                return false;
            }

            at += 1 + length;
        }

        return false;
    }

    private static bool TryReadSection(ReadOnlySpan<byte> message, ref int at, int countAt, DnsSection section, DnsTransaction transaction)
    {
        int count = BinaryPrimitives.ReadUInt16BigEndian(message[countAt..]);
        for (int i = 0; i < count; i++)
        {
            if (transaction.RecordCount >= DnsLimits.MaxRecords)
            {
                return false;
            }

            if (!TryReadRecord(message, ref at, section, transaction))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryReadRecord(ReadOnlySpan<byte> message, ref int at, DnsSection section, DnsTransaction transaction)
    {
        if (!TryReadName(message, ref at, transaction, out Slice name) || at + 4 > message.Length)
        {
            return false;
        }

        var record = new DnsRecord
        {
            Section = section,
            Name = name,
            Type = BinaryPrimitives.ReadUInt16BigEndian(message[at..]),
            Class = BinaryPrimitives.ReadUInt16BigEndian(message[(at + 2)..]),
            Data = Slice.None,
            DataName = Slice.None,
            SecondName = Slice.None,
        };
        if (section == DnsSection.Query)
        {
            at += 4;
            transaction.Add(in record);
            return true;
        }

        if (at + RecordHeadBytes > message.Length)
        {
            return false;
        }

        record.Ttl = BinaryPrimitives.ReadUInt32BigEndian(message[(at + 4)..]);
        int length = BinaryPrimitives.ReadUInt16BigEndian(message[(at + 8)..]);
        at += RecordHeadBytes;
        if (at + length > message.Length)
        {
            return false;
        }

        record.Data = new Slice(at, length);
        ReadDataNames(message, transaction, ref record);
        if (record.Type == 41 && section == DnsSection.Additional)
        {
            // EDNS (RFC 6891 §6.1.3): the upper eight bits of the code.
            transaction.ResponseCode |= (ushort)((record.Ttl >> 24) << 4);
        }

        at += length;
        transaction.Add(in record);
        return true;
    }

    private static void ReadDataNames(ReadOnlySpan<byte> message, DnsTransaction transaction, ref DnsRecord record)
    {
        int skip = record.Type switch
        {
            2 or 5 or 6 or 12 => 0,
            15 => 2,
            33 => 6,
            _ => -1,
        };
        if (skip < 0 || record.Data.Length <= skip)
        {
            return;
        }

        int at = record.Data.Start + skip;
        int end = record.Data.Start + record.Data.Length;
        if (TryReadName(message, ref at, transaction, out Slice name) && at <= end)
        {
            record.DataName = name;
            if (record.Type == 6 && TryReadName(message, ref at, transaction, out Slice second) && at + 20 <= end)
            {
                record.SecondName = second;
                record.Data = new Slice(at, 20);
            }
        }
    }
}
