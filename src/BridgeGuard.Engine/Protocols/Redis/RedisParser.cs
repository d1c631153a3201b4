using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Redis;

/// <summary>The parser of one connection: commands are arrays of strings or plain lines, replies come in their order.</summary>
/// <remarks>
/// <code>
/// client  *2 CRLF $3 CRLF GET CRLF $3 CRLF key CRLF        or a line: GET key CRLF
/// server  + text | - error | : number | $ length CRLF bytes | * elements …   each ended by CRLF
/// </code>
/// Strings pass through as they come: what is kept of them has a limit, and none is waited for. Unasked messages (pushes, or arrays when nothing is waited
/// for) are transactions of the server alone. A subscription to several channels is answered several times: the first answers it.
/// </remarks>
internal sealed class RedisParser(RedisProtocol protocol, RedisLimits limits) : PooledState<RedisTransaction>(protocol)
{
    /// <summary>Behind each string.</summary>
    private const int EndBytes = 2;

    private readonly Run _client = new();
    private readonly Run _server = new();
    private readonly RedisReply _reply = new();
    private RedisTransaction? _asking;
    private RedisTransaction? _answering;
    private long _argumentsLeft;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        Run run = toServer ? _client : _server;
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (run.Left > 0)
            {
                consumed += toServer ? TakeArgument(rest) : TakeText(rest);
                continue;
            }

            int feed = rest.IndexOf((byte)'\n');
            if (feed < 0 && rest.Length <= RedisLimits.MaxLineBytes)
            {
                return ParseResult.NeedMore(consumed, 0);
            }

            if (feed < 0 || !(toServer ? TakeRequestLine(rest[..feed].TrimEnd((byte)'\r')) : TakeReplyLine(rest[..feed].TrimEnd((byte)'\r'))))
            {
                Malformed(context.Direction);
                return ParseResult.Stop();
            }

            consumed += feed + 1;
        }

        return ParseResult.Done(consumed);
    }

    public override void Release(Transaction transaction)
    {
        _asking = ReferenceEquals(_asking, transaction) ? null : _asking;
        _answering = ReferenceEquals(_answering, transaction) ? null : _answering;
        base.Release(transaction);
    }

    public override void Reset()
    {
        base.Reset();
        _client.Reset();
        _server.Reset();
        _reply.Reset();
        _asking = _answering = null;
        _argumentsLeft = 0;
    }

    protected override void TouchCurrent(Direction direction)
    {
        _asking?.Touch();
        _answering?.Touch();
    }

    protected override void GiveUp(RedisTransaction transaction)
    {
        transaction.Raise(RedisAnomaly.TooManyTransactions);
        transaction.ProgressToServer = 1;
        transaction.ProgressToClient = 1;
    }

    private bool TakeRequestLine(ReadOnlySpan<byte> line)
    {
        if (_argumentsLeft > 0)
        {
            if (line.IsEmpty || line[0] != (byte)'$' || !RedisReply.TryReadNumber(line[1..], out long length) || length is < 0 or > RedisLimits.MaxStringBytes)
            {
                return false;
            }

            _client.Begin(length + EndBytes, _asking?.Request.Length ?? 0);
            return true;
        }

        if (line.IsEmpty)
        {
            // The server passes over empty lines.
            return true;
        }

        if (line[0] != (byte)'*')
        {
            TakeInline(line);
            return true;
        }

        if (!RedisReply.TryReadNumber(line[1..], out long count) || count > RedisLimits.MaxArguments)
        {
            return false;
        }

        if (count > 0)
        {
            _argumentsLeft = count;
            _asking = Begin();
        }

        return true;
    }

    private void TakeInline(ReadOnlySpan<byte> line)
    {
        RedisTransaction command = Begin();
        while (!(line = line.TrimStart((byte)' ')).IsEmpty)
        {
            int end = line.IndexOf((byte)' ');
            ReadOnlySpan<byte> word = end < 0 ? line : line[..end];
            Keep(command, command.Request.Append(word[..Math.Min(word.Length, RedisLimits.MaxArgumentBytes)]));
            line = line[word.Length..];
        }

        command.ProgressToServer = 1;
    }

    private int TakeArgument(ReadOnlySpan<byte> rest)
    {
        int taken = (int)Math.Min(_client.Left, rest.Length);
        int kept = (int)Math.Clamp(_client.Left - EndBytes, 0, taken);
        if (_asking is { } command && command.KeptCount < RedisLimits.MaxKept)
        {
            int room = RedisLimits.MaxArgumentBytes - (command.Request.Length - _client.Start);
            command.Request.Append(rest[..Math.Clamp(room, 0, kept)]);
        }

        _client.Left -= taken;
        if (_client.Left == 0)
        {
            EndArgument();
        }

        return taken;
    }

    private void EndArgument()
    {
        if (_asking is { } command)
        {
            Keep(command, new Slice(_client.Start, command.Request.Length - _client.Start));
        }

        if (--_argumentsLeft == 0 && _asking is { } complete)
        {
            complete.ProgressToServer = 1;
            _asking = null;
        }
    }

    private static void Keep(RedisTransaction command, Slice word)
    {
        if (!command.Add(word))
        {
            command.Raise(RedisAnomaly.TooManyArguments);
        }
    }

    private bool TakeReplyLine(ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || !RedisReply.IsType(line[0]))
        {
            return false;
        }

        byte type = line[0];
        bool begins = !_reply.IsOpen;
        if (begins)
        {
            BeginReply(type);
        }
        else if (_reply.FollowsAttribute && _answering is { } after)
        {
            begins = true;
            after.ReplyType = type;
            after.Reply = Slice.None;
        }

        switch (type)
        {
            case (byte)'$' or (byte)'!' or (byte)'=':
                if (!RedisReply.TryReadNumber(line[1..], out long length) || length is < -1 or > RedisLimits.MaxStringBytes)
                {
                    return false;
                }

                _reply.Open();
                if (length >= 0)
                {
                    _server.Begin(length + EndBytes, _answering?.Response.Length ?? 0);
                    return true;
                }

                break;
            case (byte)'*' or (byte)'~' or (byte)'>' or (byte)'%' or (byte)'|':
                if (!RedisReply.TryReadNumber(line[1..], out long elements) || elements is < -1 or > RedisLimits.MaxArguments)
                {
                    return false;
                }

                elements *= type is (byte)'%' or (byte)'|' ? 2 : 1;
                if (begins && _answering is { } aggregate)
                {
                    aggregate.Elements = Math.Max(elements, 0);
                }

                if (!_reply.Enter(type, elements))
                {
                    _answering?.Raise(RedisAnomaly.NestedTooDeep);
                    return false;
                }

                EndReplyIfOver();
                return true;
            default:
                KeepText(line[1..]);
                break;
        }

        _reply.EndElement();
        EndReplyIfOver();
        return true;
    }

    private void BeginReply(byte type)
    {
        int open = type == (byte)'>' ? -1 : OldestOpen(Direction.ToClient);
        if (open < 0)
        {
            _answering = Begin();
            _answering.Directions = DirectionMask.ToClient;
            _answering.ProgressToServer = 1;
        }
        else
        {
            _answering = (RedisTransaction)Transactions[open];
        }

        _answering.HasReply = true;
        _answering.ReplyType = type;
    }

    private int TakeText(ReadOnlySpan<byte> rest)
    {
        int taken = (int)Math.Min(_server.Left, rest.Length);
        int kept = (int)Math.Clamp(_server.Left - EndBytes, 0, taken);
        if (_answering is { Reply.Exists: false } reply)
        {
            int room = RedisLimits.MaxReplyBytes - (reply.Response.Length - _server.Start);
            reply.Response.Append(rest[..Math.Clamp(room, 0, kept)]);
        }

        _server.Left -= taken;
        if (_server.Left == 0)
        {
            if (_answering is { Reply.Exists: false } whole)
            {
                whole.Reply = new Slice(_server.Start, whole.Response.Length - _server.Start);
            }

            _reply.EndElement();
            EndReplyIfOver();
        }

        return taken;
    }

    private void KeepText(ReadOnlySpan<byte> text)
    {
        if (_answering is { Reply.Exists: false } reply)
        {
            reply.Reply = reply.Response.Append(text[..Math.Min(text.Length, RedisLimits.MaxReplyBytes)]);
        }
    }

    private void EndReplyIfOver()
    {
        if (!_reply.IsOpen && _answering is { } answered)
        {
            answered.ProgressToClient = 1;
            _answering = null;
        }
    }

    private RedisTransaction Begin()
    {
        RedisTransaction transaction = Rent();
        AddOpen(transaction, limits.MaxTransactions);
        return transaction;
    }

    /// <summary>Where nothing is being said, a transaction is made to carry the anomaly.</summary>
    private void Malformed(Direction direction)
    {
        bool toServer = direction == Direction.ToServer;
        RedisTransaction? known = toServer ? _asking : _answering;
        if (known is null)
        {
            known = Begin();
            known.Directions = toServer ? DirectionMask.ToServer : DirectionMask.ToClient;
        }

        known.Raise(toServer ? RedisAnomaly.MalformedRequest : RedisAnomaly.MalformedResponse);
        known.ProgressToServer = 1;
        known.ProgressToClient = 1;
    }

    /// <summary>A string that passes through.</summary>
    private sealed class Run
    {
        /// <summary>Bytes of it still to come, with its end.</summary>
        public long Left;

        /// <summary>Where it begins in the transaction's buffer.</summary>
        public int Start;

        public void Begin(long bytes, int start)
        {
            Left = bytes;
            Start = start;
        }

        public void Reset() => Begin(0, 0);
    }
}
