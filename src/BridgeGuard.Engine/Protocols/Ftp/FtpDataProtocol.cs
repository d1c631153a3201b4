using BridgeGuard.Engine.Detection;
using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Streams;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>FTP's data connections (RFC 959 §3.2): recognised because the control connection arranged them, never by their bytes.</summary>
public sealed class FtpDataProtocol : Protocol
{
    private static readonly string[] RequestProgress = ["request_started", "request_complete"];

    private static readonly string[] ResponseProgress = ["response_started", "response_complete"];

    public override ProtocolId Id => ProtocolId.FtpData;

    public override string Name => "ftp-data";

    public override string ConfigurationName => "ftp-data";

    public override bool UsesTcp => true;

    public override bool UsesUdp => false;

    public override bool AcceptsGaps => true;

    public override DirectionMask FileDirections => DirectionMask.Both;

    public override KeywordDescriptor[] Keywords { get; } =
    [
        new()
        {
            Name = "ftpdata_command", Directions = DirectionMask.Both, Parse = ParseCommand, Help = "the command the data connection serves",
        },
    ];

    public override EveLogger[] Loggers { get; } = [new FtpDataEve()];

    public override bool CountsTransactions => false;

    public override string[] ProgressNames(Direction direction) => direction == Direction.ToServer ? RequestProgress : ResponseProgress;

    public override byte CompletedProgress(Direction direction) => FtpProgress.Complete;

    public override ProtocolState CreateState(ProtocolSettings settings) => new FtpDataParser(this);

    private static Serves? ParseCommand(string? argument, out string error)
    {
        error = "";
        string word = argument?.Trim() ?? "";
        if (word is not ("retr" or "stor" or "stou" or "appe" or "list" or "nlst" or "mlsd"))
        {
            error = $"«{argument}» is no command with a data connection, expected retr, stor, stou, appe, list, nlst or mlsd";
            return null;
        }

        return new Serves(Encoding.ASCII.GetBytes(word.ToUpperInvariant()));
    }

    private sealed class Serves(byte[] word) : TransactionMatcher
    {
        public override bool Match(Transaction transaction, Direction direction, Flow flow) => ((FtpDataTransaction)transaction).Command.Span.SequenceEqual(word);
    }
}

/// <summary>What goes over one data connection: a file or a listing.</summary>
internal sealed class FtpDataTransaction : Transaction
{
    public ByteBuffer Command { get; } = new();

    public ByteBuffer Name { get; } = new();

    public FileList Uploads { get; } = new();

    public FileList Downloads { get; } = new();

    public override FileList FilesToServer => Uploads;

    public override FileList FilesToClient => Downloads;

    /// <summary>Without a file its contents are not absent but no question, as in Suricata.</summary>
    public override bool CanHave(int buffer, Direction direction) => buffer != FileBuffers.Data;

    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void OnInspected(Direction direction)
    {
        FileList files = direction == Direction.ToServer ? Uploads : Downloads;
        for (int i = 0; i < files.Count; i++)
        {
            files[i].MarkInspected();
        }
    }

    public override void Reset()
    {
        base.Reset();
        Command.Reset();
        Name.Reset();
    }
}

/// <summary>Hands the bytes of a data connection to the file they are.</summary>
internal sealed class FtpDataParser(FtpDataProtocol protocol) : ProtocolState
{
    private readonly FtpDataTransaction _first = new();
    private readonly FtpDataTransaction _second = new();
    private FtpDataTransaction _current = null!;
    private TrackedFile? _file;
    private Direction _direction;

    public override Protocol Protocol => protocol;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        if (!input.IsEmpty && (Transactions.NextId == 0 || MayTurn(in context)))
        {
            Begin(in context);
        }

        if (_file is not null && context.Direction == _direction)
        {
            context.Files.Append(_file, input);
        }

        return ParseResult.Done(input.Length);
    }

    public override void OnGap(long bytes, in ParseContext context)
    {
        if (_file is not null && context.Direction == _direction)
        {
            context.Files.Gap(_file, bytes);
        }
    }

    public override void OnEnd(in ParseContext context)
    {
        if (Transactions.Count == 0 || context.Direction != _direction)
        {
            return;
        }

        Leave(in context);
    }

    public override void Release(Transaction transaction)
    {
        if (ReferenceEquals(transaction, _current))
        {
            _file = null;
        }

        transaction.Reset();
    }

    public override void Reset()
    {
        base.Reset();
        _file = null;
    }

    /// <summary>Who was not to send spoke first, and now comes what was arranged: that is the file, it must not hide behind a word of the other side.</summary>
    private bool MayTurn(in ParseContext context) =>
        context.Direction != _direction && context.Flow.Expectation is { } arranged && arranged.Sender == context.Direction;

    private void Leave(in ParseContext context)
    {
        if (_file is not null)
        {
            // A connection that was broken off ends no file; who judges files waits for the rest of it.
            bool isBroken = context.Files.IsJudging && context.Flow.Tcp is { } session && session.Has(TcpSessionFlags.Reset);
            context.Files.Close(_file, isBroken ? FileState.Truncated : FileState.Closed);
            _file = null;
        }

        if (_direction == Direction.ToServer)
        {
            _current.ProgressToServer = FtpProgress.Complete;
        }
        else
        {
            _current.ProgressToClient = FtpProgress.Complete;
        }
    }

    private void Begin(in ParseContext context)
    {
        if (Transactions.Count != 0)
        {
            Leave(in context);
        }

        _current = Transactions.NextId == 0 ? _first : _second;
        _direction = context.Direction;
        if (context.Flow.Expectation is { } expectation)
        {
            ReadOnlySpan<byte> text = expectation.Text.Span;
            int word = Math.Clamp(expectation.Purpose, 0, text.Length);
            _current.Command.Append(text[..word]);
            _current.Name.Append(text[word..]);
        }

        // Of the side that only acknowledges nothing is expected.
        if (_direction == Direction.ToServer)
        {
            _current.ProgressToClient = FtpProgress.Complete;
        }
        else
        {
            _current.ProgressToServer = FtpProgress.Complete;
        }

        Transactions.Add(_current);
        if (_current.Name.Length > 0)
        {
            _file = context.Files.Open(_direction == Direction.ToServer ? _current.Uploads : _current.Downloads, _current.Name.Span, in context);
            if (_file is not null && context.Flow.Expectation is { Offset: > 0 } rest)
            {
                context.Files.Resume(_file, rest.Offset, rest.Total, in context);
            }

            _file?.IsAppended = _current.Command.Span.SequenceEqual("APPE"u8);
        }
    }
}

/// <summary>Writes the <c>ftp_data</c> object.</summary>
internal sealed class FtpDataEve : EveLogger
{
    public override string EventType => "ftp_data";

    public override string ConfigurationName => "ftp";

    public override byte ProgressToServer => FtpProgress.Complete;

    public override byte ProgressToClient => FtpProgress.Complete;

    public override bool Write(EveWriter writer, Transaction transaction, Flow flow, EveDetail detail)
    {
        var data = (FtpDataTransaction)transaction;
        writer.StartObject("ftp_data"u8);
        if (data.Name.Length > 0)
        {
            writer.Bytes("filename"u8, data.Name.Span);
        }

        if (data.Command.Length > 0)
        {
            writer.Bytes("command"u8, data.Command.Span);
        }

        writer.EndObject();
        return true;
    }
}
