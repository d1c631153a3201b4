using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Policy;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>Sends frames out of a device by a packet socket with virtio headers, so that held large segments stay whole. Sends only: it hears nothing.</summary>
internal sealed class FrameSender : IDisposable
{
    private const int FamilyPacket = 17;
    private const int SocketRaw = 3 | 0x80000;
    private const int LevelPacket = 263;
    private const int OptionVnetHeader = 15;
    private const int HeaderBytes = 10;
    private const int AddressBytes = 20;

    private readonly byte[] _message = GC.AllocateArray<byte>(HeaderBytes + HeldFrame.MaxBytes, pinned: true);
    private readonly FileDescriptor _fd;

    public FrameSender()
    {
        _fd = new FileDescriptor(Libc.Socket(FamilyPacket, SocketRaw, 0));
        int on = 1;
        Libc.SetSocketOption(_fd.Value, LevelPacket, OptionVnetHeader, ref on, sizeof(int));
    }

    public bool TrySend(ReadOnlySpan<byte> frame, HeldFrame? held, int ifIndex)
    {
        if (_fd.IsInvalid || frame.Length > HeldFrame.MaxBytes)
        {
            return false;
        }

        Span<byte> message = _message;
        message[..HeaderBytes].Clear();
        if (held is not null)
        {
            VnetHeader.Write(message, held, addedBytes: 0);
        }

        frame.CopyTo(message[HeaderBytes..]);
        Span<byte> address = stackalloc byte[AddressBytes];
        address.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(address, FamilyPacket);
        frame.Slice(12, 2).CopyTo(address[2..]);
        BinaryPrimitives.WriteInt32LittleEndian(address[4..], ifIndex);
        int length = HeaderBytes + frame.Length;
        return Libc.SendTo(_fd.Value, ref message[0], length, 0, ref MemoryMarshal.GetReference(address), AddressBytes) == length;
    }

    public void Dispose() => _fd.Dispose();
}
