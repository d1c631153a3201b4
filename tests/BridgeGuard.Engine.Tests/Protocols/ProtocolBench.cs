using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>One run of bytes in one direction of a conversation.</summary>
public sealed record Turn(Direction Direction, byte[] Bytes)
{
    public static Turn Client(string latin1) => new(Direction.ToServer, Encoding.Latin1.GetBytes(latin1));

    public static Turn Server(string latin1) => new(Direction.ToClient, Encoding.Latin1.GetBytes(latin1));
}

/// <summary>Drives a parser the way the application layer does: unconsumed tail, then new bytes; and describes what came out.</summary>
public sealed class ProtocolBench
{
    private readonly byte[][] _tails = [[], []];
    private readonly EveWriter _writer = new();

    public ProtocolBench(Protocol protocol, IReadOnlyDictionary<string, string>? settings = null, FileSettings? files = null)
    {
        Protocol = protocol;
        State = protocol.CreateState(settings is null ? ProtocolSettings.Empty : new ProtocolSettings(settings));
        Files = new FileTracker(files ?? new FileSettings { ForceMd5 = true });
        IsDatagram = !protocol.UsesTcp;
        Flow = new Flow { Key = new FlowKey(default, default, 40000, 80, IsDatagram ? IpProtocols.Udp : IpProtocols.Tcp, 4, 0, 0, 0, 0, 0) };
    }

    public Protocol Protocol { get; }

    public ProtocolState State { get; }

    public FileTracker Files { get; }

    public Flow Flow { get; }

    /// <summary>Each feed is one datagram.</summary>
    public bool IsDatagram { get; set; }

    public bool HasStopped { get; private set; }

    public ProtocolChange Change { get; private set; }

    public ParseResult Feed(Direction direction, ReadOnlySpan<byte> bytes, bool isEnd = false)
    {
        // A datagram that cannot be read does not end its flow.
        if (HasStopped && !IsDatagram)
        {
            return ParseResult.Stop();
        }

        byte[] input = IsDatagram ? bytes.ToArray() : [.. _tails[(int)direction], .. bytes];
        ParseResult result = State.Parse(input, Context(direction, isEnd));
        Assert.InRange(result.Consumed, 0, input.Length);
        HasStopped |= result.Status == ParseStatus.Stop;
        if (!IsDatagram && result.Status != ParseStatus.Stop)
        {
            _tails[(int)direction] = input[result.Consumed..];
        }

        ProtocolChange change = State.TakeProtocolChange();
        Change = change.Requested ? change : Change;
        return result;
    }

    public void Feed(IEnumerable<Turn> turns)
    {
        foreach (Turn turn in turns)
        {
            Feed(turn.Direction, turn.Bytes);
        }
    }

    public void Gap(Direction direction, long bytes)
    {
        _tails[(int)direction] = [];
        State.OnGap(bytes, Context(direction, false));
    }

    /// <summary>Nothing waits for more bytes in this direction, and no message of it has begun without having ended.</summary>
    public bool IsBetweenMessages(Direction direction)
    {
        for (int i = 0; i < State.Transactions.Count; i++)
        {
            Transaction transaction = State.Transactions[i];
            byte progress = direction == Direction.ToServer ? transaction.ProgressToServer : transaction.ProgressToClient;
            if (progress > 0 && progress < Protocol.CompletedProgress(direction))
            {
                return false;
            }
        }

        return _tails[(int)direction].Length == 0;
    }

    public void End()
    {
        // A datagram without bytes never reaches a parser.
        if (IsDatagram)
        {
            return;
        }

        Feed(Direction.ToServer, default, isEnd: true);
        Feed(Direction.ToClient, default, isEnd: true);
    }

    public Transaction Transaction(int index) => State.Transactions[index];

    /// <summary>A buffer's bytes as Latin-1 text; null when it does not exist.</summary>
    public string? Buffer(string name, Direction direction, int transaction = 0, int index = 0)
    {
        BufferDescriptor descriptor = Protocol.Buffers.Single(b => b.Name == name);
        return State.Transactions[transaction].TryGetBuffer(descriptor.LocalId, direction, index, out BufferView view)
            ? Encoding.Latin1.GetString(view.Data) : null;
    }

    public ulong? Field(string name, Direction direction, int transaction = 0, int index = 0)
    {
        FieldDescriptor descriptor = Protocol.Fields.Single(f => f.Name == name);
        return State.Transactions[transaction].TryGetField(descriptor.LocalId, direction, index, out ulong value) ? value : null;
    }

    public string[] Anomalies(int transaction = 0)
    {
        Transaction owner = State.Transactions[transaction];
        return [.. Protocol.Anomalies.Where((_, i) => owner.Anomalies.Contains(i)).Select(a => a.Name)];
    }

    public string Eve(int transaction = 0, ProtocolSettings? options = null)
    {
        _writer.Begin();
        _writer.Options = options ?? ProtocolSettings.Empty;
        foreach (EveLogger logger in Protocol.Loggers)
        {
            logger.Write(_writer, State.Transactions[transaction], Flow, EveDetail.Record);
        }

        return Encoding.UTF8.GetString(_writer.End());
    }

    /// <summary>Everything that can be seen of the parser from outside, as text.</summary>
    public string Describe()
    {
        var text = new StringBuilder();
        text.Append("stopped=").Append(HasStopped).Append(" change=").Append(Change).AppendLine();
        for (int i = 0; i < State.Transactions.Count; i++)
        {
            Transaction transaction = State.Transactions[i];
            text.Append(transaction.Id).Append(' ').Append(transaction.ProgressToServer).Append(' ').Append(transaction.ProgressToClient)
                .Append(' ').AppendJoin(',', Anomalies(i)).AppendLine().AppendLine(Eve(i));
            DescribeBuffers(text, transaction, Direction.ToServer);
            DescribeBuffers(text, transaction, Direction.ToClient);
        }

        return text.ToString();
    }

    private void DescribeBuffers(StringBuilder text, Transaction transaction, Direction direction)
    {
        foreach (BufferDescriptor descriptor in Protocol.Buffers)
        {
            for (int index = 0; index < 64 && transaction.TryGetBuffer(descriptor.LocalId, direction, index, out BufferView view); index++)
            {
                text.Append(direction).Append(' ').Append(descriptor.Name).Append('=').AppendLine(Convert.ToHexString(view.Data));
                if (!descriptor.IsMulti)
                {
                    break;
                }
            }
        }

        foreach (FieldDescriptor descriptor in Protocol.Fields)
        {
            if (transaction.TryGetField(descriptor.LocalId, direction, 0, out ulong value))
            {
                text.Append(direction).Append(' ').Append(descriptor.Name).Append('=').Append(value).AppendLine();
            }
        }

        FileList? files = transaction.Files(direction);
        for (int i = 0; files is not null && i < files.Count; i++)
        {
            TrackedFile file = files[i];
            text.Append(Encoding.Latin1.GetString(file.Name)).Append(' ').Append(file.State).Append(' ').Append(file.Size)
                .Append(' ').AppendLine(Convert.ToHexString(file.Md5));
        }
    }

    private ParseContext Context(Direction direction, bool isEnd) => new()
    {
        Flow = Flow,
        Direction = direction,
        TimeUs = 1_000_000,
        IsEnd = isEnd,
        Files = Files,
    };
}
