using BridgeGuard.Engine.Compression;

namespace BridgeGuard.Engine.Protocols.Http1;

/// <summary>Names of content codings, as written and as clients still understand them.</summary>
internal static class Http1Codings
{
    /// <summary>One element of Content-Encoding.</summary>
    /// <param name="element">May have white space and control characters around or in it.</param>
    /// <param name="isAbnormal">Not a coding's name; a known one may hide in it.</param>
    public static ContentCoding Read(ReadOnlySpan<byte> element, out bool isAbnormal)
    {
        isAbnormal = false;
        Span<byte> name = stackalloc byte[24];
        int length = 0;
        bool isTooLong = false;
        foreach (byte value in element)
        {
            if (value <= 0x20)
            {
                // Inside a name a space separates ("gzip x"), other control characters vanish.
                if (value != ' ' || length == 0)
                {
                    continue;
                }
            }

            if (length == name.Length)
            {
                isTooLong = true;
                break;
            }

            name[length++] = Http1Text.Lower(value);
        }

        ReadOnlySpan<byte> text = ((ReadOnlySpan<byte>)name[..length]).TrimEnd((byte)' ');
        if (!isTooLong && TryExact(text, out ContentCoding coding))
        {
            return coding;
        }

        isAbnormal = true;
        return Http1Text.ContainsLenient(element, "gzip"u8) ? ContentCoding.Gzip
            : Http1Text.ContainsLenient(element, "deflate"u8) ? ContentCoding.Deflate : ContentCoding.Identity;
    }

    private static bool TryExact(ReadOnlySpan<byte> name, out ContentCoding coding)
    {
        coding = ContentCoding.Identity;
        if (name.SequenceEqual("gzip"u8) || name.SequenceEqual("x-gzip"u8))
        {
            coding = ContentCoding.Gzip;
        }
        else if (name.SequenceEqual("deflate"u8) || name.SequenceEqual("x-deflate"u8))
        {
            coding = ContentCoding.Deflate;
        }
        else if (name.SequenceEqual("br"u8))
        {
            coding = ContentCoding.Brotli;
        }
        else if (name.SequenceEqual("lzma"u8))
        {
            coding = ContentCoding.Lzma;
        }
        else
        {
            return name.IsEmpty || name.SequenceEqual("identity"u8) || name.SequenceEqual("inflate"u8) || name.SequenceEqual("none"u8);
        }

        return true;
    }
}
