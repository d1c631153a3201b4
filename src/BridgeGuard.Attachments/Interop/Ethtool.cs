using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace BridgeGuard.Attachments.Interop;

/// <summary>The few questions of SIOCETHTOOL that are asked: whether an offload of a device is on.</summary>
internal static unsafe class Ethtool
{
    public const uint GetRxChecksum = 0x14;
    public const uint GetTxChecksum = 0x16;
    public const uint GetTso = 0x1E;
    public const uint GetGso = 0x23;
    public const uint GetGro = 0x2B;

    private const nuint Request = 0x8946;
    private const int NameBytes = 16;
    private const int RequestBytes = 40;
    private const int FamilyInet = 2;
    private const int SocketDatagram = 2 | 0x80000;

    /// <summary>Null when the device has no answer.</summary>
    public static bool? IsOn(string device, uint question)
    {
        using FileDescriptor socket = new(Libc.Socket(FamilyInet, SocketDatagram, 0));
        uint* value = stackalloc uint[2]; // struct ethtool_value: cmd, data
        (value[0], value[1]) = (question, 0);
        Span<byte> request = stackalloc byte[RequestBytes];
        request.Clear();
        Encoding.ASCII.GetBytes(device.AsSpan(0, Math.Min(device.Length, NameBytes - 1)), request);
        BinaryPrimitives.WriteInt64LittleEndian(request[NameBytes..], (long)value);
        return socket.IsInvalid || Libc.Ioctl(socket.Value, Request, ref MemoryMarshal.GetReference(request)) != 0 ? null : value[1] != 0;
    }
}
