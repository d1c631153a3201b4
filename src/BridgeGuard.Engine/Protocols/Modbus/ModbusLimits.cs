namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>Every cap of the Modbus parser.</summary>
internal sealed class ModbusLimits(ProtocolSettings settings)
{
    /// <summary>Least and greatest value of the length field: unit and PDU (Modbus over TCP/IP §4.1: the whole is 260 bytes at most).</summary>
    public const int MinLength = 2;
    public const int MaxLength = 254;

    /// <summary>Transactions alive on one flow; one more is the last that is read (<c>request-flood</c>, Suricata's default).</summary>
    public int MaxTransactions { get; } = (int)Math.Clamp(settings.GetSize("request-flood", 500), 1, 1 << 20);
}
