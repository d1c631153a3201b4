namespace BridgeGuard.Engine.Protocols.Smtp;

// The server's side: replies (RFC 5321 §4.2) matched to the commands they answer.
internal sealed partial class SmtpParser
{
    private readonly Pending[] _pending = new Pending[SmtpLimits.MaxPendingCommands];
    private int _pendingHead;
    private int _pendingCount;
    private bool _isSkippingReply;

    /// <summary>A command that has no reply yet, and its mail.</summary>
    private readonly record struct Pending(SmtpCommand Command, ulong Mail);

    private void Push(SmtpCommand command, ulong mail)
    {
        if (_pendingCount == _pending.Length)
        {
            // The oldest is given up: from here on replies may be matched to the wrong command.
            _pendingHead = (_pendingHead + 1) % _pending.Length;
            _pendingCount--;
            _current?.Raise(SmtpAnomaly.UnableToMatchReplyWithRequest);
        }

        _pending[(_pendingHead + _pendingCount) % _pending.Length] = new Pending(command, mail);
        _pendingCount++;
    }

    /// <summary>Is this the command whose reply comes next?</summary>
    private bool IsWaitingFor(SmtpCommand command) => _pendingCount > 0 && _pending[_pendingHead].Command == command;

    /// <summary>Is this the newest command, and has it no reply yet?</summary>
    private bool IsLastPending(SmtpCommand command) => _pendingCount > 0 && _pending[(_pendingHead + _pendingCount - 1) % _pending.Length].Command == command;

    private SmtpTransaction? Find(ulong id)
    {
        int index = Transactions.IndexOfId(id);
        if (index < 0)
        {
            return null;
        }

        var found = (SmtpTransaction)Transactions[index];
        found.Touch(DirectionMask.ToClient);
        return found;
    }

    private int ReplyStep(ReadOnlySpan<byte> rest, int at, in ParseContext context)
    {
        int feed = rest.IndexOf((byte)'\n');
        if (_isSkippingReply)
        {
            _isSkippingReply = feed < 0;
            return feed < 0 ? rest.Length : feed + 1;
        }

        if (feed < 0 && rest.Length < SmtpLimits.MaxLineBytes)
        {
            return 0;
        }

        bool isTooLong = feed < 0 || feed >= SmtpLimits.MaxLineBytes;
        int whole = isTooLong ? SmtpLimits.MaxLineBytes : feed + 1;
        ReadOnlySpan<byte> line = rest[..(isTooLong ? whole : feed)];
        _isSkippingReply = isTooLong;
        return Reply(line, at, whole, isTooLong, in context) ? whole : -1;
    }

    /// <summary>One line of a reply; false when it is none.</summary>
    private bool Reply(ReadOnlySpan<byte> line, int at, int whole, bool isTooLong, in ParseContext context)
    {
        SmtpTransaction? mail = _pendingCount > 0 ? Find(_pending[_pendingHead].Mail) : null;
        uint frame = context.OpenFrame(SmtpProtocol.ResponseLineFrame, at, whole);
        if (mail is not null)
        {
            context.Frames?.SetTransaction(frame, mail.Id);
        }

        if (isTooLong)
        {
            (mail ?? _current)?.Raise(SmtpAnomaly.TruncatedLine);
        }

        if (!TryReadCode(line, out int code))
        {
            (mail ?? _current)?.Raise(SmtpAnomaly.InvalidReply);
            return false;
        }

        bool goesOn = line.Length > 3 && line[3] == (byte)'-';
        if (goesOn)
        {
            return true;
        }

        if (!_isGreeted && _pendingCount == 0)
        {
            _isGreeted = true;
            return true;
        }

        if (_pendingCount > 0)
        {
            SmtpCommand command = _pending[_pendingHead].Command;
            _pendingHead = (_pendingHead + 1) % _pending.Length;
            _pendingCount--;
            ShowStream(command, in context);
            Answer(command, mail, code, in context);
        }

        return true;
    }

    /// <summary>
    /// A command with its reply is an exchange that rules on the stream are to see, both ways; a mail's end is not, as in Suricata: what was sent of it is shown
    /// with the next command.
    /// </summary>
    private static void ShowStream(SmtpCommand command, in ParseContext context)
    {
        Streams.Reassembler.TriggerRaw(context.Flow, Packets.Direction.ToClient);
        if (command is not (SmtpCommand.DataEnd or SmtpCommand.BdatLast))
        {
            Streams.Reassembler.TriggerRaw(context.Flow, Packets.Direction.ToServer);
        }
    }

    private void Answer(SmtpCommand command, SmtpTransaction? mail, int code, in ParseContext context)
    {
        switch (command)
        {
            case SmtpCommand.Helo when code is >= 200 and < 300 && mail is { IsSent: false } && (mail.HasMailFrom || mail.Recipients.Count > 0 || mail.Message.Exists):
                // RFC 5321 §4.1.4: a later HELO discards the mail in hand.
                AbortMessage(in context);
                mail.Complete();
                break;
            case SmtpCommand.Data when code == 354:
                if (mail is not null)
                {
                    mail.ProgressToClient = Math.Max(mail.ProgressToClient, SmtpProgress.Data);
                }

                break;
            case SmtpCommand.Data:
                mail?.Raise(SmtpAnomaly.DataCommandRejected);
                if (_phase == Phase.Data && ReferenceEquals(mail, _current))
                {
                    AbortMessage(in context);
                }

                break;
            case SmtpCommand.Quit when code is >= 200 and < 300:
                // Its mail may be gone already; rules on the stream are to see the last command nevertheless.
                Streams.Reassembler.TriggerRaw(context.Flow, Packets.Direction.ToServer);
                mail?.Complete();
                break;
            case SmtpCommand.Reset when code is >= 200 and < 300 && mail is not null:
                mail.IsSent = true;
                mail.Complete();
                break;
            case SmtpCommand.DataEnd or SmtpCommand.BdatLast:
                mail?.Complete();
                break;
            case SmtpCommand.StartTls when code == 220:
                mail?.Complete();
                Change = new ProtocolChange(true, ProtocolId.Tls);
                break;
            case SmtpCommand.StartTls:
                mail?.Raise(SmtpAnomaly.TlsRejected);
                break;
        }
    }

    private void AbortMessage(in ParseContext context)
    {
        _mime.Abort(in context);
        _phase = Phase.Command;
        _isWithinLine = false;
    }

    private static bool TryReadCode(ReadOnlySpan<byte> line, out int code)
    {
        code = 0;
        for (int i = 0; i < 3; i++)
        {
            if (i >= line.Length || !char.IsAsciiDigit((char)line[i]))
            {
                return false;
            }

            code = code * 10 + (line[i] - '0');
        }

        return SmtpCommands.IsReplyCode(code);
    }
}
