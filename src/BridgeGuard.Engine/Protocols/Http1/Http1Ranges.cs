using System.Buffers.Text;
using BridgeGuard.Engine.Files;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Reads Content-Range (RFC 9110 §14.4).</summary>
internal static class Http1Ranges
{
    /// <summary>Notes on a file which part of a larger one it is.</summary>
    public static void Apply(Http1Transaction transaction, Http1Message message, TrackedFile file)
    {
        if (!message.Fields.TryGet("content-range"u8, out ReadOnlySpan<byte> value))
        {
            return;
        }

        if (TryRead(value, out long start, out long end, out long total))
        {
            file.RangeStart = start;
            file.RangeEnd = end;
            file.RangeTotal = total;
        }
        else
        {
            transaction.Raise(Http1Anomaly.RangeInvalid);
        }
    }

    /// <summary><c>bytes 0-499/1234</c>, <c>bytes */1234</c>, <c>bytes 0-499/*</c>; what is not said is -1.</summary>
    public static bool TryRead(ReadOnlySpan<byte> value, out long start, out long end, out long total)
    {
        start = end = total = -1;
        ReadOnlySpan<byte> rest = Http1Text.Trim(value);
        if (!Http1Text.StartsWithIgnoreCase(rest, "bytes"u8))
        {
            return false;
        }

        rest = Http1Text.TrimStart(rest[5..]);
        int slash = rest.IndexOf((byte)'/');
        if (slash < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> range = rest[..slash];
        ReadOnlySpan<byte> size = rest[(slash + 1)..];
        if (!size.SequenceEqual("*"u8) && !TryNumber(size, out total))
        {
            return false;
        }

        if (range.SequenceEqual("*"u8))
        {
            return true;
        }

        int dash = range.IndexOf((byte)'-');
        return dash > 0 && TryNumber(range[..dash], out start) && TryNumber(range[(dash + 1)..], out end) && start <= end;
    }

    private static bool TryNumber(ReadOnlySpan<byte> digits, out long value) =>
        Utf8Parser.TryParse(digits, out value, out int used) && used == digits.Length && value >= 0;
}
