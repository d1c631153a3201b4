namespace BridgeGuard.Engine.Protocols.Tls;

/// <summary>Handshake messages: put together across records, then read.</summary>
internal sealed partial class TlsParser
{
    private const int MessageHeaderBytes = 4;

    /// <summary>
    /// Handshake messages that are sent in the clear, a bit for each type (RFC 5246 §7.4, RFC 4507 §3.3, RFC 6066 §7 and §8): 0 to 2, 4, 11 to 16, 20 to 22.
    /// </summary>
    private const int ClearMessageTypes = 0b0111_0001_1111_1000_0001_0111;

    /// <summary>Reads all messages that end in this record; false when one is beyond the limit.</summary>
    private bool ReadHandshakes(ReadOnlySpan<byte> body, Side side, bool toServer)
    {
        TlsTransaction transaction = _transaction!;
        if (side.Handshake.Length > 0)
        {
            side.Handshake.Append(body);
            int used = ReadMessages(side.Handshake.Span, side, toServer, transaction);
            side.Handshake.RemoveFront(Math.Min(used, side.Handshake.Length));
        }
        else
        {
            int used = ReadMessages(body, side, toServer, transaction);
            if (used < body.Length && !side.IsEncrypted)
            {
                side.Handshake.Append(body[used..]);
            }
        }

        if (side.Handshake.Length <= TlsLimits.MaxHandshakeBytes)
        {
            return true;
        }

        transaction.Raise(TlsAnomaly.HandshakeInvalidLength);
        return false;
    }

    private static int ReadMessages(ReadOnlySpan<byte> bytes, Side side, bool toServer, TlsTransaction transaction)
    {
        int at = 0;
        while (bytes.Length - at >= MessageHeaderBytes && !side.IsEncrypted)
        {
            if (bytes[at] > 22 || (ClearMessageTypes >> bytes[at] & 1) == 0)
            {
                transaction.Raise(TlsAnomaly.InvalidHandshakeMessage);
                return bytes.Length;
            }

            int length = (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
            if (length > TlsLimits.MaxHandshakeBytes)
            {
                transaction.Raise(TlsAnomaly.HandshakeInvalidLength);
                return bytes.Length;
            }

            if (length > bytes.Length - at - MessageHeaderBytes)
            {
                break;
            }

            ReadMessage(bytes[at], bytes.Slice(at + MessageHeaderBytes, length), side, toServer, transaction);
            at += MessageHeaderBytes + length;
        }

        return at;
    }

    private static void ReadMessage(byte type, ReadOnlySpan<byte> body, Side side, bool toServer, TlsTransaction transaction)
    {
        switch (type)
        {
            case TlsTables.ClientHello when toServer && !transaction.Client.IsSeen:
                OnClientHello(body, transaction);
                break;
            case TlsTables.ServerHello when !toServer:
                OnServerHello(body, side, transaction);
                break;
            case TlsTables.Certificate:
                OnCertificate(body, toServer, transaction);
                break;
            case TlsTables.CertificateRequest when !toServer:
                transaction.WantsClientCertificate = true;
                break;
            case TlsTables.ServerHelloDone when !toServer:
                Advance(transaction, false, TlsProgress.ServerHelloDone);
                break;
        }
    }

    private static void OnClientHello(ReadOnlySpan<byte> body, TlsTransaction transaction)
    {
        transaction.Client.IsSeen = true;
        if (!TlsHelloReader.TryReadClient(body, transaction))
        {
            transaction.Raise(TlsAnomaly.HandshakeInvalidLength);
        }

        if (transaction.Version == 0)
        {
            transaction.Version = TlsTables.IsTls13(transaction.Client.SupportedVersion) ? transaction.Client.SupportedVersion : transaction.Client.Version;
        }

        Advance(transaction, true, TlsProgress.ClientHelloDone);
    }

    private static void OnServerHello(ReadOnlySpan<byte> body, Side side, TlsTransaction transaction)
    {
        TlsHello hello = transaction.Server;
        if (hello.IsSeen)
        {
            // After a HelloRetryRequest the real one counts.
            hello.Reset();
        }

        hello.IsSeen = true;
        if (!TlsHelloReader.TryReadServer(body, transaction))
        {
            transaction.Raise(TlsAnomaly.HandshakeInvalidLength);
        }

        transaction.Version = hello.SupportedVersion != 0 ? hello.SupportedVersion : hello.Version;
        Advance(transaction, false, TlsProgress.ServerHello);
        if (TlsTables.IsTls13(transaction.Version) && !IsRetryRequest(hello))
        {
            // The rest of the server's handshake is encrypted.
            side.IsEncrypted = true;
        }
    }

    /// <summary>RFC 8446 §4.1.3: SHA-256 of "HelloRetryRequest" stands for the random.</summary>
    private static bool IsRetryRequest(TlsHello hello) => hello.Random.Span.StartsWith((ReadOnlySpan<byte>)[0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11]);

    private static void OnCertificate(ReadOnlySpan<byte> body, bool toServer, TlsTransaction transaction)
    {
        TlsCertificate certificate = transaction.Certificate(toServer);
        if (certificate.ChainLength == 0)
        {
            ReadChain(body, certificate, transaction);
        }

        Advance(transaction, toServer, toServer ? TlsProgress.ClientCertificateDone : TlsProgress.ServerCertificateDone);
    }

    private static void ReadChain(ReadOnlySpan<byte> body, TlsCertificate certificate, TlsTransaction transaction)
    {
        ReadOnlySpan<byte> rest = body;
        if (!TlsHelloReader.TryTake(ref rest, 3, out ReadOnlySpan<byte> list))
        {
            return;
        }

        bool isFirst = true;
        while (!list.IsEmpty)
        {
            if (!TlsHelloReader.TryTake(ref list, 3, out ReadOnlySpan<byte> der))
            {
                transaction.Raise(TlsAnomaly.InvalidCertificate);
                return;
            }

            certificate.AddCertificate(der);
            if (isFirst)
            {
                isFirst = false;
                ReadFirst(der, certificate, transaction);
            }
        }
    }

    private static void ReadFirst(ReadOnlySpan<byte> der, TlsCertificate certificate, TlsTransaction transaction)
    {
        if (TlsCertificateReader.Read(der, certificate, out bool tooManyNames) is { } problem)
        {
            transaction.Raise(problem);
        }

        if (tooManyNames)
        {
            transaction.Raise(TlsAnomaly.TooManySubjectAlternativeNames);
        }
    }
}
