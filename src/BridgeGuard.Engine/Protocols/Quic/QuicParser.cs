using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Tls;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>QUIC up to the hellos of both sides: headers, Initial packets opened, CRYPTO frames put together (RFC 9000, RFC 9001).</summary>
/// <remarks>
/// Keys of Initial packets follow from the client's first connection id, so anyone on the path can open them; what comes later is opaque. A
/// direction is not looked at any more once its hello was seen. Skipped on purpose: connection migration, later key phases, 0-RTT.
/// </remarks>
internal sealed partial class QuicParser : PooledState<QuicTransaction>
{
    private readonly Stack<TlsTransaction> _hellos = new();
    private readonly QuicKeys _clientKeys = new();
    private readonly QuicKeys _serverKeys = new();
    private readonly QuicCryptoStream _toServer = new();
    private readonly QuicCryptoStream _toClient = new();
    private readonly byte[] _open = new byte[ushort.MaxValue + 1];
    private bool _hasKeys;
    private bool _clientDone;
    private bool _serverDone;
    private bool _hasRetried;

    public QuicParser(Protocol protocol)
        : base(protocol, QuicLimits.MaxTransactions)
    {
    }

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        ReadOnlySpan<byte> rest = input;
        for (int packets = 0; packets < QuicLimits.MaxPacketsPerDatagram && !rest.IsEmpty; packets++)
        {
            if ((toServer ? _clientDone : _serverDone) || !QuicHeader.TryRead(rest, out QuicHeader header) || header.Type == QuicPacketType.Short)
            {
                break;
            }

            if (!ReadPacket(header, rest[..header.End], in context))
            {
                break;
            }

            rest = rest[header.End..];
        }

        return ParseResult.Done(input.Length);
    }

    public override void Release(Transaction transaction)
    {
        var released = (QuicTransaction)transaction;
        if (released.Hello is { } hello)
        {
            hello.Reset();
            _hellos.Push(hello);
        }

        base.Release(released);
    }

    public override void Reset()
    {
        base.Reset();
        _hasKeys = false;
        _clientDone = false;
        _serverDone = false;
        _hasRetried = false;
        _toServer.Reset();
        _toClient.Reset();
    }

    /// <summary>False when the rest of the datagram cannot be trusted.</summary>
    private bool ReadPacket(in QuicHeader header, ReadOnlySpan<byte> packet, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        if (header.Type == QuicPacketType.Retry && !toServer && !_hasRetried)
        {
            // The client starts anew, with the connection id that the server gives it; it heeds one such packet (RFC 9000 §17.2.5.2).
            _hasRetried = true;
            _hasKeys = false;
            _clientDone = false;
            _toServer.Reset();
        }

        if (header.Type != QuicPacketType.Initial)
        {
            NewTransaction(header.Version, context.Direction);
            return true;
        }

        if (QuicVersions.IsOpenGoogle(header.Version))
        {
            QuicTransaction open = NewTransaction(header.Version, context.Direction);
            ReadGoogleFrames(packet[header.Length..], open);
            return true;
        }

        if (!_hasKeys)
        {
            _hasKeys = QuicKeys.TryDerive(header.Version, header.Destination, _clientKeys, _serverKeys);
        }

        QuicTransaction transaction = NewTransaction(header.Version, context.Direction);
        if (!_hasKeys)
        {
            return true;
        }

        if (!(toServer ? _clientKeys : _serverKeys).TryOpen(packet, header.Length, _open, out Range frames))
        {
            transaction.Raise(QuicAnomaly.FailedDecrypt);
            return false;
        }

        if (!TryReadFrames(_open.AsSpan(frames), toServer ? _toServer : _toClient, transaction))
        {
            transaction.Raise(QuicAnomaly.ErrorOnData);
            return false;
        }

        TakeHello(toServer ? _toServer : _toClient, transaction, toServer);
        return true;
    }

    /// <summary>The frames that Initial packets may carry (RFC 9000 §12.4).</summary>
    private static bool TryReadFrames(ReadOnlySpan<byte> data, QuicCryptoStream crypto, QuicTransaction transaction)
    {
        int at = 0;
        while (at < data.Length)
        {
            byte type = data[at];
            switch (type)
            {
                case 0 or 1:
                    // PADDING by the hundred, PING.
                    int end = data[at..].IndexOfAnyExcept(type);
                    at = end < 0 ? data.Length : at + end;
                    break;
                case 2 or 3:
                    at++;
                    if (!TrySkipAck(data, ref at, type == 3))
                    {
                        return false;
                    }

                    break;
                case 6:
                    at++;
                    if (!QuicHeader.TryReadNumber(data, ref at, out ulong offset) || !QuicHeader.TryReadNumber(data, ref at, out ulong length)
                        || length > (ulong)(data.Length - at))
                    {
                        return false;
                    }

                    if (!crypto.TryAdd(offset, data.Slice(at, (int)length)))
                    {
                        transaction.Raise(QuicAnomaly.CryptoFragTooLong);
                    }

                    at += (int)length;
                    break;
                case 0x1c or 0x1d:
                    at++;
                    if (!TrySkipClose(data, ref at, hasFrameType: type == 0x1c))
                    {
                        return false;
                    }

                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static bool TrySkipAck(ReadOnlySpan<byte> data, ref int at, bool hasCounts)
    {
        if (!QuicHeader.TryReadNumber(data, ref at, out _) || !QuicHeader.TryReadNumber(data, ref at, out _)
            || !QuicHeader.TryReadNumber(data, ref at, out ulong ranges) || ranges > (ulong)data.Length)
        {
            return false;
        }

        // The first range, then pairs of gap and range, then three counts.
        int numbers = 1 + (2 * (int)ranges) + (hasCounts ? 3 : 0);
        for (int i = 0; i < numbers; i++)
        {
            if (!QuicHeader.TryReadNumber(data, ref at, out _))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TrySkipClose(ReadOnlySpan<byte> data, ref int at, bool hasFrameType)
    {
        if (!QuicHeader.TryReadNumber(data, ref at, out _) || (hasFrameType && !QuicHeader.TryReadNumber(data, ref at, out _))
            || !QuicHeader.TryReadNumber(data, ref at, out ulong reason) || reason > (ulong)(data.Length - at))
        {
            return false;
        }

        at += (int)reason;
        return true;
    }

    private void TakeHello(QuicCryptoStream crypto, QuicTransaction transaction, bool toServer)
    {
        ReadOnlySpan<byte> bytes = crypto.Contiguous;
        if (bytes.Length < 4)
        {
            return;
        }

        int length = (bytes[1] << 16) | (bytes[2] << 8) | bytes[3];
        if (bytes.StartsWith("CHLO"u8) && toServer)
        {
            if (QuicChlo.TryRead(bytes, transaction))
            {
                _clientDone = true;
            }

            return;
        }

        if (length > bytes.Length - 4)
        {
            if (length > QuicLimits.MaxCryptoBytes)
            {
                transaction.Raise(QuicAnomaly.CryptoFragTooLong);
            }

            return;
        }

        ReadOnlySpan<byte> body = bytes.Slice(4, length);
        if (bytes[0] != (toServer ? TlsTables.ClientHello : TlsTables.ServerHello))
        {
            transaction.Raise(QuicAnomaly.ErrorOnData);
            return;
        }

        TlsTransaction hello = _hellos.TryPop(out TlsTransaction? pooled) ? pooled : new TlsTransaction();
        hello.Reset();
        hello.Transport = TlsFingerprints.QuicTransport;
        bool isRead = toServer ? TlsHelloReader.TryReadClient(body, hello) : TlsHelloReader.TryReadServer(body, hello);
        hello.Hello(toServer).IsSeen = true;
        transaction.Hello = hello;
        if (!isRead)
        {
            transaction.Raise(QuicAnomaly.ErrorOnData);
        }

        if (toServer)
        {
            if (hello.Client.Sni.Exists)
            {
                transaction.Sni = transaction.Text.Append(hello.Client.Text[hello.Client.Sni]);
            }

            _clientDone = true;
        }
        else
        {
            _serverDone = true;
        }

        crypto.Reset();
    }

    private QuicTransaction NewTransaction(uint version, Direction direction)
    {
        QuicTransaction transaction = Rent();
        transaction.Reset();
        transaction.Version = version;
        transaction.Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        Add(transaction);
        return transaction;
    }
}
