using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>A uuencoded body (POSIX.1 <c>uuencode</c>): <c>begin MODE NAME</c>, lines with their number of bytes in front, a line of none, <c>end</c>.</summary>
internal struct MimeUuencode
{
    private const int LeastModeDigits = 3;
    private const int MostModeDigits = 4;

    /// <summary>Between <c>begin</c> and <c>end</c>.</summary>
    public bool IsWithin { get; private set; }

    /// <summary>Whether a line begins a file, and under which name.</summary>
    public static bool TryReadBegin(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name)
    {
        name = default;
        if (!line.StartsWith("begin "u8))
        {
            return false;
        }

        ReadOnlySpan<byte> rest = line["begin "u8.Length..];
        int digits = rest.IndexOfAnyExceptInRange((byte)'0', (byte)'7');
        if (digits is < LeastModeDigits or > MostModeDigits || rest[digits] != (byte)' ')
        {
            return false;
        }

        name = rest[(digits + 1)..].Trim(" \t"u8);
        return !name.IsEmpty;
    }

    public void Begin() => IsWithin = true;

    /// <summary>Decodes a line, without its end; what is missing of its last group counts as zeros.</summary>
    /// <returns>False when it was the last one.</returns>
    public bool Append(ReadOnlySpan<byte> line, ByteBuffer into)
    {
        if (line.SequenceEqual("end"u8))
        {
            IsWithin = false;
            return false;
        }

        if (line.IsEmpty)
        {
            return true;
        }

        int left = Value(line, 0);
        for (int at = 1; left > 0 && at < line.Length; at += 4)
        {
            int group = (Value(line, at) << 18) | (Value(line, at + 1) << 12) | (Value(line, at + 2) << 6) | Value(line, at + 3);
            for (int shift = 16; shift >= 0 && left > 0; shift -= 8, left--)
            {
                into.Append((byte)(group >> shift));
            }
        }

        return true;
    }

    /// <summary>Six bits; both the blank and the grave accent are zero.</summary>
    private static int Value(ReadOnlySpan<byte> line, int at) => at < line.Length ? (line[at] - ' ') & 63 : 0;
}
