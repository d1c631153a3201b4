using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Reads ClientHello and ServerHello (RFC 8446 §4.1, RFC 5246 §7.4.1) and SSLv2's CLIENT-HELLO (RFC 6101 appendix E).</summary>
internal static class TlsHelloReader
{
    /// <summary>Before the names of a server name extension.</summary>
    private const int ListLengthBytes = 2;

    private const int RandomBytes = 32;

    /// <summary>Reads the body of a ClientHello; false when its lengths contradict one another (what came before is kept).</summary>
    public static bool TryReadClient(ReadOnlySpan<byte> body, TlsTransaction transaction)
    {
        TlsHello hello = transaction.Client;
        if (!TryReadStart(ref body, hello) || !TryTake(ref body, 2, out ReadOnlySpan<byte> ciphers))
        {
            return false;
        }

        for (int i = 0; i + 1 < ciphers.Length; i += 2)
        {
            hello.Ciphers.Add(BinaryPrimitives.ReadUInt16BigEndian(ciphers[i..]));
        }

        if (!TryTake(ref body, 1, out _))
        {
            return false;
        }

        return body.Length < 2 || TryReadExtensions(body, hello, transaction, isClient: true);
    }

    public static bool TryReadServer(ReadOnlySpan<byte> body, TlsTransaction transaction)
    {
        TlsHello hello = transaction.Server;
        ushort version = body.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(body) : (ushort)0;

        // Drafts of TLS 1.3 up to 21 had neither session id nor compression here.
        bool isShort = version >> 8 == 0x7f;
        if (!isShort)
        {
            if (!TryReadStart(ref body, hello))
            {
                return false;
            }
        }
        else
        {
            hello.Version = version;
            if (body.Length < 2 + RandomBytes)
            {
                return false;
            }

            hello.Random.Append(body.Slice(2, RandomBytes));
            body = body[(2 + RandomBytes)..];
        }

        if (body.Length < 2)
        {
            return false;
        }

        hello.Ciphers.Add(BinaryPrimitives.ReadUInt16BigEndian(body));
        body = body[2..];
        if (!isShort)
        {
            if (body.IsEmpty)
            {
                return false;
            }

            body = body[1..];
        }

        return body.Length < 2 || TryReadExtensions(body, hello, transaction, isClient: false);
    }

    private static bool TryReadStart(ref ReadOnlySpan<byte> body, TlsHello hello)
    {
        if (body.Length < 2 + RandomBytes)
        {
            return false;
        }

        hello.Version = BinaryPrimitives.ReadUInt16BigEndian(body);
        hello.Random.Append(body.Slice(2, RandomBytes));
        body = body[(2 + RandomBytes)..];
        if (!TryTake(ref body, 1, out ReadOnlySpan<byte> session))
        {
            return false;
        }

        hello.SessionId.Append(session);
        return true;
    }

    private static bool TryReadExtensions(ReadOnlySpan<byte> body, TlsHello hello, TlsTransaction transaction, bool isClient)
    {
        if (!TryTake(ref body, 2, out ReadOnlySpan<byte> list))
        {
            return false;
        }

        bool isSound = true;
        while (list.Length >= 4)
        {
            ushort type = BinaryPrimitives.ReadUInt16BigEndian(list);
            list = list[2..];
            if (!TryTake(ref list, 2, out ReadOnlySpan<byte> data))
            {
                return false;
            }

            hello.Extensions.Add(type);
            isSound &= data.IsEmpty || TryReadExtension(type, data, hello, transaction, isClient);
        }

        return list.IsEmpty && isSound;
    }

    /// <summary>False when the lengths within the extension do not fit it.</summary>
    private static bool TryReadExtension(ushort type, ReadOnlySpan<byte> data, TlsHello hello, TlsTransaction transaction, bool isClient)
    {
        switch (type)
        {
            case TlsTables.ServerName when isClient:
                return TryReadServerName(data, hello, transaction);
            case TlsTables.SupportedGroups:
                return TryReadCodes(data, 2, hello.Groups);
            case TlsTables.SignatureAlgorithms:
                return TryReadCodes(data, 2, hello.SignatureAlgorithms);
            case TlsTables.PointFormats:
                if (!TryTake(ref data, 1, out ReadOnlySpan<byte> formats))
                {
                    return false;
                }

                foreach (byte format in formats)
                {
                    hello.PointFormats.Add(format);
                }

                return true;
            case TlsTables.Alpn:
                return TryReadAlpn(data, hello);
            case TlsTables.SupportedVersions:
                return TryReadVersions(data, hello, isClient);
            default:
                return true;
        }
    }

    private static bool TryReadCodes(ReadOnlySpan<byte> data, int lengthBytes, CodeList codes)
    {
        if (!TryTake(ref data, lengthBytes, out ReadOnlySpan<byte> list))
        {
            return false;
        }

        for (int i = 0; i + 1 < list.Length; i += 2)
        {
            codes.Add(BinaryPrimitives.ReadUInt16BigEndian(list[i..]));
        }

        return list.Length % 2 == 0;
    }

    /// <summary>RFC 6066 §3: a list of typed names, of which one is ever sent. What the list says of its own length is not looked at.</summary>
    private static bool TryReadServerName(ReadOnlySpan<byte> data, TlsHello hello, TlsTransaction transaction)
    {
        if (hello.Sni.Exists)
        {
            transaction.Raise(TlsAnomaly.MultipleSniExtensions);
            return true;
        }

        if (data.Length <= ListLengthBytes)
        {
            return false;
        }

        byte type = data[ListLengthBytes];
        data = data[(ListLengthBytes + 1)..];
        if (type != 0)
        {
            transaction.Raise(TlsAnomaly.InvalidSniType);
            return true;
        }

        if (!TryTake(ref data, 2, out ReadOnlySpan<byte> name) || name.IsEmpty)
        {
            transaction.Raise(TlsAnomaly.InvalidSniLength);
            return true;
        }

        hello.Sni = hello.Text.Append(name);
        return true;
    }

    private static bool TryReadAlpn(ReadOnlySpan<byte> data, TlsHello hello)
    {
        hello.HasAlpnExtension = true;
        if (!TryTake(ref data, 2, out ReadOnlySpan<byte> list))
        {
            return false;
        }

        while (TryTake(ref list, 1, out ReadOnlySpan<byte> name))
        {
            if (!name.IsEmpty)
            {
                hello.AddAlpn(name);
            }
        }

        return list.IsEmpty;
    }

    private static bool TryReadVersions(ReadOnlySpan<byte> data, TlsHello hello, bool isClient)
    {
        if (!isClient)
        {
            hello.SupportedVersion = data.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(data) : (ushort)0;
            hello.SupportedVersions.Add(hello.SupportedVersion);
            return data.Length >= 2;
        }

        if (!TryTake(ref data, 1, out ReadOnlySpan<byte> list))
        {
            return false;
        }

        for (int i = 0; i + 1 < list.Length; i += 2)
        {
            ushort version = BinaryPrimitives.ReadUInt16BigEndian(list[i..]);
            hello.SupportedVersions.Add(version);
            if (!TlsTables.IsGrease(version) && hello.SupportedVersion == 0)
            {
                hello.SupportedVersion = version;
            }
        }

        return true;
    }

    /// <summary>A field with its length before it.</summary>
    public static bool TryTake(ref ReadOnlySpan<byte> rest, int lengthBytes, out ReadOnlySpan<byte> field)
    {
        field = default;
        if (rest.Length < lengthBytes)
        {
            return false;
        }

        int length = 0;
        for (int i = 0; i < lengthBytes; i++)
        {
            length = (length << 8) | rest[i];
        }

        if (length > rest.Length - lengthBytes)
        {
            return false;
        }

        field = rest.Slice(lengthBytes, length);
        rest = rest[(lengthBytes + length)..];
        return true;
    }
}
