using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace BridgeGuard.Engine.Packets;

/// <summary>An IPv4 or IPv6 address as a value: 128 bits in host order, IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).</summary>
/// <remarks>
/// The family of a packet or rule is kept beside it where the two must not be confused (a real IPv6 packet can carry a
/// mapped address). Ordering is numeric.
/// </remarks>
public readonly struct IpAddress(ulong high, ulong low) : IEquatable<IpAddress>, IComparable<IpAddress>
{
    private const ulong MappedPrefix = 0x0000_ffff_0000_0000;

    public ulong High { get; } = high;

    public ulong Low { get; } = low;

    /// <summary>True for ::ffff:0:0/96, how IPv4 is stored.</summary>
    public bool IsV4 => High == 0 && (Low & 0xffff_ffff_0000_0000) == MappedPrefix;

    /// <summary>The IPv4 address in host order; meaningful only when <see cref="IsV4"/>.</summary>
    public uint V4 => (uint)Low;

    public static IpAddress FromV4(uint address) => new(0, MappedPrefix | address);

    /// <summary>Reads 4 bytes in network order.</summary>
    public static IpAddress ReadV4(ReadOnlySpan<byte> bytes) => FromV4(BinaryPrimitives.ReadUInt32BigEndian(bytes));

    /// <summary>Reads 16 bytes in network order.</summary>
    public static IpAddress ReadV6(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>Writes 4 or 16 bytes in network order.</summary>
    public void Write(Span<byte> destination, bool asV4)
    {
        if (asV4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, V4);
            return;
        }

        BinaryPrimitives.WriteUInt64BigEndian(destination, High);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], Low);
    }

    public static bool TryParse(ReadOnlySpan<char> text, out IpAddress address)
    {
        address = default;
        if (!IPAddress.TryParse(text, out IPAddress? parsed))
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[16];
        if (!parsed.TryWriteBytes(bytes, out int written))
        {
            return false;
        }

        address = written == 4 ? ReadV4(bytes) : ReadV6(bytes);
        return true;
    }

    /// <summary>Formats into <paramref name="destination"/> (UTF-8, at least 46 bytes). IPv6 is written in full, lower case, eight groups.</summary>
    /// <remarks>EVE writes IPv6 uncompressed; consumers compare these strings.</remarks>
    public int Format(Span<byte> destination, bool asV4)
    {
        int length = 0;
        if (asV4)
        {
            for (int shift = 24; shift >= 0; shift -= 8)
            {
                uint octet = (V4 >> shift) & 0xff;
                System.Buffers.Text.Utf8Formatter.TryFormat(octet, destination[length..], out int written);
                length += written;
                if (shift != 0)
                {
                    destination[length++] = (byte)'.';
                }
            }

            return length;
        }

        for (int group = 0; group < 8; group++)
        {
            ulong half = group < 4 ? High : Low;
            uint value = (uint)(half >> (48 - (16 * (group & 3)))) & 0xffff;
            for (int shift = 12; shift >= 0; shift -= 4)
            {
                destination[length++] = "0123456789abcdef"u8[(int)((value >> shift) & 0xf)];
            }

            if (group != 7)
            {
                destination[length++] = (byte)':';
            }
        }

        return length;
    }

    public int CompareTo(IpAddress other) => High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);

    public bool Equals(IpAddress other) => High == other.High && Low == other.Low;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is IpAddress other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(High, Low);

    public override string ToString()
    {
        Span<byte> text = stackalloc byte[46];
        return System.Text.Encoding.ASCII.GetString(text[..Format(text, IsV4)]);
    }

    public static bool operator ==(IpAddress left, IpAddress right) => left.Equals(right);

    public static bool operator !=(IpAddress left, IpAddress right) => !left.Equals(right);

    public static bool operator <(IpAddress left, IpAddress right) => left.CompareTo(right) < 0;

    public static bool operator >(IpAddress left, IpAddress right) => left.CompareTo(right) > 0;

    public static bool operator <=(IpAddress left, IpAddress right) => left.CompareTo(right) <= 0;

    public static bool operator >=(IpAddress left, IpAddress right) => left.CompareTo(right) >= 0;
}
