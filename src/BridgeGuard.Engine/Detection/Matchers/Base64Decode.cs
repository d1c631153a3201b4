namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary><c>base64_decode[:[bytes N][, offset N][, relative]]</c>: decodes part of a buffer for <c>base64_data</c>.</summary>
public readonly record struct Base64Decode
{
    /// <summary>The most bytes that are decoded: Suricata's decode buffer.</summary>
    public const int MaxDecodedBytes = 65535;

    /// <summary>Encoded bytes to take; 0 for all that follow.</summary>
    public int Bytes { get; init; }

    /// <summary>From the buffer's start or the cursor.</summary>
    public uint Offset { get; init; }

    public bool Relative { get; init; }

    /// <summary>Decodes. The rule goes on with the decoded bytes.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="cursor">Just behind the last match; only used with <see cref="Relative"/>.</param>
    /// <param name="output">Where decoded bytes go, best <see cref="MaxDecodedBytes"/> long; the caller's.</param>
    /// <param name="written">How many bytes were decoded.</param>
    /// <returns>False when nothing could be decoded; then the keyword does not match.</returns>
    public bool TryDecode(ReadOnlySpan<byte> buffer, int cursor, Span<byte> output, out int written)
    {
        written = 0;
        long start = (Relative ? cursor : 0) + (long)Offset;
        if (start >= buffer.Length)
        {
            return false;
        }
        ReadOnlySpan<byte> part = buffer[(int)start..];
        if (Bytes != 0 && Bytes < part.Length)
        {
            part = part[..Bytes];
        }
        return Base64.TryDecode(part, Base64Mode.Rfc4648, output, out written) && written > 0;
    }

    /// <summary>Parses the keyword's argument, which may be empty.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Base64Decode keyword, out ArgumentError error)
    {
        keyword = default;
        error = default;
        if (text.Trim(' ').IsEmpty)
        {
            return true;
        }
        int bytes = -1;
        long offset = -1;
        bool relative = false;
        ReadOnlySpan<char> rest = text.Trim(Separators);
        while (!rest.IsEmpty && !relative)
        {
            // Commas between the parts may be left out, and nothing behind «relative» is read.
            if (rest.StartsWith("bytes") && bytes < 0 && offset < 0 && TryTakeNumber(ref rest, "bytes".Length, ushort.MaxValue, out long count))
            {
                bytes = (int)count;
            }
            else if (rest.StartsWith("offset") && offset < 0 && TryTakeNumber(ref rest, "offset".Length, uint.MaxValue, out offset))
            {
                continue;
            }
            else if (rest.StartsWith("relative"))
            {
                relative = true;
            }
            else
            {
                error = new ArgumentError(
                    text.Length - rest.Length, $"'{rest}' is unknown, out of range or out of order; expected bytes N, then offset N, then relative");
                return false;
            }
        }
        keyword = new Base64Decode { Bytes = Math.Max(0, bytes), Offset = (uint)Math.Max(0, offset), Relative = relative };
        return true;
    }

    private const string Separators = " ,";

    private static bool TryTakeNumber(ref ReadOnlySpan<char> rest, int name, long max, out long value)
    {
        value = -1;
        ReadOnlySpan<char> behind = rest[name..].TrimStart(' ');
        int end = behind.IndexOfAnyExceptInRange('0', '9');
        end = end < 0 ? behind.Length : end;
        if (behind.Length == rest.Length - name || !ArgumentNumber.TryParseDecimal(behind[..end], 0, max, out value))
        {
            return false;
        }
        rest = behind[end..].TrimStart(Separators);
        return true;
    }
}
