using System.Globalization;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Guests;

/// <summary>Values that every source writes in the same few ways.</summary>
public static class GuestText
{
    /// <summary>Six hex octets with colons or hyphens; false for anything else, for zero and for group addresses.</summary>
    public static bool TryParseMac(ReadOnlySpan<char> text, out ulong mac)
    {
        mac = 0;
        text = text.Trim();
        if (text.Length != 17)
        {
            return false;
        }

        for (int i = 0; i < 6; i++)
        {
            if (!byte.TryParse(text.Slice(i * 3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte octet)
                || (i < 5 && text[(i * 3) + 2] is not (':' or '-')))
            {
                mac = 0;
                return false;
            }

            mac = (mac << 8) | octet;
        }

        // The lowest bit of the first octet marks a group (IEEE 802); no guest is one.
        mac = (mac >> 40 & 1) == 0 ? mac : 0;
        return mac != 0;
    }

    public static string FormatMac(ulong mac) => string.Create(17, mac, static (text, value) =>
    {
        for (int i = 0; i < 6; i++)
        {
            byte octet = (byte)(value >> (40 - (8 * i)));
            octet.TryFormat(text[(i * 3)..], out _, "x2", CultureInfo.InvariantCulture);
            if (i < 5)
            {
                text[(i * 3) + 2] = ':';
            }
        }
    });

    /// <summary>An address with or without its prefix length; <c>dhcp</c>, <c>auto</c> and <c>manual</c> are none.</summary>
    public static bool TryParseAddress(ReadOnlySpan<char> text, out IpAddress address)
    {
        text = text.Trim();
        int slash = text.IndexOf('/');
        return IpAddress.TryParse(slash < 0 ? text : text[..slash], out address) && address != default && address != IpAddress.FromV4(0);
    }

    /// <summary>Lower case with hyphens when it is a UUID, else empty.</summary>
    public static string Uuid(string? text) => Guid.TryParse(text, out Guid uuid) && uuid != Guid.Empty ? uuid.ToString("D") : "";
}
