using System.Formats.Asn1;
using System.Security.Cryptography;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Reads what is shown of an X.509 certificate (RFC 5280 §4.1) in place; never throws, allocates nothing.</summary>
internal static class TlsCertificateReader
{
    private const int MaxNameBytes = 8 << 10;

    private static ReadOnlySpan<byte> AltNameOid => [0x55, 0x1d, 0x11];

    private static ReadOnlySpan<byte> AttributeArc => [0x55, 0x04];

    private static ReadOnlySpan<byte> Pkcs9Arc => [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09];

    private static ReadOnlySpan<byte> JurisdictionArc => [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x3c, 0x02, 0x01];

    private static ReadOnlySpan<byte> DomainComponentOid => [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];

    private static ReadOnlySpan<byte> UserIdOid => [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01];

    /// <summary>Fills subject, issuer, serial, validity, and alternative names.</summary>
    /// <returns>Null when all could be read, else what could not.</returns>
    public static TlsAnomaly? Read(ReadOnlySpan<byte> der, TlsCertificate certificate, out bool tooManyNames)
    {
        tooManyNames = false;
        if (!Asn1Element.TryTake(ref der, out Asn1Element outer))
        {
            return Judge(der);
        }

        if (!outer.Is(UniversalTagNumber.Sequence))
        {
            return TlsAnomaly.CertificateInvalidDer;
        }

        ReadOnlySpan<byte> rest = outer.Content;
        if (!Asn1Element.TryTake(ref rest, out Asn1Element toBeSigned))
        {
            return Judge(rest);
        }

        if (!toBeSigned.Is(UniversalTagNumber.Sequence))
        {
            return TlsAnomaly.CertificateInvalidDer;
        }

        return ReadBody(toBeSigned.Content, certificate, out tooManyNames);
    }

    /// <summary>Why an element cannot be taken: its header is cut off, or its length reaches beyond what is there.</summary>
    private static TlsAnomaly Judge(ReadOnlySpan<byte> rest)
    {
        bool isCut = rest.Length < 2 || ((rest[1] & 0x80) != 0 && rest.Length < 2 + (rest[1] & 0x7f));
        return isCut ? TlsAnomaly.CertificateInvalidLength : TlsAnomaly.InvalidCertificate;
    }

    private static TlsAnomaly? ReadBody(ReadOnlySpan<byte> rest, TlsCertificate certificate, out bool tooManyNames)
    {
        tooManyNames = false;
        if (!Asn1Element.TryTake(ref rest, out Asn1Element element))
        {
            return TlsAnomaly.CertificateInvalidDer;
        }

        if (element.IsContext(0))
        {
            ReadOnlySpan<byte> inner = element.Content;
            if (!Asn1Element.TryTake(ref inner, out Asn1Element version) || !version.Is(UniversalTagNumber.Integer))
            {
                return TlsAnomaly.CertificateInvalidVersion;
            }

            if (!Asn1Element.TryTake(ref rest, out element))
            {
                return TlsAnomaly.CertificateInvalidSerial;
            }
        }

        if (!element.Is(UniversalTagNumber.Integer))
        {
            return TlsAnomaly.CertificateInvalidSerial;
        }

        certificate.Serial = AppendHex(element.Content, certificate.Text, upper: true);
        if (TakeSequence(ref rest, out element) is { } noAlgorithmIdentifier)
        {
            return noAlgorithmIdentifier;
        }

        if (TakeSequence(ref rest, out element) is { } noIssuer)
        {
            return noIssuer;
        }

        certificate.Issuer = ReadName(element.Content, certificate.Text);
        if (TakeSequence(ref rest, out element) is { } noValidity)
        {
            return noValidity;
        }

        if (!TryReadValidity(element.Content, certificate))
        {
            return TlsAnomaly.CertificateInvalidDate;
        }

        if (TakeSequence(ref rest, out element) is { } noSubject)
        {
            return noSubject;
        }

        certificate.Subject = ReadName(element.Content, certificate.Text);
        certificate.IsRead = true;
        while (Asn1Element.TryTake(ref rest, out element))
        {
            if (element.IsContext(3))
            {
                return ReadExtensions(element.Content, certificate, out tooManyNames);
            }
        }

        return null;
    }

    /// <summary>The next part of the body, all but the first two of which are sequences.</summary>
    private static TlsAnomaly? TakeSequence(scoped ref ReadOnlySpan<byte> rest, out Asn1Element element)
    {
        if (!Asn1Element.TryTake(ref rest, out element))
        {
            return rest.IsEmpty ? TlsAnomaly.CertificateInvalidLength : Judge(rest);
        }

        return element.Is(UniversalTagNumber.Sequence) ? null : TlsAnomaly.CertificateInvalidDer;
    }

    private static TlsAnomaly? ReadExtensions(ReadOnlySpan<byte> content, TlsCertificate certificate, out bool tooManyNames)
    {
        tooManyNames = false;
        if (!Asn1Element.TryTake(ref content, out Asn1Element list))
        {
            return TlsAnomaly.InvalidCertificate;
        }

        if (!list.Is(UniversalTagNumber.Sequence))
        {
            return TlsAnomaly.CertificateInvalidDer;
        }

        ReadOnlySpan<byte> rest = list.Content;
        while (!rest.IsEmpty)
        {
            if (!Asn1Element.TryTake(ref rest, out Asn1Element extension) || !extension.Is(UniversalTagNumber.Sequence))
            {
                return TlsAnomaly.InvalidCertificate;
            }

            ReadOnlySpan<byte> parts = extension.Content;
            if (!Asn1Element.TryTake(ref parts, out Asn1Element oid))
            {
                return TlsAnomaly.InvalidCertificate;
            }

            if (!oid.Content.SequenceEqual(AltNameOid))
            {
                continue;
            }

            // The value is the last part, behind an optional criticality.
            ReadOnlySpan<byte> inner = default;
            while (Asn1Element.TryTake(ref parts, out Asn1Element part))
            {
                inner = part.Content;
            }

            if (!Asn1Element.TryTake(ref inner, out Asn1Element names))
            {
                return TlsAnomaly.InvalidCertificate;
            }

            tooManyNames = !TryReadAltNames(names.Content, certificate);
        }

        return null;
    }

    /// <summary>RFC 5280 §4.2.1.6: mail, DNS name, URI and address are shown.</summary>
    private static bool TryReadAltNames(ReadOnlySpan<byte> rest, TlsCertificate certificate)
    {
        while (Asn1Element.TryTake(ref rest, out Asn1Element name))
        {
            if (name.Tag.TagClass != TagClass.ContextSpecific)
            {
                continue;
            }

            Slice text;
            switch (name.Tag.TagValue)
            {
                case 1 or 2 or 6:
                    text = certificate.Text.Append(name.Content);
                    break;
                case 7 when name.Content.Length is 4 or 16:
                    bool isV4 = name.Content.Length == 4;
                    IpAddress address = isV4 ? IpAddress.ReadV4(name.Content) : IpAddress.ReadV6(name.Content);
                    int start = certificate.Text.Length;
                    certificate.Text.Commit(address.Format(certificate.Text.Reserve(46), isV4));
                    text = new Slice(start, certificate.Text.Length - start);
                    break;
                default:
                    continue;
            }

            if (!certificate.TryAddAltName(text))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>A distinguished name; of a malformed one what comes before the fault.</summary>
    private static Slice ReadName(ReadOnlySpan<byte> content, ByteBuffer text)
    {
        int start = text.Length;
        return TryReadName(content, text, out Slice name) ? name : new Slice(start, text.Length - start);
    }

    /// <summary>A distinguished name as <c>C=US, O=Example, CN=www.example.com</c>, in the order of the encoding.</summary>
    private static bool TryReadName(ReadOnlySpan<byte> rest, ByteBuffer text, out Slice name)
    {
        int start = text.Length;
        name = Slice.None;
        while (!rest.IsEmpty)
        {
            if (!Asn1Element.TryTake(ref rest, out Asn1Element set) || !set.Is(UniversalTagNumber.Set))
            {
                return false;
            }

            ReadOnlySpan<byte> pairs = set.Content;
            bool isFirstOfSet = true;
            while (!pairs.IsEmpty)
            {
                if (!Asn1Element.TryTake(ref pairs, out Asn1Element pair))
                {
                    return false;
                }

                ReadOnlySpan<byte> parts = pair.Content;
                if (!Asn1Element.TryTake(ref parts, out Asn1Element oid) || !Asn1Element.TryTake(ref parts, out Asn1Element value))
                {
                    return false;
                }

                if (text.Length - start + value.Content.Length > MaxNameBytes)
                {
                    return false;
                }

                if (text.Length > start)
                {
                    text.Append(isFirstOfSet ? ", "u8 : " + "u8);
                }

                AppendAttribute(oid.Content, text);
                text.Append((byte)'=');
                AppendValue(value, text);
                isFirstOfSet = false;
            }
        }

        name = new Slice(start, text.Length - start);
        return true;
    }

    /// <summary>The names that Suricata's certificate reader knows, else <c>OID(1.2.3)</c>.</summary>
    private static void AppendAttribute(ReadOnlySpan<byte> oid, ByteBuffer text)
    {
        ReadOnlySpan<byte> known = NameOf(oid);
        if (!known.IsEmpty)
        {
            text.Append(known);
            return;
        }

        text.Append("OID("u8);
        Asn1Element.AppendOid(oid, text);
        text.Append((byte)')');
    }

    private static ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> oid)
    {
        if (oid.IsEmpty)
        {
            return default;
        }

        ReadOnlySpan<byte> arc = oid[..^1];
        byte last = oid[^1];
        return arc.SequenceEqual(AttributeArc) ? AttributeName(last)
            : arc.SequenceEqual(Pkcs9Arc) ? Pkcs9Name(last)
            : arc.SequenceEqual(JurisdictionArc) ? JurisdictionName(last)
            : oid.SequenceEqual(AltNameOid) ? "subjectAltName"u8
            : oid.SequenceEqual(DomainComponentOid) ? "DC"u8
            : oid.SequenceEqual(UserIdOid) ? "uid"u8 : default;
    }

    /// <summary>X.520 (RFC 4519 §2).</summary>
    private static ReadOnlySpan<byte> AttributeName(byte last) => last switch
    {
        0 => "objectClass"u8,
        1 => "aliasedEntryName"u8,
        2 => "knowledgeInformation"u8,
        3 => "CN"u8,
        4 => "surname"u8,
        5 => "serialNumber"u8,
        6 => "C"u8,
        7 => "L"u8,
        8 => "ST"u8,
        9 => "streetAddress"u8,
        10 => "O"u8,
        11 => "OU"u8,
        12 => "title"u8,
        13 => "description"u8,
        14 => "searchGuide"u8,
        15 => "businessCategory"u8,
        16 => "postalAddress"u8,
        17 => "postalCode"u8,
        41 => "name"u8,
        42 => "givenName"u8,
        43 => "initials"u8,
        44 => "generationQualifier"u8,
        45 => "uniqueIdentifier"u8,
        46 => "dnQualifier"u8,
        _ => default,
    };

    /// <summary>PKCS #9 (RFC 2985).</summary>
    private static ReadOnlySpan<byte> Pkcs9Name(byte last) => last switch
    {
        1 => "Email"u8,
        2 => "unstructuredName"u8,
        3 => "contentType"u8,
        4 => "id-messageDigest"u8,
        5 => "signing-time"u8,
        7 => "challengePassword"u8,
        14 => "extensionRequest"u8,
        15 => "smimeCapabilities"u8,
        20 => "friendlyName"u8,
        _ => default,
    };

    /// <summary>Of certificates with extended validation (CA/Browser Forum EV guidelines §9.2.4).</summary>
    private static ReadOnlySpan<byte> JurisdictionName(byte last) => last switch
    {
        1 => "msJurisdictionLocality"u8,
        2 => "msJurisdictionStateOrProvince"u8,
        3 => "msJurisdictionCountry"u8,
        _ => default,
    };

    /// <summary>Strings as they are; BMPString (two bytes a character) as its low bytes where they are ASCII.</summary>
    private static void AppendValue(in Asn1Element value, ByteBuffer text)
    {
        if (!value.Is(UniversalTagNumber.BMPString))
        {
            text.Append(value.Content);
            return;
        }

        for (int i = 0; i + 1 < value.Content.Length; i += 2)
        {
            var rune = new System.Text.Rune(char.IsSurrogate((char)((value.Content[i] << 8) | value.Content[i + 1])) ? '?' : (char)((value.Content[i] << 8) | value.Content[i + 1]));
            text.Commit(rune.EncodeToUtf8(text.Reserve(4)));
        }
    }

    private static bool TryReadValidity(ReadOnlySpan<byte> rest, TlsCertificate certificate)
    {
        if (!Asn1Element.TryTake(ref rest, out Asn1Element from) || !Asn1Element.TryTake(ref rest, out Asn1Element to)
            || !TryReadTime(in from, out long notBefore) || !TryReadTime(in to, out long notAfter))
        {
            return false;
        }

        certificate.NotBefore = notBefore;
        certificate.NotAfter = notAfter;
        return true;
    }

    /// <summary>UTCTime (years 1950 to 2049) or GeneralizedTime (RFC 5280 §4.1.2.5).</summary>
    private static bool TryReadTime(in Asn1Element time, out long seconds)
    {
        seconds = 0;
        ReadOnlySpan<byte> text = time.Content;
        int year;
        if (time.Is(UniversalTagNumber.UtcTime) && text.Length >= 11 && TryTwo(text, 0, out int shortYear))
        {
            year = shortYear < 50 ? 2000 + shortYear : 1900 + shortYear;
            text = text[2..];
        }
        else if (time.Is(UniversalTagNumber.GeneralizedTime) && text.Length >= 13 && TryTwo(text, 0, out int century) && TryTwo(text, 2, out shortYear))
        {
            year = (century * 100) + shortYear;
            text = text[4..];
        }
        else
        {
            return false;
        }

        if (!TryTwo(text, 0, out int month) || !TryTwo(text, 2, out int day) || !TryTwo(text, 4, out int hour) || !TryTwo(text, 6, out int minute))
        {
            return false;
        }

        int second = text.Length >= 10 && TryTwo(text, 8, out int read) ? read : 0;
        if (year is < 1 or > 9999 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 60)
        {
            return false;
        }

        seconds = (new DateTime(year, month, day, hour, minute, 0, DateTimeKind.Utc).Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerSecond + second;
        return true;
    }

    private static bool TryTwo(ReadOnlySpan<byte> text, int at, out int value)
    {
        value = 0;
        if (at + 2 > text.Length || !char.IsAsciiDigit((char)text[at]) || !char.IsAsciiDigit((char)text[at + 1]))
        {
            return false;
        }

        value = ((text[at] - '0') * 10) + (text[at + 1] - '0');
        return true;
    }

    /// <summary>SHA-1 of a certificate, <c>aa:bb…</c>.</summary>
    public static Slice AppendFingerprint(ReadOnlySpan<byte> der, ByteBuffer text)
    {
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
        SHA1.HashData(der, hash);
        return AppendHex(hash, text, upper: false);
    }

    /// <summary>Pairs of digits with colons between them.</summary>
    private static Slice AppendHex(ReadOnlySpan<byte> bytes, ByteBuffer text, bool upper)
    {
        ReadOnlySpan<byte> digits = upper ? "0123456789ABCDEF"u8 : "0123456789abcdef"u8;
        int start = text.Length;
        for (int i = 0; i < bytes.Length; i++)
        {
            if (i > 0)
            {
                text.Append((byte)':');
            }

            text.Append(digits[bytes[i] >> 4]);
            text.Append(digits[bytes[i] & 15]);
        }

        return new Slice(start, text.Length - start);
    }
}
