using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Quic;

/// <summary>Google's client hello: tags with values, and the fingerprint over their order (CYU, "check your user agent").</summary>
internal static class QuicChlo
{
    private const int HeadBytes = 8;
    private const int TagBytes = 8;

    /// <summary>Reads a whole CHLO; false when its lengths contradict one another.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, QuicTransaction transaction)
    {
        if (message.Length < HeadBytes)
        {
            return false;
        }

        int count = BinaryPrimitives.ReadUInt16LittleEndian(message[4..]);
        if (count > QuicLimits.MaxTags || message.Length < HeadBytes + (count * TagBytes))
        {
            return false;
        }

        ReadOnlySpan<byte> values = message[(HeadBytes + (count * TagBytes))..];
        uint start = 0;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> tag = message.Slice(HeadBytes + (i * TagBytes), 4);
            uint end = BinaryPrimitives.ReadUInt32LittleEndian(message[(HeadBytes + (i * TagBytes) + 4)..]);
            if (end < start || end > (uint)values.Length)
            {
                return false;
            }

            ReadOnlySpan<byte> value = values[(int)start..(int)end];
            if (tag.SequenceEqual("SNI\0"u8))
            {
                transaction.Sni = transaction.Text.Append(value);
            }
            else if (tag.SequenceEqual("UAID"u8))
            {
                transaction.UserAgent = transaction.Text.Append(value);
            }

            start = end;
        }

        transaction.Cyu = BuildString(message.Slice(HeadBytes, count * TagBytes), transaction);
        transaction.CyuHash = BuildHash(transaction.Cyu, transaction.Text);
        return true;
    }

    /// <summary><c>46,PAD-SNI-VER</c>: the version's number and the tags without their filling.</summary>
    private static Slice BuildString(ReadOnlySpan<byte> tags, QuicTransaction transaction)
    {
        ByteBuffer text = transaction.Text;
        int start = text.Length;
        int number = (((int)(transaction.Version >> 8) & 15) * 10) + ((int)transaction.Version & 15);
        number.TryFormat(text.Reserve(2), out int written, default, CultureInfo.InvariantCulture);
        text.Commit(written);
        for (int at = 0; at < tags.Length; at += TagBytes)
        {
            text.Append(at == 0 ? (byte)',' : (byte)'-');
            text.Append(tags.Slice(at, 4).TrimEnd((byte)0));
        }

        return new Slice(start, text.Length - start);
    }

    private static Slice BuildHash(Slice value, ByteBuffer text)
    {
        Span<byte> hash = stackalloc byte[MD5.HashSizeInBytes];
        MD5.HashData(text[value], hash);
        int start = text.Length;
        foreach (byte part in hash)
        {
            text.Append("0123456789abcdef"u8[part >> 4]);
            text.Append("0123456789abcdef"u8[part & 15]);
        }

        return new Slice(start, text.Length - start);
    }
}
