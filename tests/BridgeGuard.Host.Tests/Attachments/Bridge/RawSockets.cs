using System.Buffers.Binary;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Packet sockets, for frames that no ordinary socket sends.</summary>
internal static class RawSockets
{
    private const int FamilyPacket = 17;
    private const int SocketRaw = 3;
    private const ushort ProtocolAll = 3;

    /// <summary>Sends and receives whole frames on a device of the calling thread's namespace.</summary>
    public static Socket Open(string device)
    {
        int fd = Libc.Socket(FamilyPacket, SocketRaw, BinaryPrimitives.ReverseEndianness(ProtocolAll));
        if (fd < 0)
        {
            throw new InvalidOperationException(Libc.LastMessage());
        }

        Span<byte> address = stackalloc byte[20];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, FamilyPacket);
        BinaryPrimitives.WriteUInt16BigEndian(address[2..], ProtocolAll);
        BinaryPrimitives.WriteInt32LittleEndian(address[4..], IndexOf(device));
        return Libc.Bind(fd, ref MemoryMarshal.GetReference(address), address.Length) == 0
            ? new Socket(new SafeSocketHandle(fd, ownsHandle: true))
            : throw new InvalidOperationException(Libc.LastMessage());
    }

    /// <summary>A received frame may have lost its tag to the socket's ancillary data; compares what follows the tags.</summary>
    public static bool EndsWith(byte[] received, byte[] sent) => received.Length >= 60 && received.AsSpan(^60..).SequenceEqual(sent.AsSpan(^60..));

    private static int IndexOf(string device)
    {
        // The framework's list is of the process's namespace, not of the thread's.
        using FileDescriptor socket = new(Libc.Socket(2, 2, 0));
        Span<byte> request = stackalloc byte[40];
        request.Clear();
        System.Text.Encoding.ASCII.GetBytes(device, request);
        return Libc.Ioctl(socket.Value, 0x8933, ref MemoryMarshal.GetReference(request)) == 0
            ? BinaryPrimitives.ReadInt32LittleEndian(request[16..])
            : throw new NetworkInformationException();
    }
}
