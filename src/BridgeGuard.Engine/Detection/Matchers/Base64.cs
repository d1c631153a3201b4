namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>How forgiving base64 decoding is.</summary>
public enum Base64Mode : byte
{
    /// <summary>
    /// Up to the first byte that is no base64 character; the last group may lack its padding. What <c>base64_decode</c> does and
    /// <c>from_base64</c> by default.
    /// </summary>
    Rfc4648,

    /// <summary>Bytes that are no base64 characters are left out; an incomplete last group too.</summary>
    Rfc2045,

    /// <summary>All or nothing: only base64 characters, right padding, unused bits zero.</summary>
    Strict,
}

/// <summary>Base64 decoding (RFC 4648 §4) with Suricata 8's tolerance for damaged input.</summary>
/// <remarks>
/// Padding inside is taken group by group: "aG=s" is one byte. A group that begins with padding, and in the tolerant mode a
/// last group of one character, makes the whole input invalid.
/// </remarks>
public static class Base64
{
    private const int Padding = 64;
    private const int Invalid = -1;

    /// <summary>The most bytes that come out of this many.</summary>
    public static int MaxDecodedLength(int length) => (int)(((long)length + 3) / 4 * 3);

    /// <summary>Decodes as much as fits the output.</summary>
    /// <param name="input">Any bytes.</param>
    /// <param name="mode">How forgiving.</param>
    /// <param name="output">Best <see cref="MaxDecodedLength"/> long; decoding ends where the output is full.</param>
    /// <param name="written">Bytes put out; 0 when false is returned.</param>
    /// <returns>False for invalid input.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> input, Base64Mode mode, Span<byte> output, out int written)
    {
        written = 0;
        Span<int> group = [0, 0, 0, 0];
        int count = 0;
        int length = 0;
        bool ended = false;
        foreach (byte value in input)
        {
            int digit = ValueOf(value);
            if (digit == Invalid)
            {
                if (mode == Base64Mode.Rfc2045)
                {
                    continue;
                }
                if (mode == Base64Mode.Strict)
                {
                    return false;
                }
                break;
            }
            if (ended && mode == Base64Mode.Strict)
            {
                return false; // Something after the padding.
            }
            group[count++] = digit;
            if (count == 4)
            {
                if (!TryPut(group, 4, mode, output, ref length, out ended))
                {
                    return false;
                }
                count = 0;
            }
        }
        if (count != 0 && mode == Base64Mode.Strict)
        {
            return false;
        }
        if (count != 0 && mode == Base64Mode.Rfc4648 && !TryPut(group, count, mode, output, ref length, out _))
        {
            return false;
        }
        written = length;
        return true;
    }

    /// <summary>Puts out a group of two to four characters.</summary>
    private static bool TryPut(ReadOnlySpan<int> group, int count, Base64Mode mode, Span<byte> output, ref int length, out bool ended)
    {
        ended = false;
        if (count < 2 || group[0] == Padding || group[1] == Padding)
        {
            return false;
        }
        int bytes = count == 2 || group[2] == Padding ? 1 : count == 3 || group[3] == Padding ? 2 : 3;
        ended = bytes < 3;
        int bits = (group[0] << 18) | (group[1] << 12) | (bytes > 1 ? group[2] << 6 : 0) | (bytes > 2 ? group[3] : 0);
        if (mode == Base64Mode.Strict && ended && ((bytes == 1 && group[3] != Padding) || (bits & (bytes == 1 ? 0xFFFF : 0xFF)) != 0))
        {
            return false;
        }
        for (int i = 0; i < bytes && length < output.Length; i++)
        {
            output[length++] = (byte)(bits >> (16 - (8 * i)));
        }
        return true;
    }

    private static int ValueOf(byte value) => value switch
    {
        >= (byte)'A' and <= (byte)'Z' => value - 'A',
        >= (byte)'a' and <= (byte)'z' => value - 'a' + 26,
        >= (byte)'0' and <= (byte)'9' => value - '0' + 52,
        (byte)'+' => 62,
        (byte)'/' => 63,
        (byte)'=' => Padding,
        _ => Invalid,
    };
}
