using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <summary>Messages of both sides: a type, a length, a content; the first of a connection has no type.</summary>
/// <remarks>
/// Rows and copied data are counted, not kept. The extended query protocol (Parse, Bind, Execute …) is passed over, as in Suricata. Responses go
/// to the newest open request.
/// </remarks>
internal sealed partial class PgsqlParser(PgsqlProtocol protocol, PgsqlLimits limits) : PooledState<PgsqlTransaction>(protocol)
{
    private const int HeaderBytes = 5;
    private const int MinimumLength = 4;

    private long _skipToServer;
    private long _skipToClient;
    private bool _isSaslGoing;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool toServer = context.Direction == Direction.ToServer;
        ref long skip = ref toServer ? ref _skipToServer : ref _skipToClient;
        int consumed = 0;
        while (consumed < input.Length && !Change.Requested)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (skip > 0)
            {
                int skipped = (int)Math.Min(skip, rest.Length);
                skip -= skipped;
                consumed += skipped;
                continue;
            }

            if (!toServer && IsSslAnswer(rest[0]))
            {
                AnswerSsl(rest[0] == 'S');
                consumed++;
                continue;
            }

            int header = toServer && rest[0] == 0 ? 0 : 1;
            if (rest.Length < header + MinimumLength)
            {
                return ParseResult.NeedMore(consumed, header + MinimumLength);
            }

            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest[header..]);
            if (length is < MinimumLength or > int.MaxValue || (header == 0 && length is < 8 or > PgsqlLimits.MaxStartupBytes))
            {
                return Invalid();
            }

            // Of a long message only the beginning is waited for.
            int whole = (int)Math.Min(header + (long)length, WantedBytes(rest[0], header));
            if (rest.Length < whole)
            {
                return ParseResult.NeedMore(consumed, whole);
            }

            ReadOnlySpan<byte> body = rest[(header + MinimumLength)..whole];
            bool isGood = header == 0 ? TakeStartup(body) : toServer ? TakeRequest(rest[0], body, length) : TakeResponse(rest[0], body, length);
            if (!isGood)
            {
                return Invalid();
            }

            skip = header + (long)length - whole;
            consumed += whole;
        }

        return ParseResult.Done(Change.Requested ? consumed : input.Length);
    }

    public override void Reset()
    {
        base.Reset();
        _skipToServer = 0;
        _skipToClient = 0;
        _isSaslGoing = false;
    }

    /// <summary>Bytes of a message that are needed to read it: of rows and copied data the header tells enough.</summary>
    private static long WantedBytes(byte type, int header) => header == 0 ? PgsqlLimits.MaxStartupBytes
        : type is (byte)'D' ? HeaderBytes + 2
        : type is (byte)'d' ? HeaderBytes
        : PgsqlLimits.MaxMessageBytes;

    private bool IsSslAnswer(byte first) =>
        first is (byte)'N' or (byte)'S' && Newest() is { Request: PgsqlRequest.Ssl, IsComplete: false };

    private void AnswerSsl(bool isAccepted)
    {
        PgsqlTransaction transaction = Newest()!;
        transaction.Answers |= isAccepted ? PgsqlAnswers.SslAccepted : PgsqlAnswers.SslRejected;
        transaction.Complete();
        Change = isAccepted ? new ProtocolChange(true, ProtocolId.Tls) : ProtocolChange.None;
    }

    private ParseResult Invalid()
    {
        PgsqlTransaction transaction = Begin(PgsqlRequest.None);
        transaction.Raise(PgsqlAnomaly.InvalidLength);
        transaction.Complete();
        return ParseResult.Stop();
    }

    private void Malformed(PgsqlAnomaly anomaly)
    {
        PgsqlTransaction transaction = Begin(PgsqlRequest.None);
        transaction.Raise(anomaly);
        transaction.Complete();
    }

    /// <summary>StartupMessage, SSLRequest, CancelRequest (§54.7).</summary>
    private bool TakeStartup(ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        reader.TryUInt32(out uint code);
        switch (code)
        {
            case PgsqlTables.SslRequest:
                Begin(PgsqlRequest.Ssl);
                return true;
            case PgsqlTables.CancelRequest when reader.TryUInt32(out uint process) && reader.TryUInt32(out uint key):
                PgsqlTransaction cancel = Begin(PgsqlRequest.Cancel);
                cancel.ProcessId = process;
                cancel.SecretKey = key;
                cancel.Complete();
                return true;
        }

        if (code >> 16 is not (2 or 3))
        {
            Malformed(PgsqlAnomaly.MalformedRequest);
            return true;
        }

        PgsqlTransaction transaction = Begin(PgsqlRequest.Startup);
        transaction.MajorVersion = (ushort)(code >> 16);
        transaction.MinorVersion = (ushort)code;
        while (reader.TryZeroTerminated(out ReadOnlySpan<byte> name) && !name.IsEmpty && reader.TryZeroTerminated(out ReadOnlySpan<byte> value))
        {
            if (name.SequenceEqual("user"u8) && !transaction.Text.Exists)
            {
                transaction.Text = transaction.Bytes.Append(value);
                continue;
            }

            transaction.Add(new PgsqlValue(PgsqlValueKind.StartupParameter, 0, transaction.Bytes.Append(name), transaction.Bytes.Append(value)));
        }

        return true;
    }

    private bool TakeRequest(byte type, ReadOnlySpan<byte> body, uint length)
    {
        switch ((char)type)
        {
            case 'Q':
                Begin(PgsqlRequest.Query, UpToZero(body));
                break;
            case 'X':
                Begin(PgsqlRequest.Terminate).Complete();
                break;
            case 'p':
                TakePassword(body);
                break;
            case 'd':
                PgsqlTransaction copy = CopyTransaction();
                copy.Rows++;
                copy.DataBytes += length - MinimumLength;
                break;
            case 'c':
                PgsqlTransaction done = CopyTransaction();
                done.HasCopyDone = true;
                done.ProgressToServer = 1;
                break;
            case 'f':
                PgsqlTransaction failed = CopyTransaction();
                failed.CopyFail = failed.Bytes.Append(body);
                failed.ProgressToServer = 1;
                break;
        }

        return true;
    }

    /// <summary>Password, SASLInitialResponse or SASLResponse: only the server's last word tells which.</summary>
    private void TakePassword(ReadOnlySpan<byte> body)
    {
        if (!_isSaslGoing)
        {
            Begin(PgsqlRequest.Password, UpToZero(body));
            return;
        }

        var reader = new WireReader(body);
        if (!reader.TryZeroTerminated(out ReadOnlySpan<byte> mechanism) || !mechanism.StartsWith("SCRAM-"u8) || !reader.TryUInt32(out uint length))
        {
            Begin(PgsqlRequest.SaslResponse, body);
            return;
        }

        PgsqlTransaction transaction = Begin(PgsqlRequest.SaslInitial, length <= (uint)reader.Left ? reader.Rest[..(int)length] : reader.Rest);
        transaction.Mechanism = transaction.Bytes.Append(mechanism);
    }

    private PgsqlTransaction CopyTransaction() =>
        Newest() is { IsComplete: false, Request: PgsqlRequest.CopyData } open ? open : Begin(PgsqlRequest.CopyData);

    private static ReadOnlySpan<byte> UpToZero(ReadOnlySpan<byte> body)
    {
        int end = body.IndexOf((byte)0);
        return end < 0 ? body : body[..end];
    }

    private PgsqlTransaction? Newest()
    {
        PgsqlTransaction? newest = Transactions.Count > 0 ? (PgsqlTransaction)Transactions[Transactions.Count - 1] : null;
        newest?.Touch();
        return newest;
    }

    /// <summary>The newest request that still waits; null without.</summary>
    private PgsqlTransaction? Open()
    {
        int index = Transactions.LastIndexOfKey(PgsqlTransaction.OpenKey);
        if (index < 0)
        {
            return null;
        }

        var open = (PgsqlTransaction)Transactions[index];
        open.Touch();
        return open;
    }

    private PgsqlTransaction Begin(PgsqlRequest request, ReadOnlySpan<byte> text = default)
    {
        PgsqlTransaction transaction = Rent();
        transaction.Request = request;

        // Copied data goes on until it is said to be done; every other request is one message.
        transaction.ProgressToServer = (byte)(request is PgsqlRequest.None or PgsqlRequest.CopyData ? 0 : 1);
        if (request is PgsqlRequest.Query or PgsqlRequest.Password or PgsqlRequest.SaslInitial or PgsqlRequest.SaslResponse)
        {
            transaction.Text = transaction.Bytes.Append(text);
        }

        AddOpen(transaction, limits.MaxTransactions + 1);
        return transaction;
    }

    protected override void GiveUp(PgsqlTransaction transaction)
    {
        transaction.Raise(PgsqlAnomaly.TooManyTransactions);
        transaction.Complete();
    }
}
