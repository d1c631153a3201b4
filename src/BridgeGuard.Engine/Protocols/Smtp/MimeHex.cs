namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>Two hexadecimal digits as a byte.</summary>
internal static class MimeHex
{
    public static bool TryRead(byte high, byte low, out byte value)
    {
        int left = Digit(high);
        int right = Digit(low);
        value = (byte)((left << 4) | (right & 0xf));
        return left >= 0 && right >= 0;
    }

    private static int Digit(byte digit) => digit switch
    {
        >= (byte)'0' and <= (byte)'9' => digit - '0',
        >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
        >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10,
        _ => -1,
    };
}
