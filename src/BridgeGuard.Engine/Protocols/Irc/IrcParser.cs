using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Irc;

/// <summary>The parser of one connection: each line is a message and a transaction of its direction.</summary>
internal sealed class IrcParser(IrcProtocol protocol) : PooledState<IrcTransaction>(protocol, IrcLimits.MaxTransactions)
{
    private LineCutter _toServer;
    private LineCutter _toClient;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        ref LineCutter lines = ref context.Direction == Direction.ToServer ? ref _toServer : ref _toClient;
        int consumed = 0;
        while (!Change.Requested && lines.TryTake(input, IrcLimits.MaxLineBytes, ref consumed, out CutLine line))
        {
            // Of a line that was cut a CR may be the last byte.
            ReadOnlySpan<byte> text = line.Text.TrimEnd((byte)'\r');
            if (!text.IsEmpty)
            {
                TakeLine(text, line.IsTooLong, context.Direction);
            }
        }

        if (Change.Requested)
        {
            return ParseResult.Done(input.Length);
        }

        return consumed < input.Length ? ParseResult.NeedMore(consumed, 0) : ParseResult.Done(consumed);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        if (context.Direction == Direction.ToServer)
        {
            _toServer.SkipLine();
        }
        else
        {
            _toClient.SkipLine();
        }
    }

    public override void Reset()
    {
        base.Reset();
        _toServer.Reset();
        _toClient.Reset();
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
            Change = new ProtocolChange(true, ProtocolId.Tls);
        }

        AddMessage(transaction, direction);
    }
}
