using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>The SMTP parser of one flow (RFC 5321): the client's commands and messages here, the server's replies in <c>SmtpParser.Replies.cs</c>.</summary>
/// <remarks>
/// Commands wait in a queue for their replies (RFC 2920), each with the number of its mail. DATA switches to reading a message at once, as a
/// client that pipelines does; a refusal switches back. BDAT chunks are read as the message they are (RFC 3030), over chunk borders.
/// Skipped on purpose: dots doubled at the start of a line stay doubled in attachments (Suricata's digests are over those bytes).
/// </remarks>
internal sealed partial class SmtpParser : PooledState<SmtpTransaction>
{
    private readonly SmtpLimits _limits;
    private readonly MimeParser _mime;
    private readonly ByteBuffer _helo = new();
    private SmtpTransaction? _current;
    private Phase _phase;
    private bool _hasHelo;
    private bool _isGreeted;

    /// <summary>The rest of a line that was too long is skipped.</summary>
    private bool _isSkippingCommand;

    /// <summary>The message's line in hand goes on from an earlier piece.</summary>
    private bool _isWithinLine;

    /// <summary>Bytes of the BDAT chunk still to come, and whether it is the last one.</summary>
    private long _chunkLeft;
    private bool _isLastChunk;

    /// <summary>A chunk ended with CR; the next one may begin with LF.</summary>
    private bool _isCrHeld;
    private uint _dataFrame;

    public SmtpParser(SmtpProtocol protocol, SmtpLimits limits)
        : base(protocol)
    {
        _limits = limits;
        _mime = new MimeParser(limits);
    }

    private enum Phase : byte
    {
        Command,
        Data,
        Chunk,
    }

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            int taken = context.Direction == Direction.ToClient ? ReplyStep(rest, consumed, in context)
                : _phase switch
                {
                    Phase.Command => CommandStep(rest, consumed, in context),
                    Phase.Data => DataStep(rest, consumed, in context),
                    _ => ChunkStep(rest, in context),
                };
            if (taken < 0)
            {
                return ParseResult.Stop();
            }

            if (taken == 0)
            {
                return ParseResult.NeedMore(consumed, 0);
            }

            consumed += taken;
        }

        return ParseResult.Done(consumed);
    }

    /// <summary>A hole within a message costs its bytes; anywhere else the conversation is found again at the next line.</summary>
    public override void OnGap(long bytes, in ParseContext context)
    {
        if (context.Direction == Direction.ToClient)
        {
            _isSkippingReply = true;
            return;
        }

        switch (_phase)
        {
            case Phase.Data:
                _mime.Gap(bytes, in context);
                break;
            case Phase.Chunk:
                _mime.Gap(Math.Min(bytes, _chunkLeft), in context);
                _chunkLeft -= Math.Min(bytes, _chunkLeft);
                if (_chunkLeft == 0)
                {
                    EndChunk(in context);
                    _isSkippingCommand = true;
                }

                break;
            default:
                _isSkippingCommand = true;
                break;
        }
    }

    public override void OnEnd(in ParseContext context)
    {
        if (context.Direction == Direction.ToServer)
        {
            _mime.Abort(in context);
            _phase = Phase.Command;
        }
    }

    public override void Release(Transaction transaction)
    {
        var released = (SmtpTransaction)transaction;
        if (ReferenceEquals(released, _current))
        {
            // Its successor is made when a command needs one; QUIT and RSET do not.
            _current = null;
            _isCurrentGone = true;
        }

        base.Release(released);
    }

    protected override void TouchCurrent(Direction direction)
    {
        _current?.Touch(direction == Direction.ToServer ? DirectionMask.ToServer : DirectionMask.ToClient);
    }

    public override void Reset()
    {
        base.Reset();
        _mime.Reset();
        _helo.Reset();
        _current = null;
        _isCurrentGone = false;
        _phase = Phase.Command;
        _hasHelo = false;
        _isGreeted = false;
        _isSkippingCommand = false;
        _isSkippingReply = false;
        _isWithinLine = false;
        _chunkLeft = 0;
        _isLastChunk = false;
        _isCrHeld = false;
        _dataFrame = 0;
        _pendingCount = 0;
        _pendingHead = 0;
    }

    private bool _isCurrentGone;

    /// <summary>The mail that a command belongs to; null when it needs none or there are too many.</summary>
    private SmtpTransaction? MailFor(SmtpCommand command)
    {
        if (command is SmtpCommand.Quit or SmtpCommand.Reset && (_current is { IsSent: true } || (_current is null && _isCurrentGone)))
        {
            return _current;
        }

        if (_current is not { IsSent: false })
        {
            _current = NewTransaction();
        }

        return _current;
    }

    private SmtpTransaction? NewTransaction()
    {
        if (Transactions.Count >= _limits.MaxTransactions)
        {
            return null;
        }

        SmtpTransaction mail = Rent();
        if (_hasHelo)
        {
            mail.HasHelo = true;
            mail.Helo.Append(_helo.Span);
        }

        Transactions.Add(mail);
        return mail;
    }

    private int CommandStep(ReadOnlySpan<byte> rest, int at, in ParseContext context)
    {
        int feed = rest.IndexOf((byte)'\n');
        if (_isSkippingCommand)
        {
            _isSkippingCommand = feed < 0;
            return feed < 0 ? rest.Length : feed + 1;
        }

        if (feed < 0 && rest.Length < SmtpLimits.MaxLineBytes)
        {
            return 0;
        }

        bool isTooLong = feed < 0 || feed >= SmtpLimits.MaxLineBytes;
        int length = isTooLong ? SmtpLimits.MaxLineBytes : feed;
        ReadOnlySpan<byte> line = rest[..length];
        if (!isTooLong && length > 0 && line[^1] == (byte)'\r')
        {
            line = line[..^1];
        }

        // Suricata shows each command twice: with its line end, then without and with its mail.
        int whole = isTooLong ? length : feed + 1;
        context.OpenFrame(SmtpProtocol.CommandLineFrame, at, whole);
        Command(line, at, isTooLong, in context);
        _isSkippingCommand = isTooLong;
        return whole;
    }

    private void Command(ReadOnlySpan<byte> line, int at, bool isTooLong, in ParseContext context)
    {
        SmtpCommand command = SmtpCommands.Find(line);
        SmtpTransaction? mail = MailFor(command);
        if (mail is null)
        {
            Push(command, ulong.MaxValue);
            context.OpenFrame(SmtpProtocol.CommandLineFrame, at, line.Length);
            return;
        }

        context.OpenFrame(SmtpProtocol.CommandLineFrame, at, line.Length, mail.Id);
        if (isTooLong)
        {
            mail.Raise(SmtpAnomaly.TruncatedLine);
        }

        if (!_isGreeted)
        {
            mail.Raise(SmtpAnomaly.NoServerWelcomeMessage);
            _isGreeted = true;
        }

        if (IsWaitingFor(SmtpCommand.StartTls))
        {
            mail.Raise(SmtpAnomaly.InvalidPipelinedSequence);
        }

        switch (command)
        {
            case SmtpCommand.Helo:
                Helo(mail, SmtpCommands.Argument(line, 4));
                break;
            case SmtpCommand.Mail:
                Sender(mail, SmtpCommands.Argument(line, 10));
                break;
            case SmtpCommand.Recipient:
                if (mail.Recipients.Count < SmtpLimits.MaxRecipients)
                {
                    mail.Recipients.Add(mail.RecipientText.Append(SmtpCommands.Argument(line, 8)));
                }

                break;
            case SmtpCommand.Data:
                BeginMessage(mail, Phase.Data, in context);
                break;
            case SmtpCommand.Bdat:
                command = Chunk(mail, line, in context);
                break;
            case SmtpCommand.Reset when mail is { HasMailFrom: false, Recipients.Count: 0, Message.Exists: false }:
                // There is nothing to forget: what comes before the answer still belongs to it.
                break;
            case SmtpCommand.Reset or SmtpCommand.Quit:
                // Nothing more joins the mail; both ways end with the answer.
                mail.IsSent = true;
                break;
        }

        Push(command, mail.Id);
    }

    private void Helo(SmtpTransaction mail, ReadOnlySpan<byte> name)
    {
        if (_hasHelo)
        {
            mail.Raise(SmtpAnomaly.DuplicateFields);
            return;
        }

        _hasHelo = true;
        _helo.Append(name);
        mail.HasHelo = true;
        mail.Helo.Append(name);
    }

    private static void Sender(SmtpTransaction mail, ReadOnlySpan<byte> sender)
    {
        if (mail.HasMailFrom)
        {
            mail.Raise(SmtpAnomaly.DuplicateFields);
            return;
        }

        mail.HasMailFrom = true;
        mail.MailFrom.Append(sender);
    }

    private void BeginMessage(SmtpTransaction mail, Phase phase, in ParseContext context)
    {
        if (mail.Message.Exists && !_mime.IsOpen)
        {
            mail.Raise(SmtpAnomaly.UnparsableContent);
            mail.Message.Reset();
        }

        if (!_mime.IsOpen)
        {
            _mime.Begin(mail, in context);
            _isWithinLine = false;
            _isCrHeld = false;
        }

        mail.Message.CameInChunks |= phase == Phase.Chunk;
        mail.ProgressToServer = Math.Max(mail.ProgressToServer, SmtpProgress.Data);
        _phase = phase;
        _dataFrame = 0;
    }

    private int DataStep(ReadOnlySpan<byte> rest, int at, in ParseContext context)
    {
        SmtpTransaction? mail = _current;
        if (mail is null)
        {
            _phase = Phase.Command;
            return CommandStep(rest, at, in context);
        }

        int feed = rest.IndexOf((byte)'\n');
        if (feed < 0 && rest.Length < SmtpLimits.MaxDataLineBytes)
        {
            return 0;
        }

        if (_dataFrame == 0)
        {
            _dataFrame = context.OpenFrame(SmtpProtocol.DataFrame, at, Frames.Frame.OpenEnded, mail.Id);
        }

        if (feed < 0 || feed >= SmtpLimits.MaxDataLineBytes)
        {
            _mime.Line(rest[..SmtpLimits.MaxDataLineBytes], default, !_isWithinLine, in context);
            _isWithinLine = true;
            return SmtpLimits.MaxDataLineBytes;
        }

        int length = feed > 0 && rest[feed - 1] == (byte)'\r' ? feed - 1 : feed;
        ReadOnlySpan<byte> line = rest[..length];
        if (!_isWithinLine && length == 1 && line[0] == (byte)'.')
        {
            context.CloseFrame(_dataFrame, at + feed + 1);
            _dataFrame = 0;
            EndMessage(mail, SmtpCommand.DataEnd, in context);
        }
        else
        {
            _mime.Line(line, rest[length..(feed + 1)], !_isWithinLine, in context);
            _isWithinLine = false;
        }

        return feed + 1;
    }

    private void EndMessage(SmtpTransaction mail, SmtpCommand command, in ParseContext context)
    {
        _mime.End(in context);
        mail.IsSent = true;
        mail.ProgressToServer = SmtpProgress.Complete;
        _phase = Phase.Command;
        if (command == SmtpCommand.DataEnd)
        {
            // RFC 2920 §3.1: DATA ends a group, the message waits for its reply. As in Suricata it is told when all of the message came before.
            if (IsLastPending(SmtpCommand.Data))
            {
                mail.Raise(SmtpAnomaly.InvalidPipelinedSequence);
            }

            Push(command, mail.Id);
        }
    }

    /// <summary>A chunk begins; what it is to its reply.</summary>
    private SmtpCommand Chunk(SmtpTransaction mail, ReadOnlySpan<byte> line, in ParseContext context)
    {
        if (!SmtpCommands.TryReadChunk(line, out uint size, out bool isLast))
        {
            mail.Raise(SmtpAnomaly.InvalidBdat);
            return SmtpCommand.Other;
        }

        BeginMessage(mail, Phase.Chunk, in context);
        _chunkLeft = size;
        _isLastChunk = isLast;
        if (size == 0)
        {
            EndChunk(in context);
        }

        return isLast ? SmtpCommand.BdatLast : SmtpCommand.Bdat;
    }

    private int ChunkStep(ReadOnlySpan<byte> rest, in ParseContext context)
    {
        if (_current is null)
        {
            int skipped = (int)Math.Min(rest.Length, _chunkLeft);
            _chunkLeft -= skipped;
            _phase = _chunkLeft == 0 ? Phase.Command : _phase;
            return Math.Max(skipped, 1);
        }

        int available = (int)Math.Min(rest.Length, _chunkLeft);
        int feed = rest[..available].IndexOf((byte)'\n');
        bool isChunkEnd = available == _chunkLeft;
        if (feed < 0 && !isChunkEnd && available < SmtpLimits.MaxDataLineBytes)
        {
            return 0;
        }

        int taken = feed >= 0 && feed < SmtpLimits.MaxDataLineBytes ? feed + 1 : Math.Min(available, SmtpLimits.MaxDataLineBytes);
        TakeChunkLine(rest[..taken], in context);
        _chunkLeft -= taken;
        if (_chunkLeft == 0)
        {
            EndChunk(in context);
        }

        return taken;
    }

    /// <summary>A line or a piece of one; its CR and LF may be in two chunks.</summary>
    private void TakeChunkLine(ReadOnlySpan<byte> bytes, in ParseContext context)
    {
        if (_isCrHeld)
        {
            _isCrHeld = false;
            if (bytes[0] == (byte)'\n')
            {
                _mime.Line(default, "\r\n"u8, !_isWithinLine, in context);
                _isWithinLine = false;
                return;
            }

            _mime.Line("\r"u8, default, !_isWithinLine, in context);
            _isWithinLine = true;
        }

        if (bytes[^1] == (byte)'\r')
        {
            _isCrHeld = true;
            bytes = bytes[..^1];
            if (bytes.IsEmpty)
            {
                return;
            }
        }

        bool isEnded = bytes[^1] == (byte)'\n';
        int length = isEnded ? bytes.Length - 1 : bytes.Length;
        if (isEnded && length > 0 && bytes[length - 1] == (byte)'\r')
        {
            length--;
        }

        _mime.Line(bytes[..length], isEnded ? bytes[length..] : default, !_isWithinLine, in context);
        _isWithinLine = !isEnded;
    }

    private void EndChunk(in ParseContext context)
    {
        _phase = Phase.Command;
        if (_isLastChunk && _current is { } mail)
        {
            EndMessage(mail, SmtpCommand.BdatLast, in context);
        }
    }
}
