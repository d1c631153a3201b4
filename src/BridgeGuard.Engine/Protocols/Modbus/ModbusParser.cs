using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>Messages with their MBAP header (Modbus messaging on TCP/IP V1.0b §3.1.3).</summary>
/// <remarks>A message with an impossible length is an event; the header, and as many bytes as the length says, are passed over.</remarks>
internal sealed class ModbusParser(ModbusProtocol protocol, ModbusLimits limits) : PooledState<ModbusTransaction>(protocol)
{
    /// <summary>Transaction id, protocol id, length.</summary>
    private const int PrefixBytes = 6;

    private long _skipToServer;
    private long _skipToClient;

    /// <summary>There were too many requests: nothing more is read, of neither side.</summary>
    private bool _isFlooded;

    public override bool TellsWhatItTouches => true;

    public override ParseResult Parse(ReadOnlySpan<byte> input, in ParseContext context)
    {
        bool isRequest = context.Direction == Direction.ToServer;
        ref long skip = ref isRequest ? ref _skipToServer : ref _skipToClient;
        int consumed = 0;
        while (consumed < input.Length && !_isFlooded)
        {
            ReadOnlySpan<byte> rest = input[consumed..];
            if (skip > 0)
            {
                int skipped = (int)Math.Min(skip, rest.Length);
                skip -= skipped;
                consumed += skipped;
                continue;
            }

            if (rest.Length < PrefixBytes)
            {
                return ParseResult.NeedMore(consumed, PrefixBytes);
            }

            int length = BinaryPrimitives.ReadUInt16BigEndian(rest[4..]);
            bool isValid = length is >= ModbusLimits.MinLength and <= ModbusLimits.MaxLength;
            int whole = isValid ? PrefixBytes + length : PrefixBytes;
            if (rest.Length < whole)
            {
                return ParseResult.NeedMore(consumed, whole);
            }

            if (isRequest)
            {
                TakeRequest(rest[..whole], isValid);
            }
            else
            {
                TakeResponse(rest[..whole], isValid);
            }

            skip = isValid ? 0 : length;
            consumed += whole;
        }

        return _isFlooded ? ParseResult.Stop() : ParseResult.Done(consumed);
    }

    public override void Reset()
    {
        base.Reset();
        _skipToServer = 0;
        _skipToClient = 0;
        _isFlooded = false;
    }

    private static ModbusMessage ReadHeader(ReadOnlySpan<byte> adu, bool isValid)
    {
        var message = new ModbusMessage
        {
            TransactionId = BinaryPrimitives.ReadUInt16BigEndian(adu),
            ProtocolId = BinaryPrimitives.ReadUInt16BigEndian(adu[2..]),
            Content = isValid ? ModbusContent.Data : ModbusContent.None,
            Errors = isValid ? ModbusError.None : ModbusError.DataLength,
            SecondCode = -1,
            Data = Slice.None,
        };
        message.Errors |= message.ProtocolId != 0 ? ModbusError.ProtocolId : ModbusError.None;
        if (isValid)
        {
            message.Unit = adu[6];
            message.RawFunction = adu[7];
            message.Errors |= message.Function == 0 ? ModbusError.FunctionCode : ModbusError.None;
        }

        return message;
    }

    private void TakeRequest(ReadOnlySpan<byte> adu, bool isValid)
    {
        ModbusTransaction transaction = Begin();
        ModbusMessage message = ReadHeader(adu, isValid);
        if (isValid)
        {
            ModbusReader.ReadRequest(adu[8..], ref message, transaction.Bytes);
        }

        message.Exists = true;
        transaction.Request = message;
        transaction.Key = Key(message.TransactionId, message.Unit, message.Function);
        Raise(transaction, message.Errors);
    }

    private void TakeResponse(ReadOnlySpan<byte> adu, bool isValid)
    {
        ModbusMessage message = ReadHeader(adu, isValid);
        ModbusTransaction? known = isValid ? Find(message.TransactionId, message.Unit, message.Function) : null;
        ModbusTransaction transaction = known ?? Begin();
        if (isValid)
        {
            ModbusReader.ReadResponse(adu[8..], ref message, transaction.Bytes);
        }

        message.Exists = true;
        Raise(transaction, message.Errors);
        if (known is null)
        {
            transaction.Raise(ModbusAnomaly.UnsolicitedResponse);
        }
        else if (!Repeats(in known.Request, in message))
        {
            message.Errors |= ModbusError.DataValue;
            transaction.Raise(ModbusAnomaly.ValueMismatch);
        }

        transaction.Response = message;
        transaction.Complete();
    }

    /// <summary>Does the response fit its request? Suricata expects as many bytes of registers as of coils; so do we, for its users know it so.</summary>
    private static bool Repeats(in ModbusMessage request, in ModbusMessage response)
    {
        if (response.Content == ModbusContent.Read && request.Content == ModbusContent.Read)
        {
            return response.Data.Length == (request.ReadQuantity + 7) / 8 && request.ReadQuantity > 0;
        }

        if (response.Content == ModbusContent.Mask && request.Content == ModbusContent.Mask)
        {
            return response.WriteAddress == request.WriteAddress && response.WriteValue == request.WriteValue && response.OrMask == request.OrMask;
        }

        if (response.Content != ModbusContent.Write || request.Content != ModbusContent.Write)
        {
            return true;
        }

        int expected = request.WriteQuantity >= 0 ? request.WriteQuantity : request.WriteValue;
        return response.WriteAddress == request.WriteAddress && response.WriteValue == expected;
    }

    private static void Raise(ModbusTransaction transaction, ModbusError errors)
    {
        RaiseIf(transaction, errors, ModbusError.DataValue, ModbusAnomaly.InvalidValue);
        RaiseIf(transaction, errors, ModbusError.DataLength, ModbusAnomaly.InvalidLength);
        RaiseIf(transaction, errors, ModbusError.ExceptionCode, ModbusAnomaly.InvalidExceptionCode);
        RaiseIf(transaction, errors, ModbusError.FunctionCode, ModbusAnomaly.InvalidFunctionCode);
        RaiseIf(transaction, errors, ModbusError.ProtocolId, ModbusAnomaly.InvalidProtocolId);
    }

    private static void RaiseIf(ModbusTransaction transaction, ModbusError errors, ModbusError error, ModbusAnomaly anomaly)
    {
        if ((errors & error) != 0)
        {
            transaction.Raise(anomaly);
        }
    }

    private ModbusTransaction? Find(ushort id, byte unit, byte function)
    {
        uint key = Key(id, unit, function);
        for (int i = Transactions.IndexOfKey(key); i >= 0; i = Transactions.IndexOfKey(key, i + 1))
        {
            var transaction = (ModbusTransaction)Transactions[i];
            ref readonly ModbusMessage request = ref transaction.Request;
            if (!transaction.IsComplete && request.Exists && request.TransactionId == id && request.Unit == unit && request.Function == function)
            {
                return transaction;
            }
        }

        return null;
    }

    private static uint Key(ushort id, byte unit, byte function) => id | ((uint)unit << 16) | ((uint)function << 24);

    private ModbusTransaction Begin()
    {
        ModbusTransaction transaction = Rent();
        _isFlooded = Transactions.Count >= limits.MaxTransactions;
        Transactions.Add(transaction);
        if (_isFlooded)
        {
            transaction.Raise(ModbusAnomaly.Flooded);
        }

        return transaction;
    }
}
