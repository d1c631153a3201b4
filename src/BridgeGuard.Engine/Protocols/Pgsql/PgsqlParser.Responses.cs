using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Pgsql;

/// <content>What the server says.</content>
internal sealed partial class PgsqlParser
{
    /// <summary>Least content of a response type; less is a length that lies.</summary>
    private static int LeastBody(byte type) => (char)type switch
    {
        'R' => 4,
        'K' => 8,
        'Z' => 1,
        'S' => 2,
        'C' => 1,
        'E' or 'N' => 1,
        'D' or 'T' => 2,
        'G' or 'H' or 'W' => 3,
        _ => 0,
    };

    /// <summary>Belongs to the answer of a simple query, a start-up or a copy.</summary>
    private static bool IsAnswer(byte type) => "CDEGHKRSTZcd"u8.Contains(type);

    private bool TakeResponse(byte type, ReadOnlySpan<byte> body, uint length)
    {
        if (body.Length < LeastBody(type))
        {
            return false;
        }

        if (Open() is not { } transaction)
        {
            return true;
        }

        if (!IsAnswer(type) && transaction is { ResponseCount: 0, Rows: 0 })
        {
            // As in Suricata: what comes unasked (a notice, a notification) or belongs to the extended protocol, ahead of the answer, is an exchange of its own, and the answer goes there.
            Begin(PgsqlRequest.None);
            return true;
        }

        bool isData = type is (byte)'D' or (byte)'d';
        bool isEnd = type == 'Z';
        if (!isData && !isEnd && transaction.ResponseCount >= limits.MaxResponses)
        {
            transaction.Raise(PgsqlAnomaly.TooManyResponses);
            return true;
        }

        transaction.ResponseCount += isData || isEnd ? 0 : 1;
        switch ((char)type)
        {
            case 'R':
                return TakeAuthentication(transaction, body);
            case 'S':
                return TryParameterStatus(transaction, body);
            case 'K':
                TakeKeyData(transaction, body);
                break;
            case 'T':
                TakeRowDescription(transaction, body);
                break;
            case 'D':
                TakeRow(transaction, body, length);
                break;
            case 'd':
                transaction.Answers |= PgsqlAnswers.CopyDataOut;
                transaction.Rows++;
                transaction.DataBytes += length - MinimumLength;
                break;
            case 'C':
                transaction.CommandTag = transaction.Bytes.Append(UpToZero(body));
                break;
            case 'E':
                return TryErrorFields(transaction, body);
            case 'G':
                TakeCopy(transaction, body, PgsqlAnswers.CopyIn);
                transaction.Complete();
                break;
            case 'H':
                TakeCopy(transaction, body, PgsqlAnswers.CopyOut);
                break;
            case 'c':
                transaction.Answers |= PgsqlAnswers.CopyDone;
                break;
            case 'Z':
                transaction.IsReady = true;
                transaction.Complete();
                break;
        }

        return true;
    }

    /// <summary>§54.7, the Authentication messages: what asks for more ends the exchange.</summary>
    private bool TakeAuthentication(PgsqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        reader.TryUInt32(out uint code);
        switch (code)
        {
            case 0:
                transaction.Answers |= PgsqlAnswers.AuthenticationOk;
                _isSaslGoing = false;
                return true;
            case 3:
                transaction.Answers |= PgsqlAnswers.ClearText;
                break;
            case 5 when reader.Left >= 4:
                transaction.Answers |= PgsqlAnswers.Md5;
                transaction.Salt = transaction.Bytes.Append(reader.Rest[..4]);
                break;
            case 10:
                transaction.Answers |= PgsqlAnswers.Sasl;
                _isSaslGoing = true;
                break;
            case 11:
                transaction.Answers |= PgsqlAnswers.SaslContinue;
                break;
            case 12:
                transaction.Answers |= PgsqlAnswers.SaslFinal;
                transaction.SaslFinal = transaction.Bytes.Append(reader.Rest);
                return true;
            default:
                Malformed(PgsqlAnomaly.MalformedResponse);
                return true;
        }

        transaction.Complete();
        return true;
    }

    private static bool TryParameterStatus(PgsqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        if (!reader.TryZeroTerminated(out ReadOnlySpan<byte> name) || !reader.TryZeroTerminated(out ReadOnlySpan<byte> value))
        {
            return false;
        }

        transaction.Add(new PgsqlValue(PgsqlValueKind.ParameterStatus, 0, transaction.Bytes.Append(name), transaction.Bytes.Append(value)));
        return true;
    }

    private static void TakeKeyData(PgsqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        reader.TryUInt32(out uint process);
        reader.TryUInt32(out uint key);
        transaction.Answers |= PgsqlAnswers.KeyData;
        transaction.ProcessId = process;
        transaction.SecretKey = key;
    }

    /// <summary>Fields: a name, 18 bytes of table, column, type, size, modifier, format.</summary>
    private static void TakeRowDescription(PgsqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        const int FixedBytes = 18;
        var reader = new WireReader(body);
        reader.TryUInt16(out ushort count);
        transaction.Answers |= PgsqlAnswers.RowDescription;
        transaction.Fields = count;
        for (int i = 0; i < count; i++)
        {
            if (!reader.TryZeroTerminated(out _) || !reader.TrySkip(FixedBytes))
            {
                transaction.Answers |= PgsqlAnswers.RowDescriptionMalformed;
                transaction.Raise(PgsqlAnomaly.MalformedResponse);
                return;
            }
        }
    }

    /// <summary>What is left of the length besides the columns' own lengths is data.</summary>
    private static void TakeRow(PgsqlTransaction transaction, ReadOnlySpan<byte> body, uint length)
    {
        int columns = (body[0] << 8) | body[1];
        long data = length - MinimumLength - 2 - (4L * columns);
        transaction.Rows++;
        if (data < 0)
        {
            transaction.Raise(PgsqlAnomaly.MalformedResponse);
            return;
        }

        transaction.DataBytes += (ulong)data;
    }

    /// <summary>CopyInResponse, CopyOutResponse: format, columns, a format for each.</summary>
    private static void TakeCopy(PgsqlTransaction transaction, ReadOnlySpan<byte> body, PgsqlAnswers kind)
    {
        int columns = (body[1] << 8) | body[2];
        bool isMalformed = body.Length < 3 + (2 * columns);
        transaction.Answers |= kind;
        transaction.CopyColumns = isMalformed ? 0 : columns;
        if (isMalformed)
        {
            transaction.Answers |= PgsqlAnswers.CopyMalformed;
            transaction.Raise(PgsqlAnomaly.MalformedResponse);
        }
    }

    /// <summary>Fields of a code and a text, ended by a zero (§54.8).</summary>
    private static bool TryErrorFields(PgsqlTransaction transaction, ReadOnlySpan<byte> body)
    {
        var reader = new WireReader(body);
        while (reader.TryByte(out byte code) && code != 0)
        {
            if (!reader.TryZeroTerminated(out ReadOnlySpan<byte> text))
            {
                return false;
            }

            transaction.Add(new PgsqlValue(PgsqlValueKind.ErrorField, code, Slice.None, transaction.Bytes.Append(text)));
        }

        return true;
    }
}
