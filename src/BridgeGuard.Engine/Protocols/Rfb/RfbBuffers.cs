namespace BridgeGuard.Engine.Protocols.Rfb;

internal enum RfbField
{
    SecurityType,
    SecurityResult,
}

/// <summary>What rules may look at.</summary>
internal static class RfbBuffers
{
    public static readonly BufferDescriptor[] All =
    [
        new() { Name = "rfb.name", LocalId = 0, Directions = DirectionMask.ToClient, Help = "the desktop's name" },
    ];

    public static readonly FieldDescriptor[] Fields =
    [
        new() { Name = "rfb.sectype", LocalId = (int)RfbField.SecurityType, Directions = DirectionMask.ToServer, Help = "the security type agreed on" },
        new()
        {
            Name = "rfb.secresult",
            LocalId = (int)RfbField.SecurityResult,
            Directions = DirectionMask.ToClient,
            Names = [("ok", 0), ("fail", 1), ("unknown", 3)],
            Help = "the outcome of the authentication",
        },
    ];
}
