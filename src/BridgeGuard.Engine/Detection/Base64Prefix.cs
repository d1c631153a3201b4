namespace BridgeGuard.Engine.Detection;

/// <summary>Decodes the base64 at the start of a buffer and stops where it ends (RFC 4648 §4; blanks and line ends are skipped, RFC 2045 §6.8).</summary>
internal static class Base64Prefix
{
    /// <summary>Bytes written; a group that is cut short gives what its characters hold.</summary>
    public static int Decode(ReadOnlySpan<byte> encoded, Span<byte> destination)
    {
        int written = 0;
        uint group = 0;
        int count = 0;
        foreach (byte value in encoded)
        {
            int digit = DigitOf(value);
            if (digit < 0)
            {
                if (value is (byte)' ' or (byte)'\r' or (byte)'\n' or (byte)'\t')
                {
                    continue;
                }

                break;
            }

            group = (group << 6) | (uint)digit;
            if (++count < 4)
            {
                continue;
            }

            if (written + 3 > destination.Length)
            {
                return written;
            }

            destination[written++] = (byte)(group >> 16);
            destination[written++] = (byte)(group >> 8);
            destination[written++] = (byte)group;
            group = 0;
            count = 0;
        }

        if (count >= 2 && written + 2 <= destination.Length)
        {
            group <<= 6 * (4 - count);
            destination[written++] = (byte)(group >> 16);
            if (count == 3)
            {
                destination[written++] = (byte)(group >> 8);
            }
        }

        return written;
    }

    private static int DigitOf(byte value) => value switch
    {
        >= (byte)'A' and <= (byte)'Z' => value - 'A',
        >= (byte)'a' and <= (byte)'z' => value - 'a' + 26,
        >= (byte)'0' and <= (byte)'9' => value - '0' + 52,
        (byte)'+' => 62,
        (byte)'/' => 63,
        _ => -1,
    };
}
