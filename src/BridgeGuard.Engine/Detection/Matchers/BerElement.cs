namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>One tag, length and value (X.690 §8.1), viewed in place.</summary>
/// <remarks>
/// Shape: an identifier of one byte, or several with tag numbers of 31 and more; a length of one byte, or up to eight, or
/// indefinite, which here means up to the end. Errors: <see cref="TryRead"/> is false when header or content is not
/// wholly there.
/// </remarks>
internal readonly ref struct BerElement
{
    private const int MaxLengthBytes = 8;
    private const int MaxTagBytes = 4;

    public bool IsConstructed { get; private init; }

    public bool IsUniversalPrimitive { get; private init; }

    public uint Tag { get; private init; }

    public ReadOnlySpan<byte> Content { get; private init; }

    /// <summary>Header and content.</summary>
    public int TotalLength { get; private init; }

    public static bool TryRead(ReadOnlySpan<byte> bytes, out BerElement element)
    {
        element = default;
        if (bytes.Length < 2)
        {
            return false;
        }
        byte identifier = bytes[0];
        int position = 1;
        uint tag = (uint)(identifier & 0x1F);
        if (tag == 0x1F && !TryReadLongTag(bytes, ref position, out tag))
        {
            return false;
        }
        if (!TryReadLength(bytes, ref position, out long length) || length > bytes.Length - position)
        {
            return false;
        }
        element = new BerElement
        {
            IsConstructed = (identifier & 0x20) != 0,
            IsUniversalPrimitive = (identifier & 0xE0) == 0,
            Tag = tag,
            Content = bytes.Slice(position, (int)length),
            TotalLength = position + (int)length,
        };
        return true;
    }

    private static bool TryReadLongTag(ReadOnlySpan<byte> bytes, ref int position, out uint tag)
    {
        tag = 0;
        for (int i = 0; i < MaxTagBytes; i++)
        {
            if (position >= bytes.Length)
            {
                return false;
            }
            byte value = bytes[position++];
            tag = (tag << 7) | (uint)(value & 0x7F);
            if ((value & 0x80) == 0)
            {
                return true;
            }
        }
        return false;
    }

    private static bool TryReadLength(ReadOnlySpan<byte> bytes, ref int position, out long length)
    {
        length = 0;
        if (position >= bytes.Length)
        {
            return false;
        }
        byte first = bytes[position++];
        if (first < 0x80)
        {
            length = first;
            return true;
        }
        int count = first & 0x7F;
        if (count == 0)
        {
            length = bytes.Length - position;
            return true;
        }
        if (count > MaxLengthBytes || count > bytes.Length - position)
        {
            return false;
        }
        for (int i = 0; i < count; i++)
        {
            if (length > int.MaxValue)
            {
                return false; // Larger than any buffer.
            }
            length = (length << 8) | bytes[position++];
        }
        return true;
    }
}
