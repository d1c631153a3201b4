using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using BridgeGuard.Engine.Detection.Matchers;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary><c>gunzip[: max-size N]</c> (RFC 1952) and <c>zlib_deflate[: max-size N]</c> (RFC 1950).</summary>
/// <remarks>
/// Input that ends early gives what could be decoded, as does output beyond the limit. Damaged input gives no bytes. As in
/// Suricata 8, only the first gzip member counts and its trailer is not checked, while zlib's checksum is when it is there.
/// </remarks>
internal sealed class InflateTransform(bool gzip, int maxBytes) : Transform
{
    /// <summary>Suricata's default.</summary>
    private const int DefaultMaxBytes = 1024;

    /// <summary>Suricata's limit.</summary>
    private const int LargestMaxBytes = 16 << 20;

    private const int GzipHeaderBytes = 10;

    [Flags]
    private enum GzipFlags : byte
    {
        HeaderCrc = 2,
        Extra = 4,
        Name = 8,
        Comment = 16,
        Reserved = 0xE0,
    }

    public override string Name => gzip ? "gunzip" : "zlib_deflate";

    public override string Identity => $"{Name}:max-size {maxBytes}";

    public static bool TryParse(
        bool gzip, ReadOnlySpan<char> argument, [NotNullWhen(true)] out Transform? transform, out ArgumentError error)
    {
        int maxBytes = DefaultMaxBytes;
        transform = null;
        ReadOnlySpan<char> text = argument.Trim(' ');
        if (!text.IsEmpty)
        {
            const string Keyword = "max-size ";
            ReadOnlySpan<char> number = text.StartsWith(Keyword) ? text[Keyword.Length..] : default;
            if (number is [.. var digits, 'k' or 'm'] && digits is [>= '0' and <= '9', ..])
            {
                number = $"{number}b"; // One letter will do.
            }

            if (number.IsEmpty || !char.IsAsciiDigit(number[0]) || number.StartsWith("0x")
                || !IntegerRange.TryParse(number, LargestMaxBytes, out IntegerRange range, out _)
                || range.Comparison != IntegerComparison.Equal || range.First == 0)
            {
                error = new ArgumentError(0, $"'{text}' is not understood; expected max-size and 1 to {LargestMaxBytes} (16mb)");
                return false;
            }
            maxBytes = (int)range.First;
        }
        error = default;
        transform = new InflateTransform(gzip, maxBytes);
        return true;
    }

    public override ReadOnlySpan<byte> Apply(ReadOnlySpan<byte> input, TransformScratch scratch)
    {
        int header = gzip ? GzipHeader(input) : ZlibHeader(input);
        if (header < 0)
        {
            return default;
        }
        // Deflate gives at most 1032 bytes for one: small input needs no large buffer.
        long bound = Math.Min(maxBytes, (input.Length - header) * 1032L);
        Span<byte> output = scratch.Output(input, (int)bound);
        InflateStatus status = scratch.Inflater.Inflate(input[header..], output, out int consumed, out int written);
        ReadOnlySpan<byte> result = output[..written];
        bool damaged = status == InflateStatus.Damaged
            || (status == InflateStatus.Done && !gzip && !ChecksumHolds(input[(header + consumed)..], result));
        return damaged ? default : result;
    }

    /// <summary>The length of the gzip header, or -1.</summary>
    private static int GzipHeader(ReadOnlySpan<byte> input)
    {
        if (input.Length < GzipHeaderBytes || input[0] != 0x1F || input[1] != 0x8B || input[2] != 8)
        {
            return -1;
        }
        var flags = (GzipFlags)input[3];
        if ((flags & GzipFlags.Reserved) != 0)
        {
            return -1;
        }
        int position = GzipHeaderBytes;
        if ((flags & GzipFlags.Extra) != 0)
        {
            if (input.Length < position + 2)
            {
                return -1;
            }
            position += 2 + BinaryPrimitives.ReadUInt16LittleEndian(input[position..]);
        }
        foreach (GzipFlags text in (ReadOnlySpan<GzipFlags>)[GzipFlags.Name, GzipFlags.Comment])
        {
            if ((flags & text) == 0)
            {
                continue;
            }
            int length = position <= input.Length ? input[position..].IndexOf((byte)0) : -1;
            if (length < 0)
            {
                return -1;
            }
            position += length + 1;
        }
        if ((flags & GzipFlags.HeaderCrc) != 0)
        {
            if (input.Length < position + 2 || (ushort)Crc32(input[..position]) != BinaryPrimitives.ReadUInt16LittleEndian(input[position..]))
            {
                return -1;
            }
            position += 2;
        }
        return position <= input.Length ? position : -1;
    }

    /// <summary>The length of the zlib header (RFC 1950 §2.2), or -1: method 8, window at most 32 KiB, no dictionary, check bits right.</summary>
    private static int ZlibHeader(ReadOnlySpan<byte> input) =>
        input.Length >= 2 && (input[0] & 0x0F) == 8 && input[0] >> 4 <= 7 && (input[1] & 0x20) == 0
            && ((input[0] << 8) | input[1]) % 31 == 0
            ? 2
            : -1;

    /// <summary>Adler-32 (RFC 1950 §8.2), if it is there.</summary>
    private static bool ChecksumHolds(ReadOnlySpan<byte> trailer, ReadOnlySpan<byte> output)
    {
        if (trailer.Length < 4)
        {
            return true;
        }
        uint a = 1;
        uint b = 0;
        foreach (byte value in output)
        {
            a += value;
            a -= a >= 65521 ? 65521u : 0;
            b += a;
            b -= b >= 65521 ? 65521u : 0;
        }
        return BinaryPrimitives.ReadUInt32BigEndian(trailer) == ((b << 16) | a);
    }

    /// <summary>CRC-32 (RFC 1952 §8), bit by bit: only ever over a header.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
            }
        }
        return ~crc;
    }
}
