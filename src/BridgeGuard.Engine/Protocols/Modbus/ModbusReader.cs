using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>Reads the data of a PDU by its function (Modbus application protocol §6), and judges it.</summary>
internal static class ModbusReader
{
    /// <summary>Most coils, registers of a request (§6.1 to §6.17).</summary>
    private const int MaxReadBits = 2000;
    private const int MaxReadRegisters = 125;
    private const int MaxWriteBits = 1968;
    private const int MaxWriteRegisters = 123;

    public static void ReadRequest(ReadOnlySpan<byte> data, ref ModbusMessage message, ByteBuffer bytes)
    {
        var reader = new WireReader(data);
        bool isGood = message.Function switch
        {
            ModbusTables.ReadCoils or ModbusTables.ReadDiscretes => TryRange(ref reader, ref message, MaxReadBits),
            ModbusTables.ReadHolding or ModbusTables.ReadInput => TryRange(ref reader, ref message, MaxReadRegisters),
            ModbusTables.WriteCoil or ModbusTables.WriteRegister => TrySingle(ref reader, ref message, isRequest: true),
            ModbusTables.WriteCoils => TryMultiple(ref reader, ref message, bytes, MaxWriteBits, isBits: true),
            ModbusTables.WriteRegisters => TryMultiple(ref reader, ref message, bytes, MaxWriteRegisters, isBits: false),
            ModbusTables.MaskWrite => TryMask(ref reader, ref message),
            ModbusTables.ReadWrite => TryReadWrite(ref reader, ref message, bytes),
            ModbusTables.Diagnostic => TryDiagnostic(ref reader, ref message, bytes, isRequest: true),
            ModbusTables.Mei => TryMei(ref reader, ref message, bytes),
            ModbusTables.ReadExceptionStatus or ModbusTables.EventCounter or ModbusTables.EventLog or ModbusTables.ReportServerId => reader.Left == 0,
            ModbusTables.ReadFifo => reader.Left == 2,
            _ => true,
        };
        Finish(reader, isGood, data, ref message, bytes);
    }

    public static void ReadResponse(ReadOnlySpan<byte> data, ref ModbusMessage message, ByteBuffer bytes)
    {
        var reader = new WireReader(data);
        bool isGood = message.IsException ? TryException(ref reader, ref message) : message.Function switch
        {
            ModbusTables.ReadCoils or ModbusTables.ReadDiscretes or ModbusTables.ReadHolding or ModbusTables.ReadInput or ModbusTables.ReadWrite =>
                TryValues(ref reader, ref message, bytes),
            ModbusTables.WriteCoil or ModbusTables.WriteRegister or ModbusTables.WriteCoils or ModbusTables.WriteRegisters =>
                TrySingle(ref reader, ref message, isRequest: false),
            ModbusTables.MaskWrite => TryMask(ref reader, ref message),
            ModbusTables.Diagnostic => TryDiagnostic(ref reader, ref message, bytes, isRequest: false),
            ModbusTables.Mei => TryMei(ref reader, ref message, bytes),
            _ => true,
        };
        Finish(reader, isGood, data, ref message, bytes);
    }

    /// <summary>What does not fit is kept as bytes; what is left over is an error of length.</summary>
    private static void Finish(WireReader reader, bool isGood, ReadOnlySpan<byte> data, ref ModbusMessage message, ByteBuffer bytes)
    {
        if (!isGood)
        {
            message.Errors |= ModbusError.DataLength;
            message.Content = ModbusContent.Data;
            message.SecondCode = -1;
        }
        else if (message.Content != ModbusContent.Data && reader.Left > 0)
        {
            message.Errors |= ModbusError.DataLength;
        }

        if (message.Content == ModbusContent.Data)
        {
            message.Data = bytes.Append(data);
        }
    }

    private static bool TryPair(ref WireReader reader, out int first, out int second)
    {
        bool taken = reader.TryUInt16(out ushort one) & reader.TryUInt16(out ushort two);
        first = one;
        second = two;
        return taken;
    }

    private static void Demand(bool isValid, ref ModbusMessage message) => message.Errors |= isValid ? ModbusError.None : ModbusError.DataValue;

    private static bool TryRange(ref WireReader reader, ref ModbusMessage message, int max)
    {
        if (!TryPair(ref reader, out message.ReadAddress, out message.ReadQuantity))
        {
            return false;
        }

        message.Content = ModbusContent.Read;
        Demand(message.ReadQuantity > 0 && message.ReadQuantity <= max, ref message);
        return true;
    }

    /// <summary>Echoed values are judged by the request, not by themselves.</summary>
    private static bool TrySingle(ref WireReader reader, ref ModbusMessage message, bool isRequest)
    {
        if (!TryPair(ref reader, out message.WriteAddress, out message.WriteValue))
        {
            return false;
        }

        message.Content = ModbusContent.Write;
        message.WriteQuantity = -1;
        Demand(!isRequest || message.Function != ModbusTables.WriteCoil || message.WriteValue is 0 or 0xff00, ref message);
        return true;
    }

    private static bool TryMultiple(ref WireReader reader, ref ModbusMessage message, ByteBuffer bytes, int max, bool isBits)
    {
        if (!TryPair(ref reader, out message.WriteAddress, out message.WriteQuantity) || !reader.TryByte(out byte count)
            || !reader.TryTake(count, out ReadOnlySpan<byte> values))
        {
            return false;
        }

        message.Content = message.Content == ModbusContent.Read ? ModbusContent.ReadWrite : ModbusContent.Write;
        message.Data = bytes.Append(values);
        int expected = isBits ? (message.WriteQuantity + 7) / 8 : message.WriteQuantity * 2;
        Demand(message.WriteQuantity > 0 && message.WriteQuantity <= max && count == expected, ref message);
        return true;
    }

    private static bool TryReadWrite(ref WireReader reader, ref ModbusMessage message, ByteBuffer bytes) =>
        TryRange(ref reader, ref message, MaxReadRegisters) && TryMultiple(ref reader, ref message, bytes, MaxWriteRegisters - 2, isBits: false);

    private static bool TryMask(ref WireReader reader, ref ModbusMessage message)
    {
        if (!TryPair(ref reader, out message.WriteAddress, out message.WriteValue) || !reader.TryUInt16(out ushort or))
        {
            return false;
        }

        message.Content = ModbusContent.Mask;
        message.OrMask = or;
        return true;
    }

    private static bool TryDiagnostic(ref WireReader reader, ref ModbusMessage message, ByteBuffer bytes, bool isRequest)
    {
        if (!reader.TryUInt16(out ushort code))
        {
            return false;
        }

        ReadOnlySpan<byte> data = reader.Rest;
        message.Content = ModbusContent.Diagnostic;
        message.SecondCode = code;
        message.Data = bytes.Append(data);
        reader.TrySkip(data.Length);
        if (!isRequest || code is 0 or 4 || ModbusTables.CategoryOf(ModbusTables.Diagnostic, code) == ModbusCategory.Reserved)
        {
            return true;
        }

        int value = data.Length == 2 ? (data[0] << 8) | data[1] : -1;
        Demand(code switch { 1 => value is 0 or 0xff00, 3 => value >= 0 && (value & 0xff) == 0, _ => value == 0 }, ref message);
        return true;
    }

    private static bool TryMei(ref WireReader reader, ref ModbusMessage message, ByteBuffer bytes)
    {
        if (!reader.TryByte(out byte code))
        {
            return false;
        }

        message.Content = ModbusContent.Mei;
        message.SecondCode = code;
        message.Data = bytes.Append(reader.Rest);
        reader.TrySkip(reader.Left);
        return true;
    }

    private static bool TryValues(ref WireReader reader, ref ModbusMessage message, ByteBuffer bytes)
    {
        if (!reader.TryByte(out byte count) || !reader.TryTake(count, out ReadOnlySpan<byte> values))
        {
            return false;
        }

        message.Content = ModbusContent.Read;
        message.Data = bytes.Append(values);
        return true;
    }

    private static bool TryException(ref WireReader reader, ref ModbusMessage message)
    {
        if (!reader.TryByte(out byte code))
        {
            return false;
        }

        message.Content = ModbusContent.Exception;
        message.SecondCode = code;
        bool isValid = code is (>= 1 and <= 7) or 10 or 11 || (code == 8 && message.Function is ModbusTables.ReadFile or ModbusTables.WriteFile);
        message.Errors |= isValid ? ModbusError.None : ModbusError.ExceptionCode;
        return true;
    }
}
