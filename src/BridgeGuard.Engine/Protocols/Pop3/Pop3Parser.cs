using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Pop3;

/// <summary>The POP3 parser of one flow (RFC 1939): commands, and responses of one or more lines in their order.</summary>
internal sealed class Pop3Parser(Pop3Protocol protocol, Pop3Limits limits) : PooledState<Pop3Transaction>(protocol)
{
    private LineCutter _commands;
    private LineCutter _responses;

    /// <summary>The next line of the client is part of an authentication (RFC 5034).</summary>
    private bool _isAuthenticating;

    /// <summary>Lines behind a response that was taken for one line, up to a dot.</summary>
    private bool _isWithinRest;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        ref LineCutter lines = ref toServer ? ref _commands : ref _responses;
        int consumed = 0;
        while (lines.TryTake(input, Pop3Limits.MaxLineBytes, ref consumed, out CutLine line))
        {
            if (toServer ? !Command(line.Text, line.WireBytes) : !Response(line.Text, line.WireBytes))
            {
                return ParseResult.Stop();
            }
        }

        return consumed < input.Length ? ParseResult.NeedMore(consumed, 0) : ParseResult.Done(consumed);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        if (context.Direction == Direction.ToServer)
        {
            _commands.SkipLine();
        }
        else
        {
            _responses.SkipLine();
        }
    }

    public override void Reset()
    {
        base.Reset();
        _commands.Reset();
        _responses.Reset();
        _isAuthenticating = false;
        _isWithinRest = false;
    }

    private Pop3Transaction? NewTransaction()
    {
        if (Transactions.Count > limits.MaxTransactions)
        {
            return null;
        }

        Pop3Transaction transaction = Rent();
        Transactions.Add(transaction);
        return transaction;
    }

    /// <summary>No room for one more: all that wait are told so, and the flow is given up.</summary>
    private bool Overflow()
    {
        for (int i = 0; i < Transactions.Count; i++)
        {
            var waiting = (Pop3Transaction)Transactions[i];
            if (!waiting.IsAnswered)
            {
                waiting.Raise(Pop3Anomaly.TooManyTransactions);
                waiting.Complete();
            }
        }

        return false;
    }

    private bool Command(ReadOnlySpan<byte> line, int wireBytes)
    {
        if (_isWithinRest)
        {
            return false;
        }

        if (NewTransaction() is not { } command)
        {
            return Overflow();
        }

        command.ProgressToServer = Pop3Progress.Complete;
        if (wireBytes > Pop3Limits.MaxCommandBytes)
        {
            command.Raise(Pop3Anomaly.RequestTooLong);
        }

        if (_isAuthenticating)
        {
            _isAuthenticating = false;
            command.Command = Pop3Command.SaslData;
            command.Word = command.Text.Append("<SASL DATA>"u8);
            return true;
        }

        line = line.Trim((byte)' ');
        int end = line.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = end < 0 ? line : line[..end];
        command.Command = Pop3Commands.Find(word, out int fewest, out int most);
        command.Word = command.Text.Append(word);
        line = line[word.Length..];
        int arguments = 0;
        while (!(line = line.TrimStart((byte)' ')).IsEmpty)
        {
            end = line.IndexOf((byte)' ');
            ReadOnlySpan<byte> argument = end < 0 ? line : line[..end];
            if (arguments++ < Pop3Limits.MaxArguments)
            {
                command.Arguments.Add(command.Text.Append(argument));
            }

            line = line[argument.Length..];
        }

        if (command.Command == Pop3Command.Unknown)
        {
            command.Raise(Pop3Anomaly.UnknownCommand);
        }
        else if (arguments < fewest || arguments > most)
        {
            command.Raise(Pop3Anomaly.IncorrectArgumentCount);
        }

        return true;
    }

    private bool Response(ReadOnlySpan<byte> line, int wireBytes)
    {
        Pop3Transaction? command = Oldest();
        if (command is { IsWithinData: true })
        {
            DataLine(command, line);
            return true;
        }

        bool isContinuation = line.Length > 0 && line[0] == (byte)'+' && (line.Length == 1 || line[1] == (byte)' ');
        bool isSuccess = isContinuation || line.StartsWith("+OK"u8);
        if (!isSuccess && !line.StartsWith("-ERR"u8))
        {
            // Nobody waits: the rest of a response to a command that has lines for this server alone. Else it is no server that speaks POP3: what it says cannot be followed.
            bool isRest = command is null && Transactions.NextId > 0;
            _isWithinRest = isRest && line is not [(byte)'.'];
            return isRest;
        }

        if (_isWithinRest)
        {
            return false;
        }

        if (command is null)
        {
            command = NewTransaction();
            if (command is null)
            {
                return Overflow();
            }

            // Nobody asked: there is nothing to look at in the client's direction.
            command.Directions = DirectionMask.ToClient;
        }

        if (wireBytes > Pop3Limits.MaxResponseBytes)
        {
            command.Raise(Pop3Anomaly.ResponseTooLong);
        }

        int status = isContinuation ? 1 : isSuccess ? 3 : 4;
        command.IsSuccess = isSuccess;
        command.Header = command.Text.Append(line[status..].TrimStart((byte)' '));
        _isAuthenticating |= isContinuation;
        if (isSuccess && !isContinuation && command.Command == Pop3Command.Stls)
        {
            Change = new ProtocolChange(true, ProtocolId.Tls);
        }

        if (isSuccess && !isContinuation && Pop3Commands.HasLines(command.Command, command.Arguments.Count))
        {
            command.IsWithinData = true;
            return true;
        }

        command.HasResponse = true;
        command.Complete();
        return true;
    }

    private void DataLine(Pop3Transaction command, ReadOnlySpan<byte> line)
    {
        if (line.Length == 1 && line[0] == (byte)'.')
        {
            command.IsWithinData = false;
            command.HasResponse = command.Command != Pop3Command.Retr;
            command.Complete();
            return;
        }

        // RFC 1939 §3: a dot at the start of a line was doubled.
        line = line.Length > 0 && line[0] == (byte)'.' ? line[1..] : line;
        if (command.Command != Pop3Command.Retr && command.Data.Count < Pop3Limits.MaxDataLines
            && command.Text.Length + line.Length <= Pop3Limits.MaxTextBytes)
        {
            command.Data.Add(command.Text.Append(line));
        }
    }

    private Pop3Transaction? Oldest()
    {
        int open = OldestOpen(Direction.ToClient);
        if (open < 0)
        {
            return null;
        }

        var oldest = (Pop3Transaction)Transactions[open];
        oldest.Touch();
        return oldest;
    }
}
