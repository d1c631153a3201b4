using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Rdp;

/// <summary>Reads the connection sequence; after the server's MCS answer, or within TLS, the session is opaque.</summary>
/// <remarks>
/// RFC 1006 TPKT and X.224 §13 in front of every message:
/// <code>
///  |  version 3 (1)  |  reserved (1)  |  length of all (2)  |  X.224: length (1)  |  code (1)  |  …
/// </code>
/// </remarks>
internal sealed class RdpParser(RdpProtocol protocol) : PooledState<RdpTransaction>(protocol, RdpLimits.MaxTransactions)
{
    public const int X224HeaderBytes = 7;
    public const byte TpktVersion = 3;
    public const byte ConnectionRequest = 0xe0;
    public const byte ConnectionConfirm = 0xd0;
    private const byte Data = 0xf0;
    private const byte TlsHandshake = 22;
    private const int TpktHeaderBytes = 4;

    private readonly RdpTlsReader _tls = new();
    private bool _isClientOpaque;
    private bool _isServerOpaque;

    public override bool IsEncrypted => _isClientOpaque && _isServerOpaque;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int consumed = 0;
        while (consumed < input.Length)
        {
            if (context.Direction == Direction.ToServer ? _isClientOpaque : _isServerOpaque)
            {
                return ParseResult.Done(input.Length);
            }

            ReadOnlySpan<byte> rest = input[consumed..];
            int used = rest[0] switch
            {
                TpktVersion => ReadTpkt(rest, context.Direction, out int needed) is var length && length == 0 ? -needed : length,
                TlsHandshake => ReadTls(rest, context.Direction),
                _ => BecomeOpaque(context.Direction, rest.Length),
            };
            if (used <= 0)
            {
                return ParseResult.NeedMore(consumed, -used);
            }

            consumed += used;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _tls.Reset();
        _isClientOpaque = false;
        _isServerOpaque = false;
    }

    /// <summary>What is no message of the sequence ends the reading of its direction.</summary>
    private int BecomeOpaque(Direction direction, int length)
    {
        _isClientOpaque |= direction == Direction.ToServer;
        _isServerOpaque |= direction == Direction.ToClient;
        return length;
    }

    private int ReadTpkt(ReadOnlySpan<byte> rest, Direction direction, out int needed)
    {
        needed = TpktHeaderBytes;
        if (rest.Length < TpktHeaderBytes)
        {
            return 0;
        }

        needed = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
        if (needed < X224HeaderBytes)
        {
            return BecomeOpaque(direction, rest.Length);
        }

        if (rest.Length < needed)
        {
            return 0;
        }

        ReadX224(rest[TpktHeaderBytes..needed], direction);
        return needed;
    }

    private void ReadX224(ReadOnlySpan<byte> message, Direction direction)
    {
        byte code = (byte)(message[1] & 0xf0);
        RdpTransaction transaction = Rent();
        bool isRead = code switch
        {
            ConnectionRequest when direction == Direction.ToServer => RdpMessages.ReadConnectionRequest(message, transaction),
            ConnectionConfirm when direction == Direction.ToClient => RdpMessages.ReadConnectionConfirm(message, transaction),
            Data when direction == Direction.ToServer => RdpMessages.ReadConnectInitial(message, transaction),
            Data => RdpMessages.ReadConnectResponse(message, transaction),
            _ => false,
        };
        if (!isRead)
        {
            Release(transaction);
            return;
        }

        AddMessage(transaction, direction);
        if (transaction.Kind == RdpKind.ConnectResponse)
        {
            _isClientOpaque = true;
            _isServerOpaque = true;
        }
    }

    /// <summary>The server's certificates are all that can be read of TLS; 0 or less: the bytes needed, negative.</summary>
    private int ReadTls(ReadOnlySpan<byte> rest, Direction direction)
    {
        if (direction == Direction.ToServer)
        {
            return BecomeOpaque(direction, rest.Length);
        }

        int used = _tls.ReadRecord(rest, out bool isOver);
        if (_tls.HasCertificates)
        {
            RdpTransaction transaction = Rent();
            transaction.Kind = RdpKind.TlsHandshake;
            _tls.CopySerials(transaction);
            AddMessage(transaction, direction);
        }

        return isOver ? BecomeOpaque(direction, rest.Length) : used;
    }
}
