using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Mqtt;

/// <summary>The control packets of one connection, put together into exchanges by their message ids.</summary>
/// <remarks>
/// A message longer than <see cref="MqttLimits.MaxMessageBytes"/> is named and passed over. After a message that cannot be read there is no way
/// to find the next one: parsing ends.
/// </remarks>
internal sealed class MqttParser(MqttProtocol protocol, MqttLimits limits) : PooledState<MqttTransaction>(protocol)
{
    private bool _isConnected;
    private byte _version;
    private long _skipToServer;
    private long _skipToClient;

    public override int MaxTailBytes => Math.Max(limits.MaxMessageBytes + 1 + MqttLimits.MaxLengthBytes, base.MaxTailBytes);

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int consumed = 0;
        ref long skip = ref context.Direction == Direction.ToServer ? ref _skipToServer : ref _skipToClient;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (skip > 0)
            {
                int skipped = (int)Math.Min(skip, rest.Length);
                skip -= skipped;
                consumed += skipped;
                continue;
            }

            if (!MqttReader.TryReadLength(rest[1..], out uint length, out int lengthBytes))
            {
                return lengthBytes < 0 ? Malformed(context.Direction) : ParseResult.NeedMore(consumed, rest.Length + 1);
            }

            MqttMessage message = MqttMessage.Create((MqttType)(rest[0] >> 4), (byte)(rest[0] & 15));
            int header = 1 + lengthBytes;
            bool isWhole = rest.Length - header >= length;
            if (length > limits.MaxMessageBytes)
            {
                message.IsTruncated = true;
                message.SkippedLength = header + (long)length;
                skip = length;
                consumed += header;

                // As in Suricata, which counts it to the client's direction whoever sent it.
                MqttTransaction shortened = Begin(Direction.ToClient);
                shortened.Add(message);
                shortened.Complete();
                continue;
            }

            if (!isWhole)
            {
                return ParseResult.NeedMore(consumed, header + (int)length);
            }

            if (!Take(rest.Slice(header, (int)length), message, context.Direction))
            {
                return Malformed(context.Direction);
            }

            OpenFrames(consumed, header + (long)length, length, in context);
            consumed += header + (int)length;
        }

        return ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _isConnected = false;
        _version = 0;
        _skipToServer = 0;
        _skipToClient = 0;
    }

    /// <summary>
    /// Header and data split behind two bytes, as Suricata has it, though the length may take more; where several messages come at once it places
    /// them at the first, and only what is called the PDU at its own.
    /// </summary>
    private static void OpenFrames(int at, long whole, long data, in ParseContext context)
    {
        context.OpenFrame(MqttFrames.Pdu, at, whole);
        context.OpenFrame(MqttFrames.Header, 0, MqttFrames.HeaderBytes);
        context.OpenFrame(MqttFrames.Data, MqttFrames.HeaderBytes, data);
    }

    /// <summary>False when the message cannot be read.</summary>
    private bool Take(ReadOnlySpan<byte> body, MqttMessage message, Direction direction)
    {
        // The body is read into the transaction it belongs to, which its message id tells: that stands at a fixed place in acknowledgements.
        MqttTransaction? known = message.Type switch
        {
            MqttType.ConnAck => FindConnect(),
            MqttType.PubAck or MqttType.PubRec or MqttType.PubRel or MqttType.PubComp or MqttType.SubAck or MqttType.UnsubAck
                when body.Length >= 2 => FindById((body[0] << 8) | body[1]),
            _ => null,
        };

        if (known is not null && known.MessageCount >= limits.MaxMessages && message.Type is not (MqttType.ConnAck or MqttType.SubAck or MqttType.UnsubAck))
        {
            known.Raise(MqttAnomaly.TooManyMessages);
            if (message.Type is MqttType.PubAck or MqttType.PubComp)
            {
                known.Complete();
            }

            return true;
        }

        MqttTransaction transaction = known ?? New();
        if (!MqttReader.TryRead(body, ref message, transaction, _version, out bool tooManyProperties))
        {
            if (known is null)
            {
                Release(transaction);
            }

            return false;
        }

        if (message.Type == MqttType.Connect)
        {
            _version = message.ProtocolVersion;
        }

        transaction.ProtocolVersion = _version;
        transaction.Add(message);
        if (known is null)
        {
            Enlist(transaction, direction);
        }

        if (tooManyProperties)
        {
            transaction.Raise(MqttAnomaly.TooManyProperties);
        }

        if (message.Qos == 3)
        {
            transaction.Raise(MqttAnomaly.InvalidQosLevel);
        }

        if (!_isConnected && message.Type is not (MqttType.Connect or MqttType.ConnAck or MqttType.Unassigned))
        {
            transaction.Raise(MqttAnomaly.UnintroducedMessage);
        }

        Advance(transaction, message, known is not null);
        return true;
    }

    /// <summary>What a message means for its exchange.</summary>
    private void Advance(MqttTransaction transaction, in MqttMessage message, bool isKnown)
    {
        switch (message.Type)
        {
            case MqttType.Connect:
                if (_isConnected)
                {
                    transaction.Raise(MqttAnomaly.DoubleConnect);
                }

                return;
            case MqttType.Publish or MqttType.Subscribe or MqttType.Unsubscribe when message.Qos != 0:
                if (message.MessageId < 0)
                {
                    transaction.Raise(MqttAnomaly.MissingMessageId);
                    break;
                }

                return;
            case MqttType.ConnAck:
                RaiseUnless(isKnown, transaction, MqttAnomaly.MissingConnect);
                _isConnected |= isKnown;
                break;
            case MqttType.PubAck or MqttType.PubComp:
                RaiseUnless(isKnown, transaction, MqttAnomaly.MissingPublish);
                break;
            case MqttType.PubRec or MqttType.PubRel:
                RaiseUnless(isKnown, transaction, MqttAnomaly.MissingPublish);
                if (isKnown)
                {
                    return;
                }

                break;
            case MqttType.SubAck:
                RaiseUnless(isKnown, transaction, MqttAnomaly.MissingSubscribe);
                break;
            case MqttType.UnsubAck:
                RaiseUnless(isKnown, transaction, MqttAnomaly.MissingUnsubscribe);
                break;
            case MqttType.Unassigned:
                transaction.Raise(MqttAnomaly.UnassignedMessageType);
                break;
        }

        transaction.Complete();
    }

    private static void RaiseUnless(bool isKnown, MqttTransaction transaction, MqttAnomaly anomaly)
    {
        if (!isKnown)
        {
            transaction.Raise(anomaly);
        }
    }

    private ParseResult Malformed(Direction direction)
    {
        MqttTransaction transaction = Begin(direction);
        transaction.Raise(MqttAnomaly.MalformedTraffic);
        transaction.Complete();
        return ParseResult.Stop();
    }

    private MqttTransaction? FindConnect() => Find(MqttTransaction.ConnectKey);

    private MqttTransaction? FindById(int id) => Find(MqttTransaction.KeyOf(id));

    private MqttTransaction? Find(uint key)
    {
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            var transaction = (MqttTransaction)Transactions[i];
            if (!transaction.IsComplete)
            {
                transaction.Touch();
                return transaction;
            }
        }

        return null;
    }

    private MqttTransaction Begin(Direction direction)
    {
        MqttTransaction transaction = New();
        transaction.ProtocolVersion = _version;
        Enlist(transaction, direction);
        return transaction;
    }

    private MqttTransaction New()
    {
        MqttTransaction transaction = Rent();
        transaction.Limits = limits;
        return transaction;
    }

    private void Enlist(MqttTransaction transaction, Direction direction)
    {
        transaction.Directions = direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        AddOpen(transaction, limits.MaxTransactions);
    }

    protected override void GiveUp(MqttTransaction transaction)
    {
        transaction.Raise(MqttAnomaly.TooManyTransactions);
        transaction.Complete();
    }
}
