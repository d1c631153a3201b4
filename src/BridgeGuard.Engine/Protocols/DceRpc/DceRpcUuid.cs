using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.DceRpc;

/// <summary>A UUID as two numbers, in the order in which it is written as text.</summary>
internal readonly record struct DceRpcUuid(ulong High, ulong Low)
{
    public const int Bytes = 16;

    private const int TextLength = 36;

    /// <summary>Reads 16 bytes: the first three members in the data representation's order, the rest as bytes (C706 appendix A).</summary>
    public static DceRpcUuid Read(ReadOnlySpan<byte> bytes, bool littleEndian)
    {
        ulong high = ((ulong)DceRpcHeader.ReadUInt32(bytes, littleEndian) << 32)
            | ((ulong)DceRpcHeader.ReadUInt16(bytes[4..], littleEndian) << 16)
            | DceRpcHeader.ReadUInt16(bytes[6..], littleEndian);
        return new DceRpcUuid(high, BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
    }

    /// <summary>Reads text of 32 hexadecimal digits with or without dashes.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out DceRpcUuid uuid)
    {
        uuid = default;
        bool isValid = text.Length == TextLength
            ? Guid.TryParseExact(text, "D", out Guid value)
            : Guid.TryParseExact(text, "N", out value);
        if (!isValid)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[Bytes];
        value.TryWriteBytes(bytes);
        uuid = Read(bytes, littleEndian: true);
        return true;
    }

    /// <summary>Writes <c>12345778-1234-abcd-ef00-0123456789ac</c>.</summary>
    /// <returns>Bytes written: 36.</returns>
    public int Format(Span<byte> text)
    {
        ReadOnlySpan<byte> digits = "0123456789abcdef"u8;
        int at = 0;
        for (int i = 0; i < 2 * Bytes; i++)
        {
            if (i is 8 or 12 or 16 or 20)
            {
                text[at++] = (byte)'-';
            }

            ulong half = i < Bytes ? High : Low;
            text[at++] = digits[(int)(half >> (60 - (4 * (i & 15)))) & 15];
        }

        return at;
    }
}
