using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.MySql;

/// <summary>The parser of one connection: the server greets, the client logs in, then commands and their responses.</summary>
/// <remarks>
/// <code>
///  | length (3, little-endian) | number (1) | body |      a body of 2^24 - 1 bytes goes on in the next packet
/// greeting: 10, version, 0 …    command: code, rest    response: 0 OK | 0xff error | 0xfe end | 0xfb file | columns, rows
/// </code>
/// Of a packet <see cref="MySqlLimits.MaxPacketBytes"/> are waited for; rows are counted only.
/// </remarks>
internal sealed class MySqlParser(MySqlProtocol protocol, MySqlLimits limits) : PooledState<MySqlTransaction>(protocol)
{
    public const int HeaderBytes = 4;
    public const byte ProtocolVersion = 10;
    public const byte Ok = 0;
    public const byte Error = 0xff;
    private const byte End = 0xfe;
    private const byte LocalFile = 0xfb;
    private const int Longest = (1 << 24) - 1;
    private const int EndBytes = 9;
    private const ushort MoreResults = 8;
    private const ushort AccessDenied = 1045;

    private readonly Way _client = new();
    private readonly Way _server = new();
    private Phase _phase;
    private Response _response;
    private ulong _definitionsLeft;
    private MySqlTransaction? _login;
    private MySqlCapabilities _capabilities;
    private bool _cachesMetadata;

    private enum Phase : byte
    {
        Greeting,
        Login,
        Commands,

        /// <summary>Compressed: nothing more is read.</summary>
        Opaque,
    }

    /// <summary>Where within its response the server is.</summary>
    private enum Response : byte
    {
        First,
        Definitions,
        DefinitionsEnd,
        Rows,
        Prepared,
        File,
    }

    public override bool TellsWhatItTouches => true;

    public static int LengthOf(ReadOnlySpan<byte> header) => header[0] | (header[1] << 8) | (header[2] << 16);

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        Way way = toServer ? _client : _server;
        int consumed = 0;
        while (consumed < input.Length)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (_phase == Phase.Opaque || Change.Requested)
            {
                return ParseResult.Done(input.Length);
            }

            if (way.Skip > 0)
            {
                int skipped = (int)Math.Min(way.Skip, rest.Length);
                way.Skip -= skipped;
                consumed += skipped;
                continue;
            }

            if (rest.Length < HeaderBytes)
            {
                return ParseResult.NeedMore(consumed, HeaderBytes);
            }

            int length = LengthOf(rest);
            int kept = way.Continues ? 0 : Math.Min(length, MySqlLimits.MaxPacketBytes);
            if (rest.Length < HeaderBytes + kept)
            {
                return ParseResult.NeedMore(consumed, HeaderBytes + kept);
            }

            bool goesOn = way.Continues;
            way.Continues = length == Longest;
            way.Skip = length - kept;
            consumed += HeaderBytes + kept;
            ReadOnlySpan<byte> body = rest.Slice(HeaderBytes, kept);
            if (!goesOn && !(toServer ? TakeRequest(body) : TakeResponse(body, length)))
            {
                return ParseResult.Stop();
            }
        }

        return ParseResult.Done(consumed);
    }

    public override void Release(Transaction transaction)
    {
        _login = ReferenceEquals(_login, transaction) ? null : _login;
        base.Release(transaction);
    }

    public override void Reset()
    {
        base.Reset();
        _client.Reset();
        _server.Reset();
        _phase = Phase.Greeting;
        _response = Response.First;
        _definitionsLeft = 0;
        _login = null;
        _capabilities = MySqlCapabilities.None;
        _cachesMetadata = false;
    }

    protected override void TouchCurrent(Direction direction) => _login?.Touch();

    protected override void GiveUp(MySqlTransaction transaction)
    {
        transaction.Raise(MySqlAnomaly.TooManyTransactions);
        transaction.Complete();
    }

    private bool TakeRequest(ReadOnlySpan<byte> body)
    {
        switch (_phase)
        {
            case Phase.Greeting:
                // Before the greeting there is nothing to say.
                return Malformed(Begin(MySqlCommand.Login), MySqlAnomaly.MalformedRequest);
            case Phase.Login:
                return TakeLogin(body);
            default:
                if (_response != Response.File)
                {
                    TakeCommand(body);
                }
                else if (body.IsEmpty)
                {
                    // The file has ended; the server says how it liked it.
                    _response = Response.First;
                }

                return true;
        }
    }

    private bool TakeLogin(ReadOnlySpan<byte> body)
    {
        if (_login is not { ProgressToServer: 0 } login)
        {
            // What a plug-in sends to prove who it is.
            return true;
        }

        if (!MySqlReader.TryLogin(body, login, out _capabilities, out _cachesMetadata))
        {
            return Malformed(login, MySqlAnomaly.MalformedRequest);
        }

        login.IsTls = (_capabilities & MySqlCapabilities.Ssl) != 0 && !login.User.Exists;
        login.IsCompressed = (_capabilities & (MySqlCapabilities.Compress | MySqlCapabilities.ZstdCompress)) != 0;
        login.ProgressToServer = 1;
        if (login.IsTls)
        {
            login.ProgressToClient = 1;
            Change = new ProtocolChange(true, ProtocolId.Tls);
        }

        return true;
    }

    private void TakeCommand(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty)
        {
            Malformed(Begin(MySqlCommand.Sleep), MySqlAnomaly.MalformedRequest);
            return;
        }

        var command = (MySqlCommand)body[0];
        MySqlTransaction transaction = Begin(command);
        body = body[1..];
        if (MySqlTables.HasStatement(command))
        {
            transaction.HasStatementId = BinaryPrimitives.TryReadUInt32LittleEndian(body, out uint id);
            transaction.StatementId = id;
        }
        else if (MySqlTables.HasText(command))
        {
            transaction.Text = transaction.Request.Append(command switch
            {
                MySqlCommand.Query => WithoutAttributes(body),
                MySqlCommand.FieldList => body[..Math.Max(body.IndexOf((byte)0), 0)],
                _ => body,
            });
        }
        else if (command == MySqlCommand.ChangeUser)
        {
            if (!MySqlReader.TryChangeUser(body, transaction, _capabilities))
            {
                transaction.Raise(MySqlAnomaly.MalformedRequest);
            }

            _login = transaction;
            _phase = Phase.Login;
        }

        transaction.ProgressToServer = 1;
        if (MySqlTables.IsUnanswered(command))
        {
            transaction.ProgressToClient = 1;
        }
    }

    /// <summary>Attributes stand before the text: their count, the count of their sets, and what they are. Only none can be stepped over.</summary>
    private ReadOnlySpan<byte> WithoutAttributes(ReadOnlySpan<byte> body) =>
        (_capabilities & MySqlCapabilities.QueryAttributes) != 0 && body.StartsWith("\0\u0001"u8) ? body[2..] : body;

    private bool TakeResponse(ReadOnlySpan<byte> body, int length)
    {
        if (_phase == Phase.Greeting)
        {
            return TakeGreeting(body);
        }

        if (body.IsEmpty)
        {
            return true;
        }

        if (_phase == Phase.Login)
        {
            TakeProof(body);
            return true;
        }

        int open = OldestOpen(Direction.ToClient);
        if (open >= 0)
        {
            var transaction = (MySqlTransaction)Transactions[open];
            transaction.Touch();
            TakeAnswer(transaction, body, length);
        }

        return true;
    }

    private bool TakeGreeting(ReadOnlySpan<byte> body)
    {
        _login = Begin(MySqlCommand.Login);
        _phase = Phase.Login;
        if (!body.IsEmpty && body[0] == Error)
        {
            TakeError(_login, body[1..]);
            _login.ProgressToServer = 1;
            return true;
        }

        return (!body.IsEmpty && body[0] == ProtocolVersion && MySqlReader.TryGreeting(body[1..], _login)) || Malformed(_login, MySqlAnomaly.MalformedResponse);
    }

    /// <summary>The server asks for more, or says yes or no.</summary>
    private void TakeProof(ReadOnlySpan<byte> body)
    {
        if (_login is not { } login || body[0] is not (Ok or Error))
        {
            return;
        }

        if (body[0] == Error)
        {
            TakeError(login, body[1..]);
            _phase = login.Command == MySqlCommand.ChangeUser ? Phase.Commands : _phase;
            return;
        }

        TakeOk(login, body[1..]);
        login.ProgressToClient = 1;
        _phase = login.IsCompressed ? Phase.Opaque : Phase.Commands;
    }

    private void TakeAnswer(MySqlTransaction transaction, ReadOnlySpan<byte> body, int length)
    {
        bool isEnd = body[0] == End && (length < EndBytes || ((_capabilities & MySqlCapabilities.DeprecateEof) != 0 && length < Longest));
        switch (_response)
        {
            case Response.First or Response.File:
                TakeFirst(transaction, body, isEnd);
                return;
            case Response.Definitions or Response.Prepared:
                TakeDefinition(transaction, isEnd);
                return;
            case Response.DefinitionsEnd:
                _response = Response.Rows;
                if (isEnd)
                {
                    return;
                }

                break;
        }

        if (body[0] == Error)
        {
            TakeError(transaction, body[1..]);
        }
        else if (!isEnd)
        {
            transaction.Rows++;
        }
        else if (!HasMore(body[1..]))
        {
            Finish(transaction);
        }
        else
        {
            _response = Response.First;
        }
    }

    private void TakeFirst(MySqlTransaction transaction, ReadOnlySpan<byte> body, bool isEnd)
    {
        _response = Response.First;
        switch (body[0])
        {
            case Error:
                TakeError(transaction, body[1..]);
                return;
            case Ok when transaction.Command == MySqlCommand.StmtPrepare:
                TakePrepared(transaction, body[1..]);
                return;
            case Ok when transaction.Command is MySqlCommand.BinlogDump or MySqlCommand.BinlogDumpGtid or MySqlCommand.StmtFetch:
                // Events, or rows, up to an end.
                transaction.Answer = MySqlAnswer.ResultSet;
                _response = Response.Rows;
                transaction.Rows++;
                return;
            case Ok:
                ushort status = TakeOk(transaction, body[1..]);
                if ((status & MoreResults) == 0)
                {
                    Finish(transaction);
                }

                return;
            case LocalFile when transaction.Command == MySqlCommand.Query:
                transaction.Answer = MySqlAnswer.LocalInfile;
                transaction.Message = transaction.Response.Append(body[1..Math.Min(body.Length, MySqlLimits.MaxTextBytes)]);
                transaction.Raise(MySqlAnomaly.LocalInfile);
                _response = Response.File;
                return;
        }

        if (transaction.Command == MySqlCommand.Statistics)
        {
            transaction.Answer = MySqlAnswer.Text;
            transaction.Message = transaction.Response.Append(body[..Math.Min(body.Length, MySqlLimits.MaxTextBytes)]);
            Finish(transaction);
        }
        else if (isEnd)
        {
            transaction.Answer = MySqlAnswer.Ok;
            Finish(transaction);
        }
        else
        {
            TakeColumns(transaction, body);
        }
    }

    private void TakeColumns(MySqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        if (transaction.Command is MySqlCommand.FieldList or MySqlCommand.StmtFetch)
        {
            // Definitions, or rows, up to an end.
            transaction.Answer = MySqlAnswer.ResultSet;
            transaction.Rows++;
            _response = Response.Rows;
            return;
        }

        var reader = new WireReader(body);
        bool isOptional = (_capabilities & MySqlCapabilities.OptionalMetadata) != 0;
        byte follows = 1;
        if ((isOptional && !reader.TryByte(out follows)) || !MySqlReader.TryNumber(ref reader, out ulong columns))
        {
            Malformed(transaction, MySqlAnomaly.MalformedResponse);
            return;
        }

        if (_cachesMetadata && reader.TryByte(out byte sent))
        {
            follows = sent;
        }

        transaction.Answer = MySqlAnswer.ResultSet;
        transaction.Columns = columns;
        _definitionsLeft = follows == 0 ? 0 : columns;
        _response = _definitionsLeft > 0 ? Response.Definitions : AfterDefinitions();
    }

    private Response AfterDefinitions() => (_capabilities & MySqlCapabilities.DeprecateEof) != 0 ? Response.Rows : Response.DefinitionsEnd;

    /// <summary>Prepared: its number, columns and parameters; a definition of each follows, and an end behind each kind.</summary>
    private void TakePrepared(MySqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        if (!reader.TryUInt32Little(out uint id) || !reader.TryUInt16Little(out ushort columns) || !reader.TryUInt16Little(out ushort parameters))
        {
            Malformed(transaction, MySqlAnomaly.MalformedResponse);
            return;
        }

        transaction.Answer = MySqlAnswer.Ok;
        transaction.HasStatementId = true;
        transaction.StatementId = id;
        transaction.Columns = columns;
        int ends = (_capabilities & MySqlCapabilities.DeprecateEof) != 0 ? 0 : (columns > 0 ? 1 : 0) + (parameters > 0 ? 1 : 0);
        _definitionsLeft = (ulong)(columns + parameters + ends);
        _response = Response.Prepared;
        if (_definitionsLeft == 0)
        {
            Finish(transaction);
        }
    }

    private void TakeDefinition(MySqlTransaction transaction, bool isEnd)
    {
        if (--_definitionsLeft > 0)
        {
            return;
        }

        if (_response == Response.Prepared)
        {
            Finish(transaction);
        }
        else
        {
            _response = isEnd ? Response.Rows : AfterDefinitions();
        }
    }

    private bool HasMore(ReadOnlySpan<byte> end)
    {
        var reader = new WireReader(end);
        if ((_capabilities & MySqlCapabilities.DeprecateEof) == 0)
        {
            return reader.TrySkip(2) && reader.TryUInt16Little(out ushort flags) && (flags & MoreResults) != 0;
        }

        return MySqlReader.TryNumber(ref reader, out _) && MySqlReader.TryNumber(ref reader, out _) && reader.TryUInt16Little(out ushort status)
            && (status & MoreResults) != 0;
    }

    private static ushort TakeOk(MySqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        transaction.Answer = MySqlAnswer.Ok;
        if (!MySqlReader.TryOk(body, transaction, out ushort status))
        {
            transaction.Raise(MySqlAnomaly.MalformedResponse);
        }

        return status;
    }

    private void TakeError(MySqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        transaction.Answer = MySqlAnswer.Error;
        if (!MySqlReader.TryError(body, transaction))
        {
            transaction.Raise(MySqlAnomaly.MalformedResponse);
        }

        if (transaction.ErrorCode == AccessDenied && transaction.Command is MySqlCommand.Login or MySqlCommand.ChangeUser)
        {
            transaction.Raise(MySqlAnomaly.AccessDenied);
        }

        Finish(transaction);
    }

    private void Finish(MySqlTransaction transaction)
    {
        transaction.ProgressToClient = 1;
        _response = Response.First;
    }

    private MySqlTransaction Begin(MySqlCommand command)
    {
        MySqlTransaction transaction = Rent();
        transaction.Command = command;
        AddOpen(transaction, limits.MaxTransactions);
        return transaction;
    }

    private static bool Malformed(MySqlTransaction transaction, MySqlAnomaly anomaly)
    {
        transaction.Raise(anomaly);
        transaction.Complete();
        return false;
    }

    /// <summary>Where one direction stands.</summary>
    private sealed class Way
    {
        /// <summary>Bytes of a packet that pass through.</summary>
        public long Skip;

        /// <summary>The next packet is the rest of this one.</summary>
        public bool Continues;

        public void Reset()
        {
            Skip = 0;
            Continues = false;
        }
    }
}
