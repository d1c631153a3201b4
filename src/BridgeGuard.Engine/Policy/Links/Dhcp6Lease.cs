using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Policy.Links;

/// <summary>The address that a DHCPv6 server gives a client (RFC 8415 §18.3, Reply), viewed in place.</summary>
/// <remarks>Only the first address of the first association is read: a station has one, and its others show themselves by neighbour discovery. Pure; any thread.</remarks>
internal static class Dhcp6Lease
{
    private const ushort ClientPort = 546;
    private const byte Reply = 7;
    private const int HeaderBytes = 4;
    private const int OptionHeadBytes = 4;
    private const ushort ClientIdentifier = 1;
    private const ushort Association = 3;
    private const ushort AssociationAddress = 5;

    /// <summary>IAID, T1 and T2 before an association's own options (§21.4).</summary>
    private const int AssociationHeadBytes = 12;

    /// <summary>Address, preferred and valid lifetime (§21.6).</summary>
    private const int AddressBytes = 24;

    /// <summary>False when the packet is no such reply, grants no address, or does not say whose it is.</summary>
    public static bool TryRead(Packet packet, out ulong mac, out IpAddress address)
    {
        mac = 0;
        address = default;
        ReadOnlySpan<byte> message = packet.Payload;
        if (packet.DestinationPort != ClientPort || message.Length < HeaderBytes || message[0] != Reply)
        {
            return false;
        }

        // To the client itself, or, where that is not to be seen, to who the client says it is.
        bool isUnicast = packet.EthernetOffset >= 0 && (packet.Buffer[packet.EthernetOffset] & 1) == 0;
        mac = isUnicast ? ReadMac(packet.Buffer.AsSpan(packet.EthernetOffset)) : 0;
        ReadOnlySpan<byte> options = message[HeaderBytes..];
        while (TryNext(ref options, out ushort code, out ReadOnlySpan<byte> value))
        {
            if (code == ClientIdentifier && mac == 0)
            {
                mac = MacOf(value);
            }
            else if (code == Association && address == default && value.Length > AssociationHeadBytes)
            {
                address = AddressOf(value[AssociationHeadBytes..]);
            }
        }

        return mac != 0 && address != default;
    }

    private static IpAddress AddressOf(ReadOnlySpan<byte> options)
    {
        while (TryNext(ref options, out ushort code, out ReadOnlySpan<byte> value))
        {
            // A valid lifetime of 0 takes the address back.
            if (code == AssociationAddress && value.Length >= AddressBytes && BinaryPrimitives.ReadUInt32BigEndian(value[20..]) != 0)
            {
                return IpAddress.ReadV6(value);
            }
        }

        return default;
    }

    /// <summary>DUID-LLT and DUID-LL of Ethernet (§11.2, §11.4).</summary>
    private static ulong MacOf(ReadOnlySpan<byte> identifier)
    {
        const int ethernet = 1;
        if (identifier.Length < 4 || BinaryPrimitives.ReadUInt16BigEndian(identifier[2..]) != ethernet)
        {
            return 0;
        }

        int at = BinaryPrimitives.ReadUInt16BigEndian(identifier) switch { 1 => 8, 3 => 4, _ => identifier.Length };
        return identifier.Length - at == 6 ? ReadMac(identifier[at..]) : 0;
    }

    private static bool TryNext(ref ReadOnlySpan<byte> options, out ushort code, out ReadOnlySpan<byte> value)
    {
        code = 0;
        value = default;
        if (options.Length < OptionHeadBytes)
        {
            return false;
        }

        code = BinaryPrimitives.ReadUInt16BigEndian(options);
        int length = BinaryPrimitives.ReadUInt16BigEndian(options[2..]);
        if (length > options.Length - OptionHeadBytes)
        {
            return false;
        }

        value = options.Slice(OptionHeadBytes, length);
        options = options[(OptionHeadBytes + length)..];
        return true;
    }

    private static ulong ReadMac(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);
}
