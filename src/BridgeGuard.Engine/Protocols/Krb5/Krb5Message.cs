using System.Buffers.Binary;
using System.Formats.Asn1;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Krb5;

/// <summary>Reads messages (RFC 4120 §5.4, §5.9) in place; never throws, allocates nothing.</summary>
/// <remarks>A message is an element whose application tag is its type. On TCP four bytes of length stand before it (§7.2.2).</remarks>
internal static class Krb5Message
{
    public const int LengthBytes = 4;
    public const int MinimumBytes = 10;

    public const int AsRequest = 10;
    public const int AsReply = 11;
    public const int TgsRequest = 12;
    public const int TgsReply = 13;
    public const int ApRequest = 14;
    public const int ApReply = 15;
    public const int Error = 30;

    /// <summary>Length of a TCP record; the highest bit is reserved and makes it too long.</summary>
    public static uint RecordLength(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadUInt32BigEndian(record);

    /// <summary>The message's tag, a sequence in it, and the protocol version where it has to be; the rest need not be there.</summary>
    public static bool IsPlausible(ReadOnlySpan<byte> message)
    {
        if (!Asn1Element.TryReadHeader(message, out Asn1Tag tag, out int headerBytes, out int length) || length < 0
            || tag.TagClass != TagClass.Application || !tag.IsConstructed || !IsKnown(tag.TagValue))
        {
            return false;
        }

        return Asn1Element.TryReadHeader(message[headerBytes..], out Asn1Tag inner, out int innerBytes, out int innerLength)
            && inner.TagClass == TagClass.Universal && inner.TagValue == (int)UniversalTagNumber.Sequence
            && innerLength >= 0 && innerLength <= length - innerBytes;
    }

    /// <summary>Reads a message into a transaction.</summary>
    /// <returns>False when it is of another type or cannot be read.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, Krb5Transaction transaction)
    {
        if (!Asn1Element.TryTake(ref bytes, out Asn1Element message) || message.Tag.TagClass != TagClass.Application)
        {
            return false;
        }

        ReadOnlySpan<byte> rest = message.Content;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element members))
        {
            return false;
        }

        transaction.MessageType = message.Tag.TagValue;
        return message.Tag.TagValue switch
        {
            AsRequest or TgsRequest => TryReadRequest(members.Content, transaction),
            AsReply or TgsReply => TryReadReply(members.Content, transaction),
            Error => TryReadError(members.Content, transaction),
            _ => false,
        };
    }

    private static bool IsKnown(int type) => type is >= AsRequest and <= ApReply or >= 20 and <= 22 or Error;

    private static bool TryReadRequest(ReadOnlySpan<byte> rest, Krb5Transaction transaction)
    {
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            ReadOnlySpan<byte> inner = member.Content;
            if (member.IsContext(4))
            {
                return Asn1Element.TryTake(ref inner, UniversalTagNumber.Sequence, out Asn1Element body) && TryReadRequestBody(body.Content, transaction);
            }
        }

        return false;
    }

    /// <summary>RFC 4120 §5.4.1, KDC-REQ-BODY.</summary>
    private static bool TryReadRequestBody(ReadOnlySpan<byte> rest, Krb5Transaction transaction)
    {
        bool hasRealm = false;
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            if (member.IsContext(1) && !TryReadPrincipal(member.Content, transaction, isClient: true))
            {
                return false;
            }

            if (member.IsContext(2))
            {
                hasRealm = TryReadText(member.Content, transaction.Text, out Slice realm);
                transaction.Realm = realm;
            }

            if (member.IsContext(3) && !TryReadPrincipal(member.Content, transaction, isClient: false))
            {
                return false;
            }
        }

        return hasRealm && rest.IsEmpty;
    }

    /// <summary>RFC 4120 §5.4.2, KDC-REP.</summary>
    private static bool TryReadReply(ReadOnlySpan<byte> rest, Krb5Transaction transaction)
    {
        bool isRead = true;
        while (isRead && Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            if (member.IsContext(3))
            {
                isRead = TryReadText(member.Content, transaction.Text, out Slice realm);
                transaction.Realm = realm;
            }
            else if (member.IsContext(4))
            {
                isRead = TryReadPrincipal(member.Content, transaction, isClient: true);
            }
            else if (member.IsContext(5))
            {
                isRead = TryReadTicket(member.Content, transaction);
            }
            else if (member.IsContext(6))
            {
                isRead = TryReadEncryption(member.Content, out int encryption);
                transaction.HasEncryption = isRead;
                transaction.Encryption = encryption;
            }
        }

        return isRead && transaction.HasEncryption && transaction.HasTicket;
    }

    /// <summary>RFC 4120 §5.3.</summary>
    private static bool TryReadTicket(ReadOnlySpan<byte> rest, Krb5Transaction transaction)
    {
        if (!Asn1Element.TryTake(ref rest, out Asn1Element ticket) || !ticket.IsApplication(1))
        {
            return false;
        }

        rest = ticket.Content;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element members))
        {
            return false;
        }

        rest = members.Content;
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            if (member.IsContext(2) && !TryReadPrincipal(member.Content, transaction, isClient: false))
            {
                return false;
            }

            if (member.IsContext(3))
            {
                transaction.HasTicket = TryReadEncryption(member.Content, out int encryption);
                transaction.TicketEncryption = encryption;
            }
        }

        return transaction.HasTicket;
    }

    /// <summary>RFC 4120 §5.9.1; of the names only the server's.</summary>
    private static bool TryReadError(ReadOnlySpan<byte> rest, Krb5Transaction transaction)
    {
        bool hasCode = false;
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            ReadOnlySpan<byte> inner = member.Content;
            if (member.IsContext(6))
            {
                hasCode = Asn1Element.TryTake(ref inner, UniversalTagNumber.Integer, out Asn1Element number) && number.TryReadNumber(out long code);
                transaction.ErrorCode = hasCode && number.TryReadNumber(out code) ? (int)Math.Clamp(code, int.MinValue, int.MaxValue) : 0;
            }

            if (member.IsContext(7) && TryReadText(inner, transaction.Text, out Slice realm))
            {
                transaction.Realm = realm;
            }

            if ((member.IsContext(8) && !TryReadPrincipal(inner, transaction, isClient: true)) || (member.IsContext(10) && !TryReadPrincipal(inner, transaction, isClient: false)))
            {
                return false;
            }
        }

        return hasCode;
    }

    /// <summary>RFC 4120 §5.2.9: the encryption type is all that is readable.</summary>
    private static bool TryReadEncryption(ReadOnlySpan<byte> rest, out int encryption)
    {
        encryption = 0;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element data))
        {
            return false;
        }

        rest = data.Content;
        if (!Asn1Element.TryTakeContext(ref rest, 0, out Asn1Element member))
        {
            return false;
        }

        rest = member.Content;
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Integer, out Asn1Element number) || !number.TryReadNumber(out long value))
        {
            return false;
        }

        encryption = (int)Math.Clamp(value, int.MinValue, int.MaxValue);
        return true;
    }

    /// <summary>RFC 4120 §5.2.2: a name of several parts.</summary>
    private static bool TryReadPrincipal(ReadOnlySpan<byte> rest, Krb5Transaction transaction, bool isClient)
    {
        if (!Asn1Element.TryTake(ref rest, UniversalTagNumber.Sequence, out Asn1Element principal))
        {
            return false;
        }

        rest = principal.Content;
        while (Asn1Element.TryTake(ref rest, out Asn1Element member))
        {
            ReadOnlySpan<byte> inner = member.Content;
            if (!member.IsContext(1))
            {
                continue;
            }

            if (!Asn1Element.TryTake(ref inner, UniversalTagNumber.Sequence, out Asn1Element names))
            {
                return false;
            }

            inner = names.Content;
            while (Asn1Element.TryTake(ref inner, out Asn1Element name))
            {
                transaction.AddName(name.Content, isClient);
            }

            return inner.IsEmpty;
        }

        return false;
    }

    private static bool TryReadText(ReadOnlySpan<byte> rest, ByteBuffer text, out Slice slice)
    {
        bool isThere = Asn1Element.TryTake(ref rest, out Asn1Element element);
        slice = isThere ? text.Append(element.Content[..Math.Min(element.Content.Length, Krb5Limits.MaxNameBytes)]) : Slice.None;
        return isThere;
    }
}
