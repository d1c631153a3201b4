using System.Formats.Asn1;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols;

/// <summary>One tag, length and value of BER or DER (X.690 §8.1), viewed in place: what certificates, Kerberos, LDAP and SNMP are made of.</summary>
/// <remarks>
/// Shape: <see cref="Content"/> is the value without its header. Errors: <c>TryTake</c> is false when an element is not wholly there or
/// not well formed, or has the indefinite form (X.690 §8.1.3.6), which none of these protocols allows; nothing throws. Lifetime: the bytes'.
/// Nesting is the caller's: each level is a call, so depth is bounded by code.
/// </remarks>
internal readonly ref struct Asn1Element
{
    private Asn1Element(Asn1Tag tag, ReadOnlySpan<byte> content)
    {
        Tag = tag;
        Content = content;
    }

    public Asn1Tag Tag { get; }

    public ReadOnlySpan<byte> Content { get; }

    public bool IsContext(int number) => Tag.TagClass == TagClass.ContextSpecific && Tag.TagValue == number;

    public bool IsApplication(int number) => Tag.TagClass == TagClass.Application && Tag.TagValue == number;

    public bool Is(UniversalTagNumber number) => Tag.TagClass == TagClass.Universal && Tag.TagValue == (int)number;

    /// <summary>Takes the first element off <paramref name="rest"/>.</summary>
    /// <returns>False, with nothing taken, when it is cut off, malformed, or <paramref name="rest"/> is empty.</returns>
    public static bool TryTake(scoped ref ReadOnlySpan<byte> rest, out Asn1Element element)
    {
        // Not AsnDecoder.TryReadEncodedValue: that throws on an indefinite length without an end, and looks for the end through all that is nested.
        if (TryReadHeader(rest, out Asn1Tag tag, out int header, out int length) && length >= 0 && length <= rest.Length - header)
        {
            element = new Asn1Element(tag, rest.Slice(header, length));
            rest = rest[(header + length)..];
            return true;
        }

        element = default;
        return false;
    }

    /// <summary>Takes the first element when it is of this universal type; false, with nothing taken, otherwise.</summary>
    public static bool TryTake(scoped ref ReadOnlySpan<byte> rest, UniversalTagNumber number, out Asn1Element element)
    {
        ReadOnlySpan<byte> before = rest;
        if (TryTake(ref rest, out element) && element.Is(number))
        {
            return true;
        }

        rest = before;
        return false;
    }

    /// <summary>Takes the first element when it has this context-specific tag (an optional or explicitly tagged member); false, with nothing taken, otherwise.</summary>
    public static bool TryTakeContext(scoped ref ReadOnlySpan<byte> rest, int number, out Asn1Element element)
    {
        ReadOnlySpan<byte> before = rest;
        if (TryTake(ref rest, out element) && element.IsContext(number))
        {
            return true;
        }

        rest = before;
        return false;
    }

    /// <summary>Reads a header only: for framing a stream of elements and for probes.</summary>
    /// <param name="bytes">The start of an element; the content need not be there.</param>
    /// <param name="tag">Its tag.</param>
    /// <param name="headerBytes">Bytes of tag and length.</param>
    /// <param name="contentBytes">Bytes of the value; -1 when the length is indefinite.</param>
    /// <returns>False when the header is cut off or malformed, or the length is above 2^31 - 1.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> bytes, out Asn1Tag tag, out int headerBytes, out int contentBytes)
    {
        headerBytes = 0;
        contentBytes = 0;
        if (!Asn1Tag.TryDecode(bytes, out tag, out int tagBytes) || tagBytes >= bytes.Length)
        {
            return false;
        }

        byte first = bytes[tagBytes];
        if (first < 0x80)
        {
            headerBytes = tagBytes + 1;
            contentBytes = first;
            return true;
        }

        int count = first & 0x7f;
        headerBytes = tagBytes + 1 + count;
        if (count == 0)
        {
            contentBytes = -1;
            return true;
        }

        // Leading zeros are legal in BER; more than eight bytes of length are nobody's.
        if (count > sizeof(ulong) || headerBytes > bytes.Length)
        {
            return false;
        }

        ulong length = 0;
        foreach (byte part in bytes.Slice(tagBytes + 1, count))
        {
            length = (length << 8) | part;
        }

        contentBytes = (int)Math.Min(length, int.MaxValue);
        return length <= int.MaxValue;
    }

    /// <summary>The value as a two's complement number (INTEGER, ENUMERATED); false when it is empty or longer than eight bytes.</summary>
    public bool TryReadNumber(out long value)
    {
        value = 0;
        ReadOnlySpan<byte> content = Content;
        if (content.IsEmpty || content.Length > sizeof(long))
        {
            return false;
        }

        value = (sbyte)content[0];
        for (int i = 1; i < content.Length; i++)
        {
            value = (value << 8) | content[i];
        }

        return true;
    }

    /// <summary>An object identifier's content as dotted numbers; each is base 128 with the high bit on all bytes but the last.</summary>
    public static Slice AppendOid(ReadOnlySpan<byte> oid, ByteBuffer text)
    {
        int start = text.Length;
        ulong number = 0;
        bool isFirst = true;
        foreach (byte part in oid)
        {
            number = (number << 7) | (uint)(part & 0x7f);
            if ((part & 0x80) != 0)
            {
                continue;
            }

            if (isFirst)
            {
                ulong root = Math.Min(number / 40, 2);
                AppendNumber(root, text);
                number -= root * 40;
                isFirst = false;
            }

            text.Append((byte)'.');
            AppendNumber(number, text);
            number = 0;
        }

        return new Slice(start, text.Length - start);
    }

    private static void AppendNumber(ulong number, ByteBuffer text)
    {
        System.Buffers.Text.Utf8Formatter.TryFormat(number, text.Reserve(20), out int written);
        text.Commit(written);
    }
}
