using System.Buffers.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>The parser of a control connection: commands, replies of one or more lines, and where data connections go.</summary>
/// <remarks>
/// Replies belong to the oldest command without a final one (RFC 959 §5.4); 1xx replies are not final. A data connection is noted as expected
/// when both its port and the command that uses it are known, in whichever order.
/// </remarks>
internal sealed class FtpParser(FtpProtocol protocol, FtpLimits limits) : PooledState<FtpTransaction>(protocol)
{
    private LineCutter _commands;
    private LineCutter _replies;

    /// <summary>The data connection that was arranged and waits for its transfer, 0: none.</summary>
    private ushort _port;
    private bool _isActive;

    /// <summary>The client has asked for it and the server has not answered.</summary>
    private bool _isOffer;

    /// <summary>Where the last command asked the server to connect to; 0: it was another one.</summary>
    private ushort _lastActivePort;

    /// <summary>Where the next file begins, and how long the server says it is (-1: it did not).</summary>
    private long _restart;
    private long _size = -1;

    /// <summary>Commands without their final reply.</summary>
    private int _waiting;

    /// <summary>The server has spoken, the client has.</summary>
    private bool _isGreeted;
    private bool _hasCommand;

    /// <summary>Replies behind the greeting that came before any command: a first command of a few bytes is read with the second.</summary>
    private int _early;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        ref LineCutter lines = ref toServer ? ref _commands : ref _replies;
        int consumed = 0;
        while (lines.TryTake(input, FtpLimits.MaxLineBytes, ref consumed, out CutLine line))
        {
            if (toServer ? !Command(line.Text, line.IsTooLong, in context) : !Reply(line.Text, line.IsTooLong, in context))
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
            _replies.SkipLine();
        }
    }

    public override void Reset()
    {
        base.Reset();
        _commands.Reset();
        _replies.Reset();
        _port = 0;
        _isActive = false;
        _isOffer = false;
        _lastActivePort = 0;
        _restart = 0;
        _size = -1;
        _waiting = 0;
        _isGreeted = false;
        _hasCommand = false;
        _early = 0;
    }

    private FtpTransaction? NewTransaction()
    {
        // Those with all their replies only wait for their records.
        if (_waiting >= limits.MaxTransactions || Transactions.Count >= limits.MaxTransactions + FtpLimits.MaxAnswered)
        {
            return null;
        }

        _waiting++;

        FtpTransaction transaction = Rent();
        Transactions.Add(transaction);
        return transaction;
    }

    /// <summary>At the limit all that waits is given up.</summary>
    private bool Overflow()
    {
        ((FtpTransaction)Transactions[Transactions.Count - 1]).Raise(FtpAnomaly.TooManyTransactions);
        for (int i = 0; i < Transactions.Count; i++)
        {
            ((FtpTransaction)Transactions[i]).Complete();
        }

        _waiting = 0;
        return false;
    }

    private bool Command(ReadOnlySpan<byte> line, bool isTooLong, in ParseContext context)
    {
        line = line.TrimStart((byte)' ');
        FtpCommand kind = FtpCommands.Find(line, out int length);
        bool isAnswered = !_hasCommand && _early > 0;
        _hasCommand = true;
        if (isAnswered && kind is FtpCommand.Unknown or FtpCommand.AuthTls)
        {
            // As in Suricata it has no transaction of its own: else each later command would be given the reply of the one before.
            return true;
        }

        if (NewTransaction() is not { } command)
        {
            return Overflow();
        }

        if (isTooLong)
        {
            command.IsCommandTruncated = true;
            command.Raise(FtpAnomaly.RequestCommandTooLong);
        }

        command.Command = kind;
        command.ProgressToServer = FtpProgress.Complete;
        _lastActivePort = 0;
        if (command.Command == FtpCommand.Unknown)
        {
            return true;
        }

        command.Word = command.Text.Append(line[..length]);
        Span<byte> word = command.Text.Writable(command.Word);
        System.Text.Ascii.ToUpperInPlace(word, out _);
        ReadOnlySpan<byte> argument = line[length..].TrimStart((byte)' ');
        argument = isTooLong ? argument : argument.TrimEnd((byte)' ');
        command.Argument = argument.IsEmpty ? Slice.None : command.Text.Append(argument);
        Act(command, argument, in context);
        return true;
    }

    private void Act(FtpTransaction command, ReadOnlySpan<byte> argument, in ParseContext context)
    {
        switch (command.Command)
        {
            case FtpCommand.Port:
                Offer(command, FtpAddress.TryReadSix(argument, out IpAddress address, out ushort port), address, port, in context);
                break;
            case FtpCommand.Eprt:
                Offer(command, FtpAddress.TryReadExtended(argument, out address, out port), address, port, in context);
                break;
            case FtpCommand.Pasv or FtpCommand.Epsv:
                command.Mode = FtpMode.Passive;
                break;
            case FtpCommand.Restart:
                _restart = Utf8Parser.TryParse(argument, out long offset, out _) ? Math.Max(offset, 0) : 0;
                break;
            case FtpCommand.Retrieve or FtpCommand.Store when argument.IsEmpty:
                command.Raise(FtpAnomaly.FileWithoutName);
                break;
            case FtpCommand.Retrieve or FtpCommand.Store or FtpCommand.List or FtpCommand.StoreUnique:
                if (_port == 0 || _isOffer)
                {
                    command.Raise(FtpAnomaly.FileBeforePort);
                }

                Expect(command, in context);
                break;
        }
    }

    private void Offer(FtpTransaction command, bool isRead, IpAddress address, ushort port, in ParseContext context)
    {
        // As in Suricata the connection is arranged with the server's answer, whatever it says, and shown from then on; one that comes before it is expected nevertheless.
        command.Mode = FtpMode.Passive;
        command.IsBadPort = !isRead;
        if (isRead)
        {
            _lastActivePort = port;
            command.OfferedPort = port;
            _port = port;
            _isActive = true;
            _isOffer = true;
            command.IsBounce = address != context.Flow.Key.Source;
        }
    }

    /// <summary>The port of a data connection is known; commands that came before may have waited for it.</summary>
    private void Arrange(FtpTransaction command, ushort port, in ParseContext context)
    {
        command.DynamicPort = port;
        _port = port;
        _isActive = false;
        _isOffer = false;
        for (int i = Transactions.IndexFrom(command.Id + 1); i < Transactions.Count && _port != 0; i++)
        {
            var waiting = (FtpTransaction)Transactions[i];
            if (!waiting.IsExpected && waiting.Command >= FtpCommand.List)
            {
                waiting.Touch();
                Expect(waiting, in context);
            }
        }
    }

    private void Expect(FtpTransaction command, in ParseContext context)
    {
        if (_port == 0 || context.Expectations is not { } expectations)
        {
            _port = 0;
            _isOffer = false;
            return;
        }

        ref readonly FlowKey control = ref context.Flow.Key;
        ExpectationKey key = _isActive
            ? new ExpectationKey(control.Destination, control.Source, _port, control.Protocol, control.Vlan0)
            : new ExpectationKey(control.Source, control.Destination, _port, control.Protocol, control.Vlan0);

        // Who connects in an active transfer is the control connection's server.
        bool isUpload = command.Command is FtpCommand.Store or FtpCommand.StoreUnique;
        Direction sender = isUpload != _isActive ? Direction.ToServer : Direction.ToClient;
        ReadOnlySpan<byte> name = command.Command switch
        {
            FtpCommand.StoreUnique when !command.Argument.Exists => "<stou>"u8,
            FtpCommand.Retrieve or FtpCommand.Store or FtpCommand.StoreUnique => command.Text[command.Argument],
            _ => default,
        };
        command.IsExpected = true;
        _port = 0;
        _isOffer = false;

        // The command's word and the name travel together; the word has at most four letters.
        Span<byte> text = stackalloc byte[256];
        ReadOnlySpan<byte> word = command.Text[command.Word];
        word.CopyTo(text);
        name = name[..Math.Min(name.Length, text.Length - word.Length)];
        name.CopyTo(text[word.Length..]);
        expectations.Add(in key, ProtocolId.FtpData, context.Flow.Id, context.TimeUs, word.Length, text[..(word.Length + name.Length)], sender, _restart, _size);
        _restart = 0;
        _size = -1;
    }

    private bool Reply(ReadOnlySpan<byte> line, bool isTooLong, in ParseContext context)
    {
        FtpTransaction? command = Oldest();
        if (command is null)
        {
            command = NewTransaction();
            if (command is null)
            {
                return Overflow();
            }

            // Nobody asked: there is nothing to look at in the client's direction. What the last command arranged still stands.
            command.Directions = DirectionMask.ToClient;
            command.DynamicPort = _lastActivePort;
        }

        if (isTooLong)
        {
            command.IsReplyTruncated = true;
            command.Raise(FtpAnomaly.ResponseCommandTooLong);
        }

        if (command.OfferedPort != 0 && command.Mode == FtpMode.Passive)
        {
            command.Mode = FtpMode.Active;
            command.DynamicPort = command.OfferedPort;
            _isOffer = false;
        }

        // As in Suricata: what is blank at the end of a line is not shown, and nothing of what answers a port that could not be read.
        line = line.TrimEnd((byte)' ');
        int code = ReadCode(line);
        bool isLast = code > 0 && (line.Length == 3 || line[3] == (byte)' ') && (command.OpenCode == 0 || command.OpenCode == code);
        if (isLast)
        {
            KeepFinal(command, line);
            command.OpenCode = 0;
        }
        else
        {
            Keep(command, line);
            if (command.OpenCode != 0 || (code > 0 && line[3] == (byte)'-'))
            {
                command.OpenCode = command.OpenCode == 0 ? code : command.OpenCode;
                return true;
            }
        }

        Conclude(command, line, code, in context);
        return true;
    }

    /// <summary>A reply is there, with its last line.</summary>
    private void Conclude(FtpTransaction command, ReadOnlySpan<byte> line, int code, in ParseContext context)
    {
        switch (command.Command)
        {
            case FtpCommand.Pasv when code == 227:
                if (FtpAddress.TryReadSix(line[3..], out _, out ushort port))
                {
                    Arrange(command, port, in context);
                }

                break;
            case FtpCommand.Epsv when code == 229:
                if (FtpAddress.TryReadExtendedReply(line[3..], out port))
                {
                    Arrange(command, port, in context);
                }

                break;
            case FtpCommand.Size when code == 213:
                _size = Utf8Parser.TryParse(line[3..].TrimStart((byte)' '), out long size, out _) && size >= 0 ? size : -1;
                break;
            case FtpCommand.AuthTls when code == 234:
                Change = new ProtocolChange(true, ProtocolId.Tls);
                break;
        }

        if (code is >= 100 and < 200)
        {
            if (++command.Preliminary > limits.MaxPreliminary)
            {
                command.Raise(FtpAnomaly.TooManyPreliminaryResponses);
            }

            return;
        }

        if (!_hasCommand)
        {
            _early += _isGreeted ? 1 : 0;
            _isGreeted = true;
        }

        _waiting--;
        command.Complete();
    }

    private void KeepFinal(FtpTransaction command, ReadOnlySpan<byte> line)
    {
        if (command.IsBadPort || (command.Preliminary >= limits.MaxPreliminary && line[0] == (byte)'1'))
        {
            return;
        }

        if (command.Codes.Count < FtpLimits.MaxReplyLines)
        {
            command.Codes.Add(command.Text.Append(line[..3]));
        }

        if (line.Length > 4)
        {
            Keep(command, line[4..]);
        }
    }

    private static void Keep(FtpTransaction command, ReadOnlySpan<byte> line)
    {
        if (line.IsEmpty || command.IsBadPort || command.Replies.Count >= FtpLimits.MaxReplyLines || command.Text.Length + line.Length > FtpLimits.MaxReplyBytes)
        {
            return;
        }

        command.Replies.Add(command.Text.Append(line));
    }

    private FtpTransaction? Oldest()
    {
        int open = OldestOpen(Direction.ToClient);
        if (open < 0)
        {
            return null;
        }

        var oldest = (FtpTransaction)Transactions[open];
        oldest.Touch();
        return oldest;
    }

    private static int ReadCode(ReadOnlySpan<byte> line)
    {
        if (line.Length < 3 || (line.Length > 3 && line[3] is not ((byte)' ' or (byte)'-')))
        {
            return 0;
        }

        int code = 0;
        for (int i = 0; i < 3; i++)
        {
            if (!char.IsAsciiDigit((char)line[i]))
            {
                return 0;
            }

            code = code * 10 + line[i] - '0';
        }

        return code;
    }
}
