using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Dns;

/// <summary>DNS over UDP and TCP (RFC 1035 §4.2), and what shares its format (mDNS, RFC 6762).</summary>
/// <remarks>A datagram is a message; on TCP two bytes of length stand before each. A message that cannot be read is skipped and counted.</remarks>
internal sealed class DnsParser : PooledState<DnsTransaction>
{
    private bool _toServerLost;
    private bool _toClientLost;

    private readonly bool _ignoresDirection;

    /// <summary>A resolver has few questions open at once on one pair of ports.</summary>
    private const int MaxSilenced = 16;

    /// <summary>Ids of requests whose answers are not logged; of more than <see cref="MaxSilenced"/> the oldest is forgotten.</summary>
    private readonly ushort[] _silenced = new ushort[MaxSilenced];
    private int _silencedCount;
    private int _silencedNext;

    /// <param name="protocol">DNS or mDNS.</param>
    /// <param name="ignoresDirection">Requests and responses travel either way (mDNS).</param>
    public DnsParser(Protocol protocol, bool ignoresDirection = false)
        : base(protocol, DnsLimits.MaxTransactions) => _ignoresDirection = ignoresDirection;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (context.Flow.Key.Protocol != IpProtocols.Tcp)
        {
            ReadMessage(input, context.OpenFrame(DnsFrames.Pdu, 0, input.Length), in context);
            return ParseResult.Done(input.Length);
        }

        int consumed = 0;
        if (IsLost(context.Direction) && !TryResync(input, context.Direction, ref consumed))
        {
            return ParseResult.Done(input.Length);
        }

        while (consumed + 2 <= input.Length)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(input[consumed..]);
            if (consumed + 2 + length > input.Length)
            {
                return ParseResult.NeedMore(consumed, 2 + length);
            }

            if (length > 0)
            {
                ReadMessage(input.Slice(consumed + 2, length), context.OpenFrame(DnsFrames.Pdu, consumed + 2, length), in context);
            }

            consumed += 2 + length;
        }

        return consumed == input.Length ? ParseResult.Done(consumed) : ParseResult.NeedMore(consumed, 2);
    }

    public override void OnGap(long bytes, in ParseContext context) => SetLost(context.Direction, true);

    public override void Release(Transaction transaction)
    {
        if (transaction is DnsTransaction { IsRequest: true, LoggedMask: uint.MaxValue } silenced)
        {
            _silenced[_silencedNext] = silenced.MessageId;
            _silencedNext = (_silencedNext + 1) % MaxSilenced;
            _silencedCount = Math.Min(_silencedCount + 1, MaxSilenced);
        }

        base.Release(transaction);
    }

    public override void Reset()
    {
        base.Reset();
        _toServerLost = false;
        _toClientLost = false;
        _silencedCount = _silencedNext = 0;
    }

    /// <summary>What a rule said of a request (<c>config: logging disable</c>) goes for its answer, which is a transaction of its own.</summary>
    private bool IsSilenced(DnsTransaction answer)
    {
        uint key = KeyOf(answer.MessageId);
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            if (Transactions[i].LoggedMask == uint.MaxValue)
            {
                return true;
            }
        }

        return _silenced.AsSpan(0, _silencedCount).Contains(answer.MessageId);
    }

    /// <summary>The <see cref="Transaction.Key"/> of a request; answers have none.</summary>
    private static uint KeyOf(ushort messageId) => messageId + 1u;

    private bool IsLost(Direction direction) => direction == Direction.ToServer ? _toServerLost : _toClientLost;

    private void SetLost(Direction direction, bool isLost)
    {
        if (direction == Direction.ToServer)
        {
            _toServerLost = isLost;
        }
        else
        {
            _toClientLost = isLost;
        }
    }

    /// <summary>After lost bytes a message is recognised at the start of a segment.</summary>
    private bool TryResync(ReadOnlySpan<byte> input, Direction direction, ref int consumed)
    {
        if (input.Length < 2 + DnsMessage.HeaderBytes || !DnsMessage.IsPlausible(input[2..], out _))
        {
            return false;
        }

        SetLost(direction, false);
        consumed = 0;
        return true;
    }

    private void ReadMessage(ReadOnlySpan<byte> message, uint frame, in ParseContext context)
    {
        DnsTransaction transaction = Rent();
        transaction.Reset();
        if (!DnsMessage.TryRead(message, transaction))
        {
            base.Release(transaction);
            return;
        }

        bool toServer = context.Direction == Direction.ToServer;
        transaction.IsRequest = _ignoresDirection ? !transaction.IsResponseBit : toServer;
        transaction.Directions = toServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        if (!_ignoresDirection && toServer == transaction.IsResponseBit)
        {
            transaction.Raise(toServer ? DnsAnomaly.NotRequest : DnsAnomaly.NotResponse);
        }

        transaction.Key = transaction.IsRequest ? KeyOf(transaction.MessageId) : 0;
        if (!transaction.IsRequest && IsSilenced(transaction))
        {
            transaction.LoggedMask = uint.MaxValue;
        }

        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
        Add(transaction);

        // Suricata counts the transactions of frames from 1.
        context.Frames?.SetTransaction(frame, transaction.Id + 1);
    }
}
