namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>The named oddities of Modbus; the value is the index into <see cref="ModbusAnomalies.All"/>.</summary>
internal enum ModbusAnomaly : byte
{
    UnsolicitedResponse,
    InvalidFunctionCode,
    InvalidLength,
    InvalidProtocolId,
    InvalidValue,
    InvalidExceptionCode,
    ValueMismatch,
    Flooded,
}

/// <summary>Their names in rules.</summary>
internal static class ModbusAnomalies
{
    public static readonly AnomalyDescriptor[] All =
    [
        new("unsolicited_response", "a response to no open request"),
        new("invalid_function_code", "function code 0"),
        new("invalid_length", "a length that contradicts the function"),
        new("invalid_protocol_id", "a protocol id other than 0"),
        new("invalid_value", "a quantity or value that the function does not allow"),
        new("invalid_exception_code", "an exception code that the function does not have"),
        new("value_mismatch", "a response that does not repeat the request's values"),
        new("flooded", "more open requests than the limit"),
    ];
}
