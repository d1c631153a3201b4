using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>The parser of one connection: each line is a message and a transaction of its direction.</summary>
internal sealed class IrcParser(IrcProtocol protocol) : PooledState<IrcTransaction>(protocol, IrcLimits.MaxTransactions)
{
    private bool _skipsToServer;
    private bool _skipsToClient;
    private ProtocolChange _change;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        ref bool skips = ref context.Direction == Direction.ToServer ? ref _skipsToServer : ref _skipsToClient;
        int consumed = 0;
        while (consumed < input.Length && !_change.Requested)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            int feed = rest.IndexOf((byte)'\n');
            if (skips)
            {
                skips = feed < 0;
                consumed += feed < 0 ? rest.Length : feed + 1;
                continue;
            }

            if (feed < 0 && rest.Length <= IrcLimits.MaxLineBytes)
            {
                return ParseResult.NeedMore(consumed, 0);
            }

            bool isTooLong = feed < 0 || feed > IrcLimits.MaxLineBytes;
            ReadOnlySpan<byte> line = rest[..(isTooLong ? IrcLimits.MaxLineBytes : feed)];
            skips = isTooLong;
            consumed += isTooLong ? line.Length : feed + 1;
            line = line.TrimEnd((byte)'\r');
            if (!line.IsEmpty)
            {
                TakeLine(line, isTooLong, context.Direction);
            }
        }

        return ParseResult.Done(_change.Requested ? input.Length : consumed);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        if (context.Direction == Direction.ToServer)
        {
            _skipsToServer = true;
        }
        else
        {
            _skipsToClient = true;
        }
    }

    public override ProtocolChange TakeProtocolChange()
    {
        ProtocolChange change = _change;
        _change = ProtocolChange.None;
        return change;
    }

    public override void Reset()
    {
        base.Reset();
        _skipsToServer = _skipsToClient = false;
        _change = ProtocolChange.None;
    }

    private void TakeLine(ReadOnlySpan<byte> line, bool isTooLong, Direction direction)
    {
        IrcTransaction transaction = Rent();
        if (!IrcLine.TryRead(line, out IrcLine message))
        {
            transaction.Raise(IrcAnomaly.MalformedMessage);
            AddMessage(transaction, direction);
            return;
        }

        if (isTooLong || (line[0] != (byte)'@' && line.Length > IrcLimits.MaxMessageBytes))
        {
            transaction.Raise(IrcAnomaly.LineTooLong);
        }

        if (!message.Prefix.IsEmpty)
        {
            transaction.Prefix = transaction.Text.Append(message.Prefix);
        }

        transaction.Command = transaction.Text.Append(message.Command);
        transaction.IsSecret = message.Is("PASS"u8) || message.Is("OPER"u8) || message.Is("AUTHENTICATE"u8);
        while (message.TryParameter(out ReadOnlySpan<byte> parameter))
        {
            if (!transaction.TryAdd(parameter))
            {
                transaction.Raise(IrcAnomaly.TooManyParameters);
                break;
            }
        }

        // RPL_STARTTLS: go on with TLS.
        if (direction == Direction.ToClient && message.Command.SequenceEqual("670"u8))
        {
            _change = new ProtocolChange(true, ProtocolId.Tls);
        }

        AddMessage(transaction, direction);
    }
}
