using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace BridgeGuard.Attachments.Interop;

/// <summary>A route netlink socket: requests with their answer, and group notifications.</summary>
internal sealed class NetlinkSocket : IDisposable
{
    public const int HeaderBytes = 16;
    public const ushort MessageError = 2;
    public const ushort MessageDone = 3;
    public const ushort FlagRequest = 1;
    public const ushort FlagAck = 4;
    public const ushort FlagInterrupted = 0x10;
    public const ushort FlagDump = 0x300;
    public const ushort FlagReplace = 0x100;
    public const ushort FlagCreate = 0x400;

    private const int FamilyNetlink = 16;
    private const int SocketRawCloseOnExec = 3 | 0x80000;
    private const int LevelSocket = 1;
    private const int OptionReceiveBufferForce = 33;
    private const int ReceiveBufferBytes = 4 << 20;

    private readonly FileDescriptor _fd;
    private uint _sequence;

    private NetlinkSocket(FileDescriptor fd) => _fd = fd;

    public int Fd => _fd.Value;

    /// <summary>Opens a socket that hears the groups of the mask; null with the last error set.</summary>
    public static NetlinkSocket? TryOpen(uint groups, int protocol = 0)
    {
        int fd = Libc.Socket(FamilyNetlink, SocketRawCloseOnExec, protocol);
        if (fd < 0)
        {
            return null;
        }

        FileDescriptor owner = new(fd);
        Span<byte> address = stackalloc byte[12];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, FamilyNetlink);
        BinaryPrimitives.WriteUInt32LittleEndian(address[8..], groups);
        int size = ReceiveBufferBytes;
        Libc.SetSocketOption(fd, LevelSocket, OptionReceiveBufferForce, ref size, sizeof(int));
        if (Libc.Bind(fd, ref MemoryMarshal.GetReference(address), address.Length) != 0)
        {
            owner.Dispose();
            return null;
        }

        return new NetlinkSocket(owner);
    }

    /// <summary>Sends one message: fills length and sequence in, the rest is the caller's.</summary>
    public bool Send(Span<byte> message)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)message.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(message[8..], ++_sequence);
        return Libc.Send(_fd.Value, ref MemoryMarshal.GetReference(message), message.Length, 0) == message.Length;
    }

    /// <summary>Sends messages that have their lengths and sequences.</summary>
    public bool SendRaw(Span<byte> messages) => Libc.Send(_fd.Value, ref MemoryMarshal.GetReference(messages), messages.Length, 0) == messages.Length;

    /// <summary>Receives one datagram of one or more messages; -1 with the last error set.</summary>
    public int Receive(Span<byte> buffer) => (int)Libc.Receive(_fd.Value, ref MemoryMarshal.GetReference(buffer), buffer.Length, 0);

    /// <summary>Whether something can be received within the time.</summary>
    public bool Wait(int timeoutMs)
    {
        Libc.PollFd poll = new() { Fd = _fd.Value, Events = Libc.PollIn };
        return Libc.Poll(ref poll, 1, timeoutMs) > 0;
    }

    /// <summary>Waits for the acknowledgement of the last request: 0, or the positive error number.</summary>
    public int ReceiveAck()
    {
        Span<byte> buffer = stackalloc byte[512];
        while (true)
        {
            int length = Receive(buffer);
            if (length < HeaderBytes + 4)
            {
                return length < 0 ? Libc.LastError() : Libc.ErrorIo;
            }

            if (BinaryPrimitives.ReadUInt16LittleEndian(buffer[4..]) == MessageError
                && BinaryPrimitives.ReadUInt32LittleEndian(buffer[8..]) == _sequence)
            {
                return -BinaryPrimitives.ReadInt32LittleEndian(buffer[HeaderBytes..]);
            }
        }
    }

    public void Dispose() => _fd.Dispose();
}
