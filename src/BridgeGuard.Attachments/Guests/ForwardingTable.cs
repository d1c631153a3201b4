using System.Buffers.Binary;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Guests;

/// <summary>Which Ethernet addresses a bridge has learnt behind which port (its FDB), through rtnetlink.</summary>
/// <param name="IfIndex">The port's device.</param>
/// <param name="Mac">Low 48 bits.</param>
/// <param name="Vlan">0: none.</param>
public readonly record struct ForwardingEntry(int IfIndex, ulong Mac, ushort Vlan);

/// <summary>Reads forwarding tables.</summary>
public static class ForwardingTable
{
    private const ushort NewNeighbor = 28;
    private const ushort GetNeighbor = 30;
    private const byte FamilyBridge = 7;
    private const int NeighborMessageBytes = 12;
    private const ushort LinkLayerAddress = 2;
    private const ushort VlanAttribute = 5;
    private const ushort TypeMask = 0x3fff;

    /// <summary>NUD_PERMANENT: the port's own address, not a guest's.</summary>
    private const ushort StatePermanent = 0x80;

    /// <summary>Learnt entries of all bridges of this network namespace; empty when the kernel does not say.</summary>
    public static IReadOnlyList<ForwardingEntry> Read()
    {
        var entries = new List<ForwardingEntry>();
        using NetlinkSocket? socket = NetlinkSocket.TryOpen(0);
        if (socket is null)
        {
            return entries;
        }

        Span<byte> request = stackalloc byte[NetlinkSocket.HeaderBytes + NeighborMessageBytes];
        request.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(request[4..], GetNeighbor);
        BinaryPrimitives.WriteUInt16LittleEndian(request[6..], NetlinkSocket.FlagRequest | NetlinkSocket.FlagDump);
        request[NetlinkSocket.HeaderBytes] = FamilyBridge;
        if (!socket.Send(request))
        {
            return entries;
        }

        byte[] buffer = new byte[1 << 16];
        while (socket.Wait(1000))
        {
            int length = socket.Receive(buffer);
            if (length <= 0 || ReadMessages(buffer.AsSpan(0, length), entries))
            {
                break;
            }
        }

        return entries;
    }

    /// <summary>Takes a datagram apart; true at the end of the dump.</summary>
    internal static bool ReadMessages(ReadOnlySpan<byte> datagram, List<ForwardingEntry> entries)
    {
        while (datagram.Length >= NetlinkSocket.HeaderBytes)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram);
            ushort type = BinaryPrimitives.ReadUInt16LittleEndian(datagram[4..]);
            if (length < NetlinkSocket.HeaderBytes || length > datagram.Length || type is NetlinkSocket.MessageDone or NetlinkSocket.MessageError)
            {
                return true;
            }

            if (type == NewNeighbor && length >= NetlinkSocket.HeaderBytes + NeighborMessageBytes)
            {
                ReadEntry(datagram[NetlinkSocket.HeaderBytes..length], entries);
            }

            int next = (length + 3) & ~3;
            datagram = next < datagram.Length ? datagram[next..] : default;
        }

        return false;
    }

    private static void ReadEntry(ReadOnlySpan<byte> message, List<ForwardingEntry> entries)
    {
        int ifIndex = BinaryPrimitives.ReadInt32LittleEndian(message[4..]);
        ushort state = BinaryPrimitives.ReadUInt16LittleEndian(message[8..]);
        if (message[0] != FamilyBridge || (state & StatePermanent) != 0)
        {
            return;
        }

        ulong mac = 0;
        ushort vlan = 0;
        ReadOnlySpan<byte> rest = message[NeighborMessageBytes..];
        while (rest.Length >= 4)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(rest);
            ushort type = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(rest[2..]) & TypeMask);
            if (length < 4 || length > rest.Length)
            {
                break;
            }

            if (type == LinkLayerAddress && length == 10)
            {
                mac = ((ulong)BinaryPrimitives.ReadUInt16BigEndian(rest[4..]) << 32) | BinaryPrimitives.ReadUInt32BigEndian(rest[6..]);
            }
            else if (type == VlanAttribute && length >= 6)
            {
                vlan = BinaryPrimitives.ReadUInt16LittleEndian(rest[4..]);
            }

            int next = (length + 3) & ~3;
            rest = next < rest.Length ? rest[next..] : default;
        }

        if (mac != 0)
        {
            entries.Add(new ForwardingEntry(ifIndex, mac, vlan));
        }
    }
}
