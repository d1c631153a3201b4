namespace BridgeGuard.Engine.Detection.Transforms;

internal static class HexDigit
{
    /// <summary>0 to 15, or -1 for any other byte.</summary>
    public static int ValueOf(int character) => character switch
    {
        >= '0' and <= '9' => character - '0',
        >= 'a' and <= 'f' => character - 'a' + 10,
        >= 'A' and <= 'F' => character - 'A' + 10,
        _ => -1,
    };
}
