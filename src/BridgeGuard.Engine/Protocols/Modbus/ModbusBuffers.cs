namespace BridgeGuard.Engine.Protocols.Modbus;

/// <summary>Modbus publishes no buffers: its values are numbers, for which the keyword <c>modbus</c> is there (<see cref="ModbusKeyword"/>).</summary>
internal static class ModbusBuffers
{
    public static readonly BufferDescriptor[] All = [];

    public static readonly KeywordDescriptor[] Keywords =
    [
        new()
        {
            Name = "modbus",
            Directions = DirectionMask.ToServer,
            Parse = ModbusKeyword.Parse,
            Help = "function, access or unit of a request: function 8, subfunction 4; access write holding, address 5, value <10; unit 10, function 1",
        },
    ];
}
