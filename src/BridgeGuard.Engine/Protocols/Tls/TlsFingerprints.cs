using System.Globalization;
using System.Security.Cryptography;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>JA3, JA3S and JA4 of hellos. The text of JA3 and the MD5 over it identify clients in threat lists; no security rests on them.</summary>
internal static class TlsFingerprints
{
    /// <summary>How JA4 calls QUIC.</summary>
    public const byte QuicTransport = (byte)'q';

    /// <summary>Version, ciphers, extensions, groups, point formats, in decimal, without GREASE.</summary>
    public static Slice BuildJa3(TlsHello hello, ByteBuffer text)
    {
        int start = text.Length;
        AppendNumber(hello.Version, text);
        text.Append((byte)',');
        AppendList(hello.Ciphers.Values, text);
        text.Append((byte)',');
        AppendList(hello.Extensions.Values, text);
        text.Append((byte)',');
        AppendList(hello.Groups.Values, text);
        text.Append((byte)',');
        AppendList(hello.PointFormats.Values, text);
        return new Slice(start, text.Length - start);
    }

    /// <summary>Version, cipher, extensions of a ServerHello.</summary>
    public static Slice BuildJa3S(TlsHello hello, ByteBuffer text)
    {
        int start = text.Length;
        AppendNumber(hello.Version, text);
        text.Append((byte)',');
        AppendList(hello.Ciphers.Values, text);
        text.Append((byte)',');
        AppendList(hello.Extensions.Values, text);
        return new Slice(start, text.Length - start);
    }

    /// <summary>MD5 as 32 lower-case digits.</summary>
    public static Slice BuildHash(Slice value, ByteBuffer text)
    {
        Span<byte> hash = stackalloc byte[MD5.HashSizeInBytes];
        MD5.HashData(text[value], hash);
        return AppendHex(hash, text);
    }

    /// <summary>FoxIO's JA4: <c>t13d1516h2_8daaf6152771_e5627efa2ab1</c>.</summary>
    /// <param name="hello">A ClientHello.</param>
    /// <param name="text">Owner of the result; also scratch.</param>
    /// <param name="transport">'t' or, for QUIC, 'q'.</param>
    public static Slice BuildJa4(TlsHello hello, ByteBuffer text, byte transport)
    {
        Span<ushort> codes = stackalloc ushort[TlsLimits.MaxListEntries / 2];
        int ciphers = CopyPlain(hello.Ciphers.Values, codes, default);
        Slice cipherHash = HashSorted(codes[..ciphers], default, false, text);
        int extensions = CountPlain(hello.Extensions.Values);
        int sorted = CopyPlain(hello.Extensions.Values, codes, [TlsTables.ServerName, TlsTables.Alpn]);
        Slice extensionHash = HashSorted(codes[..sorted], hello.SignatureAlgorithms.Values, true, text);
        int start = text.Length;
        text.Append(transport);
        text.Append(VersionCode(BestVersion(hello, transport)));
        text.Append(hello.Sni.Exists ? (byte)'d' : (byte)'i');
        AppendTwo(CountPlain(hello.Ciphers.Values), text);
        AppendTwo(extensions, text);
        AppendAlpn(hello, text);
        text.Append((byte)'_');
        text.AppendCopy(cipherHash);
        text.Append((byte)'_');
        text.AppendCopy(extensionHash);
        return new Slice(start, text.Length - start);
    }

    /// <summary>The highest of what the hello names; over QUIC, whose hellos all say TLS 1.2 in front, of the list alone. Over TCP Suricata looks at the first supported version only, where it is one of TLS.</summary>
    private static ushort BestVersion(TlsHello hello, byte transport)
    {
        if (transport != QuicTransport)
        {
            return hello.SupportedVersion >> 8 is 3 or 0x7f ? Math.Max(hello.Version, hello.SupportedVersion) : hello.Version;
        }

        ushort best = 0;
        foreach (ushort version in hello.SupportedVersions.Values)
        {
            best = TlsTables.IsGrease(version) ? best : Math.Max(best, version);
        }

        return best;
    }

    private static ReadOnlySpan<byte> VersionCode(ushort version) => version switch
    {
        TlsTables.Tls13 => "13"u8,
        TlsTables.Tls12 => "12"u8,
        TlsTables.Tls11 => "11"u8,
        TlsTables.Tls10 => "10"u8,
        TlsTables.Sslv3 => "s3"u8,
        TlsTables.Sslv2 => "s2"u8,
        0xfeff => "d1"u8,
        0xfefd => "d2"u8,
        0xfefc => "d3"u8,
        _ => "00"u8,
    };

    private static int CountPlain(ReadOnlySpan<ushort> values)
    {
        int count = 0;
        foreach (ushort value in values)
        {
            count += TlsTables.IsGrease(value) ? 0 : 1;
        }

        return count;
    }

    private static int CopyPlain(ReadOnlySpan<ushort> values, Span<ushort> target, ReadOnlySpan<ushort> without)
    {
        int count = 0;
        foreach (ushort value in values)
        {
            if (!TlsTables.IsGrease(value) && !without.Contains(value) && count < target.Length)
            {
                target[count++] = value;
            }
        }

        return count;
    }

    /// <summary>The first twelve digits of SHA-256 over the sorted codes and, for extensions, the signature algorithms as they stand.</summary>
    private static Slice HashSorted(Span<ushort> codes, ReadOnlySpan<ushort> algorithms, bool withAlgorithms, ByteBuffer text)
    {
        codes.Sort();
        int start = text.Length;
        AppendHexList(codes, text);
        if (withAlgorithms)
        {
            text.Append((byte)'_');
            AppendHexList(algorithms, text);
        }

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text[new Slice(start, text.Length - start)], hash);
        text.Truncate(start);
        return AppendHex(hash[..6], text);
    }

    private static void AppendHexList(ReadOnlySpan<ushort> codes, ByteBuffer text)
    {
        bool isFirst = true;
        Span<byte> two = stackalloc byte[2];
        foreach (ushort code in codes)
        {
            if (TlsTables.IsGrease(code))
            {
                continue;
            }

            if (!isFirst)
            {
                text.Append((byte)',');
            }

            isFirst = false;
            two[0] = (byte)(code >> 8);
            two[1] = (byte)code;
            AppendHex(two, text);
        }
    }

    private static void AppendAlpn(TlsHello hello, ByteBuffer text)
    {
        if (hello.AlpnCount == 0)
        {
            text.Append("00"u8);
            return;
        }

        ReadOnlySpan<byte> name = hello.Alpn(0);
        byte first = name[0];
        byte last = name[^1];
        if (char.IsAsciiLetterOrDigit((char)first) && char.IsAsciiLetterOrDigit((char)last))
        {
            text.Append(first);
            text.Append(last);
            return;
        }

        // Else the outer digits of their hexadecimal form.
        text.Append("0123456789abcdef"u8[first >> 4]);
        text.Append("0123456789abcdef"u8[last & 15]);
    }

    private static void AppendList(ReadOnlySpan<ushort> values, ByteBuffer text)
    {
        bool isFirst = true;
        foreach (ushort value in values)
        {
            if (TlsTables.IsGrease(value))
            {
                continue;
            }

            if (!isFirst)
            {
                text.Append((byte)'-');
            }

            isFirst = false;
            AppendNumber(value, text);
        }
    }

    private static void AppendTwo(int count, ByteBuffer text)
    {
        int shown = Math.Min(count, 99);
        text.Append((byte)('0' + (shown / 10)));
        text.Append((byte)('0' + (shown % 10)));
    }

    private static void AppendNumber(int number, ByteBuffer text)
    {
        number.TryFormat(text.Reserve(11), out int written, default, CultureInfo.InvariantCulture);
        text.Commit(written);
    }

    private static Slice AppendHex(ReadOnlySpan<byte> bytes, ByteBuffer text)
    {
        int start = text.Length;
        foreach (byte value in bytes)
        {
            text.Append("0123456789abcdef"u8[value >> 4]);
            text.Append("0123456789abcdef"u8[value & 15]);
        }

        return new Slice(start, text.Length - start);
    }
}
