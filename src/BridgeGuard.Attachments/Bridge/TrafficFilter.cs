using System.Buffers.Binary;
using System.Text;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>
/// The way of kernels before 6.6: a program as a direct-action filter of the clsact queueing discipline. Unlike a tcx link it outlives its process; the
/// program then opens or closes the port by its heartbeat, and the next start puts its own program in the place without a gap.
/// </summary>
internal static class TrafficFilter
{
    private const ushort NewDiscipline = 36;
    private const ushort DeleteDiscipline = 37;
    private const ushort NewFilter = 44;
    private const ushort DeleteFilter = 45;
    private const ushort GetFilter = 46;
    private const int TrafficMessageBytes = 20;
    private const ushort FlagExclusive = 0x200;
    private const uint ClsactParent = 0xFFFF_FFF1;
    private const uint ClsactHandle = 0xFFFF_0000;
    private const uint IngressParent = 0xFFFF_FFF2;
    private const uint EgressParent = 0xFFFF_FFF3;
    private const ushort Kind = 1;
    private const ushort Options = 2;
    private const ushort BpfDescriptor = 6;
    private const ushort BpfName = 7;
    private const ushort BpfFlags = 8;
    private const uint DirectAction = 1;
    private const uint ProtocolAll = 0x0300; // ETH_P_ALL, network byte order.

    // Behind a host's own first filter, before everything else: what that one lets go on is still inspected.
    private const uint Preference = 2;
    private const uint Handle = 0xB61D;
    private const string Name = "bridgeguard";

    private const int ErrorNoEntry = 2;
    private const int ErrorExists = 17;

    /// <summary>Puts a program on a device, in the place of an earlier one of ours; 0, or the error number.</summary>
    /// <param name="ifIndex">The device.</param>
    /// <param name="isEgress">Frames that leave by the device instead of those that come in.</param>
    /// <param name="program">The program's descriptor.</param>
    /// <param name="hasMadeDiscipline">The queueing discipline was not there before; it is ours to remove.</param>
    public static int Attach(int ifIndex, bool isEgress, int program, out bool hasMadeDiscipline)
    {
        int error = Request(NewDiscipline, NetlinkSocket.FlagCreate | FlagExclusive, ifIndex, ClsactHandle, ClsactParent, 0, "clsact", 0);
        hasMadeDiscipline = error == 0;
        if (error is not (0 or ErrorExists))
        {
            return error;
        }

        uint parent = isEgress ? EgressParent : IngressParent;
        return Request(NewFilter, NetlinkSocket.FlagCreate | NetlinkSocket.FlagReplace, ifIndex, Handle, parent, (Preference << 16) | ProtocolAll, "bpf", program);
    }

    /// <summary>Takes our program off both sides of a device, and the queueing discipline when it was made by us and holds no one else's filter; whether there was one.</summary>
    public static bool Detach(int ifIndex, bool removesDiscipline)
    {
        bool found = false;
        foreach (uint parent in (uint[])[IngressParent, EgressParent])
        {
            found |= Request(DeleteFilter, 0, ifIndex, Handle, parent, (Preference << 16) | ProtocolAll, "bpf", 0) == 0;
        }

        if (removesDiscipline && !HasFilters(ifIndex, IngressParent) && !HasFilters(ifIndex, EgressParent))
        {
            Request(DeleteDiscipline, 0, ifIndex, ClsactHandle, ClsactParent, 0, "clsact", 0);
        }

        return found;
    }

    private static bool HasFilters(int ifIndex, uint parent)
    {
        using NetlinkSocket? socket = NetlinkSocket.TryOpen(0);
        Span<byte> message = stackalloc byte[NetlinkSocket.HeaderBytes + TrafficMessageBytes];
        Begin(message, GetFilter, NetlinkSocket.FlagRequest | NetlinkSocket.FlagDump, ifIndex, 0, parent, 0);
        byte[] buffer = new byte[1 << 16];
        if (socket is null || !socket.Send(message))
        {
            return true;
        }

        int length = socket.Receive(buffer);

        // An answer that begins with anything but the end of the list is a filter; a doubtful one keeps the discipline.
        return length < NetlinkSocket.HeaderBytes || BinaryPrimitives.ReadUInt16LittleEndian(buffer.AsSpan(4)) != NetlinkSocket.MessageDone;
    }

    private static int Request(ushort type, int flags, int ifIndex, uint handle, uint parent, uint info, string kind, int program)
    {
        using NetlinkSocket? socket = NetlinkSocket.TryOpen(0);
        if (socket is null)
        {
            return Libc.LastError();
        }

        Span<byte> message = stackalloc byte[256];
        message.Clear();
        int at = Begin(message, type, (ushort)(NetlinkSocket.FlagRequest | NetlinkSocket.FlagAck | flags), ifIndex, handle, parent, info);
        Put(message, ref at, Kind, Encoding.ASCII.GetBytes(kind + "\0"));
        if (program != 0)
        {
            int nested = at;
            at += 4;
            Span<byte> number = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(number, program);
            Put(message, ref at, BpfDescriptor, number);
            Put(message, ref at, BpfName, Encoding.ASCII.GetBytes(Name + "\0"));
            BinaryPrimitives.WriteUInt32LittleEndian(number, DirectAction);
            Put(message, ref at, BpfFlags, number);
            BinaryPrimitives.WriteUInt16LittleEndian(message[nested..], (ushort)(at - nested));
            BinaryPrimitives.WriteUInt16LittleEndian(message[(nested + 2)..], Options);
        }

        int error = socket.Send(message[..at]) ? socket.ReceiveAck() : Libc.LastError();
        return type == DeleteFilter && error == Libc.ErrorInvalid ? ErrorNoEntry : error;
    }

    private static int Begin(Span<byte> message, ushort type, ushort flags, int ifIndex, uint handle, uint parent, uint info)
    {
        message.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], flags);
        Span<byte> traffic = message[NetlinkSocket.HeaderBytes..];
        BinaryPrimitives.WriteInt32LittleEndian(traffic[4..], ifIndex);
        BinaryPrimitives.WriteUInt32LittleEndian(traffic[8..], handle);
        BinaryPrimitives.WriteUInt32LittleEndian(traffic[12..], parent);
        BinaryPrimitives.WriteUInt32LittleEndian(traffic[16..], info);
        return NetlinkSocket.HeaderBytes + TrafficMessageBytes;
    }

    private static void Put(Span<byte> message, ref int at, ushort type, ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(message[at..], (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(message[(at + 2)..], type);
        value.CopyTo(message[(at + 4)..]);
        at += (4 + value.Length + 3) & ~3;
    }
}
