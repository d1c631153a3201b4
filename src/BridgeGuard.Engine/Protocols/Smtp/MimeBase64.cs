using BridgeGuard.Engine.Pools;

namespace BridgeGuard.Engine.Protocols.Smtp;

/// <summary>A Base64 body as it comes (RFC 2045 §6.8): groups may span lines, other characters are skipped, padding within is read over.</summary>
internal struct MimeBase64
{
    private uint _group;
    private byte _count;
    private byte _padding;

    /// <summary>A group began with padding: nothing after it is decoded, as no reader would.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Decodes a line or a part of one and appends the bytes.</summary>
    /// <returns>False when the body is broken.</returns>
    public bool Append(ReadOnlySpan<byte> text, ByteBuffer into)
    {
        if (HasFailed)
        {
            return false;
        }

        for (int i = 0; i < text.Length; i++)
        {
            int value = Value(text[i]);
            if (value == Skipped)
            {
                continue;
            }

            if (value == Padding)
            {
                if (_count < 2)
                {
                    HasFailed = true;
                    return false;
                }

                _padding = _padding == 0 ? (byte)(4 - _count) : _padding;
                value = 0;
            }

            _group = (_group << 6) | (uint)value;
            if (++_count == 4)
            {
                Emit(3 - _padding, into);
            }
        }

        return true;
    }

    /// <summary>The end of a part: what a shortened last group still says.</summary>
    public void Finish(ByteBuffer into)
    {
        if (!HasFailed && _count >= 2)
        {
            int bytes = _padding > 0 ? 3 - _padding : _count - 1;
            _group <<= 6 * (4 - _count);
            Emit(bytes, into);
        }
    }

    private const int Skipped = -1;
    private const int Padding = -2;

    private void Emit(int bytes, ByteBuffer into)
    {
        for (int i = 0; i < bytes; i++)
        {
            into.Append((byte)(_group >> (16 - (8 * i))));
        }

        _group = 0;
        _count = 0;
        _padding = 0;
    }

    private static int Value(byte digit) => digit switch
    {
        >= (byte)'A' and <= (byte)'Z' => digit - 'A',
        >= (byte)'a' and <= (byte)'z' => digit - 'a' + 26,
        >= (byte)'0' and <= (byte)'9' => digit - '0' + 52,
        (byte)'+' => 62,
        (byte)'/' => 63,
        (byte)'=' => Padding,
        _ => Skipped,
    };
}
