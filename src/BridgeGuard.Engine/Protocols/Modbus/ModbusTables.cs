namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>What a function does to what; bits in the order records list them.</summary>
[Flags]
internal enum ModbusAccess : ushort
{
    None = 0,
    Read = 1 << 0,
    Write = 1 << 1,
    Discretes = 1 << 2,
    Coils = 1 << 3,
    Input = 1 << 4,
    Holding = 1 << 5,
    Single = 1 << 6,
    Multiple = 1 << 7,
}

/// <summary>Who has assigned a function code (Modbus application protocol §5).</summary>
[Flags]
internal enum ModbusCategory : byte
{
    None = 0,
    PublicAssigned = 1 << 0,
    PublicUnassigned = 1 << 1,
    UserDefined = 1 << 2,
    Reserved = 1 << 3,
}

/// <summary>What is wrong with a message.</summary>
[Flags]
internal enum ModbusError : byte
{
    None = 0,
    DataValue = 1 << 0,
    DataLength = 1 << 1,
    ExceptionCode = 1 << 2,
    FunctionCode = 1 << 3,
    ProtocolId = 1 << 4,
}

/// <summary>Code points (Modbus application protocol V1.1b3 §5, §6).</summary>
internal static class ModbusTables
{
    public const byte ReadCoils = 1;
    public const byte ReadDiscretes = 2;
    public const byte ReadHolding = 3;
    public const byte ReadInput = 4;
    public const byte WriteCoil = 5;
    public const byte WriteRegister = 6;
    public const byte ReadExceptionStatus = 7;
    public const byte Diagnostic = 8;
    public const byte EventCounter = 11;
    public const byte EventLog = 12;
    public const byte WriteCoils = 15;
    public const byte WriteRegisters = 16;
    public const byte ReportServerId = 17;
    public const byte ReadFile = 20;
    public const byte WriteFile = 21;
    public const byte MaskWrite = 22;
    public const byte ReadWrite = 23;
    public const byte ReadFifo = 24;
    public const byte Mei = 43;
    public const byte ExceptionBit = 0x80;

    public static ReadOnlySpan<byte> FunctionName(int function) => function switch
    {
        1 => "RdCoils"u8,
        2 => "RdDiscreteInputs"u8,
        3 => "RdHoldRegs"u8,
        4 => "RdInputRegs"u8,
        5 => "WrSingleCoil"u8,
        6 => "WrSingleReg"u8,
        7 => "RdExcStatus"u8,
        8 => "Diagnostic"u8,
        9 => "Program484"u8,
        10 => "Poll484"u8,
        11 => "GetCommEventCtr"u8,
        12 => "GetCommEventLog"u8,
        13 => "ProgramController"u8,
        14 => "PollController"u8,
        15 => "WrMultCoils"u8,
        16 => "WrMultRegs"u8,
        17 => "ReportServerID"u8,
        18 => "Program884"u8,
        19 => "ResetCommLink"u8,
        20 => "RdFileRec"u8,
        21 => "WrFileRec"u8,
        22 => "MaskWrReg"u8,
        23 => "RdWrMultRegs"u8,
        24 => "RdFIFOQueue"u8,
        43 => "MEI"u8,
        _ => "Unknown"u8,
    };

    public static ReadOnlySpan<byte> DiagnosticName(int code) => code switch
    {
        0 => "RetQueryData"u8,
        1 => "RestartCommOpt"u8,
        2 => "RetDiagReg"u8,
        3 => "ChangeInputDelimiter"u8,
        4 => "ForceListenOnlyMode"u8,
        10 => "ClearCtrDiagReg"u8,
        11 => "RetBusMsgCount"u8,
        12 => "RetBusCommErrCount"u8,
        13 => "RetBusExcErrCount"u8,
        14 => "RetServerMsgCount"u8,
        15 => "RetServerNoRespCount"u8,
        16 => "RetServerNAKCount"u8,
        17 => "RetServerBusyCount"u8,
        18 => "RetBusCharOverrunCount"u8,
        19 => "RetOverrunErrCount"u8,
        20 => "ClearOverrunCounterFlag"u8,
        21 => "GetClearPlusStats"u8,
        _ => "Reserved"u8,
    };

    public static ReadOnlySpan<byte> ExceptionName(int code) => code switch
    {
        1 => "IllegalFunction"u8,
        2 => "IllegalDataAddr"u8,
        3 => "IllegalDataValue"u8,
        4 => "ServerDeviceFail"u8,
        5 => "Ack"u8,
        6 => "ServerDeviceBusy"u8,
        7 => "NegAck"u8,
        8 => "MemParityErr"u8,
        10 => "GatewayPathUnavailable"u8,
        11 => "GatewayTargetFailToResp"u8,
        _ => "Unknown"u8,
    };

    public static ReadOnlySpan<byte> MeiName(int code) => code switch
    {
        13 => "CANOpenGenRefReqResp"u8,
        14 => "RdDevId"u8,
        _ => "Unknown"u8,
    };

    public static ModbusAccess AccessOf(int function) => function switch
    {
        ReadCoils => ModbusAccess.Read | ModbusAccess.Coils,
        ReadDiscretes => ModbusAccess.Read | ModbusAccess.Discretes,
        ReadHolding => ModbusAccess.Read | ModbusAccess.Holding,
        ReadInput => ModbusAccess.Read | ModbusAccess.Input,
        WriteCoil => ModbusAccess.Write | ModbusAccess.Coils | ModbusAccess.Single,
        WriteRegister => ModbusAccess.Write | ModbusAccess.Holding | ModbusAccess.Single,
        WriteCoils => ModbusAccess.Write | ModbusAccess.Coils | ModbusAccess.Multiple,
        WriteRegisters => ModbusAccess.Write | ModbusAccess.Holding | ModbusAccess.Multiple,
        MaskWrite => ModbusAccess.Write | ModbusAccess.Holding,
        ReadWrite => ModbusAccess.Read | ModbusAccess.Write | ModbusAccess.Holding | ModbusAccess.Multiple,
        _ => ModbusAccess.None,
    };

    /// <summary>Diagnostics and MEI depend on their second code, -1 when there is none.</summary>
    public static ModbusCategory CategoryOf(int function, int second) => function switch
    {
        0 => ModbusCategory.None,
        Diagnostic => second < 0 ? ModbusCategory.None
            : second is <= 4 or (>= 10 and <= 21) ? ModbusCategory.PublicAssigned : ModbusCategory.Reserved,
        Mei => second < 0 ? ModbusCategory.None : second is 13 or 14 ? ModbusCategory.PublicAssigned : ModbusCategory.Reserved,
        <= 24 => ModbusCategory.PublicAssigned,
        41 or 42 or 90 or 91 or 125 or 126 or 127 => ModbusCategory.Reserved,
        (>= 65 and <= 72) or (>= 100 and <= 110) => ModbusCategory.UserDefined,
        _ => ModbusCategory.PublicUnassigned,
    };
}
