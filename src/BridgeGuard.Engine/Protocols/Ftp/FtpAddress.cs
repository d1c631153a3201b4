using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Protocols.Ftp;

/// <summary>Where a data connection goes, as commands and replies write it.</summary>
internal static class FtpAddress
{
    /// <summary><c>h1,h2,h3,h4,p1,p2</c> (RFC 959 §4.1.2), anywhere in <paramref name="text"/>.</summary>
    public static bool TryReadSix(ReadOnlySpan<byte> text, out IpAddress address, out ushort port)
    {
        address = default;
        port = 0;
        int open = text.IndexOf((byte)'(');
        if (open >= 0)
        {
            text = text[(open + 1)..];
        }

        int digit = text.IndexOfAnyInRange((byte)'0', (byte)'9');
        if (digit < 0)
        {
            return false;
        }

        text = text[digit..];
        Span<byte> values = stackalloc byte[6];
        for (int i = 0; i < values.Length; i++)
        {
            if (!System.Buffers.Text.Utf8Parser.TryParse(text, out uint value, out int used) || value > byte.MaxValue)
            {
                return false;
            }

            values[i] = (byte)value;
            text = text[used..];
            if (i < values.Length - 1)
            {
                if (text.IsEmpty || text[0] != (byte)',')
                {
                    return false;
                }

                text = text[1..].TrimStart((byte)' ');
            }
        }

        address = IpAddress.ReadV4(values);
        port = (ushort)((values[4] << 8) | values[5]);
        return port != 0;
    }

    /// <summary><c>(|||port|)</c> (RFC 2428 §3): the delimiter is free, mostly a bar.</summary>
    public static bool TryReadExtendedReply(ReadOnlySpan<byte> text, out ushort port)
    {
        port = 0;
        int open = text.IndexOf((byte)'(');
        if (open < 0 || text.Length < open + 6)
        {
            return false;
        }

        text = text[(open + 1)..];
        byte bar = text[0];
        return text[1] == bar && text[2] == bar && TryReadPort(text[3..], bar, out port);
    }

    /// <summary><c>|1|132.235.1.2|6275|</c> (RFC 2428 §2).</summary>
    public static bool TryReadExtended(ReadOnlySpan<byte> text, out IpAddress address, out ushort port)
    {
        address = default;
        port = 0;
        if (text.Length < 5)
        {
            return false;
        }

        byte bar = text[0];
        int second = text[1..].IndexOf(bar);
        int third = second < 0 ? -1 : text[(second + 2)..].IndexOf(bar);
        if (third < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> host = text.Slice(second + 2, third);
        bool hasAddress = text[1] == (byte)'2' ? TryReadV6(host, out address) : TryReadV4(host, out address);
        return hasAddress && TryReadPort(text[(second + third + 3)..], bar, out port);
    }

    private static bool TryReadPort(ReadOnlySpan<byte> text, byte end, out ushort port) =>
        System.Buffers.Text.Utf8Parser.TryParse(text, out port, out int used) && port != 0 && used < text.Length && text[used] == end;

    private static bool TryReadV4(ReadOnlySpan<byte> text, out IpAddress address)
    {
        address = default;
        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0; i < bytes.Length; i++)
        {
            if (!System.Buffers.Text.Utf8Parser.TryParse(text, out byte value, out int used))
            {
                return false;
            }

            bytes[i] = value;
            text = text[used..];
            if (i == bytes.Length - 1)
            {
                break;
            }

            if (text.IsEmpty || text[0] != (byte)'.')
            {
                return false;
            }

            text = text[1..];
        }

        address = IpAddress.ReadV4(bytes);
        return text.IsEmpty;
    }

    /// <summary>RFC 4291 §2.2, without a trailing IPv4 part and zones.</summary>
    private static bool TryReadV6(ReadOnlySpan<byte> text, out IpAddress address)
    {
        address = default;
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        int gap = -1;
        int groups = 0;
        if (text.StartsWith("::"u8))
        {
            gap = 0;
            text = text[2..];
        }

        while (!text.IsEmpty && groups < 8)
        {
            if (!System.Buffers.Text.Utf8Parser.TryParse(text, out ushort value, out int used, 'x') || used > 4)
            {
                return false;
            }

            bytes[groups * 2] = (byte)(value >> 8);
            bytes[(groups * 2) + 1] = (byte)value;
            groups++;
            text = text[used..];
            if (text.StartsWith("::"u8) && gap < 0)
            {
                gap = groups;
                text = text[2..];
            }
            else if (text.Length > 1 && text[0] == (byte)':')
            {
                text = text[1..];
            }
            else if (!text.IsEmpty)
            {
                return false;
            }
        }

        if (!text.IsEmpty || (groups < 8 && gap < 0))
        {
            return false;
        }

        if (gap >= 0 && groups < 8)
        {
            int tail = (groups - gap) * 2;
            bytes.Slice(gap * 2, tail).CopyTo(bytes[(16 - tail)..]);
            bytes[(gap * 2)..(16 - tail)].Clear();
        }

        address = IpAddress.ReadV6(bytes);
        return true;
    }
}
