using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>How the data of a message was understood.</summary>
internal enum ModbusContent : byte
{
    /// <summary>Bytes only.</summary>
    Data,

    /// <summary>A header only, for the length was wrong.</summary>
    None,
    Read,
    Write,
    ReadWrite,
    Mask,
    Diagnostic,
    Mei,
    Exception,
}

/// <summary>A request or a response.</summary>
internal struct ModbusMessage
{
    public bool Exists;
    public ushort TransactionId;
    public ushort ProtocolId;
    public byte Unit;

    /// <summary>As on the wire, with the exception bit.</summary>
    public byte RawFunction;
    public ModbusContent Content;
    public ModbusError Errors;

    /// <summary>Read: first address and how many.</summary>
    public int ReadAddress;
    public int ReadQuantity;

    /// <summary>Write: address; how many, -1 when a single value; the value, the AND mask.</summary>
    public int WriteAddress;
    public int WriteQuantity;
    public int WriteValue;
    public int OrMask;

    /// <summary>Diagnostic, MEI or exception code; -1 without.</summary>
    public int SecondCode;

    /// <summary>Values read or written, or the data that is not understood.</summary>
    public Slice Data;

    public readonly byte Function => (byte)(RawFunction & ~ModbusTables.ExceptionBit);

    public readonly bool IsException => (RawFunction & ModbusTables.ExceptionBit) != 0;

    public readonly ModbusAccess Access => ModbusTables.AccessOf(Function);

    public readonly ModbusCategory Category => ModbusTables.CategoryOf(Function, Content == ModbusContent.Exception ? -1 : SecondCode);
}

/// <summary>A request with its response, or a response alone.</summary>
internal sealed class ModbusTransaction : Transaction
{
    private ModbusMessage _request;
    private ModbusMessage _response;

    public ByteBuffer Bytes { get; } = new();

    public ref ModbusMessage Request => ref _request;

    public ref ModbusMessage Response => ref _response;

    public bool IsComplete => ProgressToClient != 0;

    public void Complete()
    {
        ProgressToServer = 1;
        ProgressToClient = 1;
        Key = 0;
    }

    public void Raise(ModbusAnomaly anomaly) => Note((int)anomaly);

    /// <summary>There are no buffers, only the keyword.</summary>
    public override bool TryGetBuffer(int buffer, Direction direction, int index, out BufferView view)
    {
        view = default;
        return false;
    }

    public override void Reset()
    {
        base.Reset();
        Bytes.Reset();
        _request = default;
        _response = default;
    }
}
