using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Nfqueue;

/// <summary>The netlink socket of one queue: binds it, receives packets in batches, sends verdicts. Allocates nothing per packet.</summary>
internal sealed class QueueSocket : IDisposable
{
    public const int BatchPackets = 32;

    /// <summary>The largest payload of a message (an attribute holds 65,535 with its header), the attributes beside it, and room for a link header before.</summary>
    public const int SlotBytes = 70_656;

    private const int NetlinkNetfilter = 12;
    private const ushort TypeVerdict = 0x0301;
    private const ushort TypeConfig = 0x0302;
    private const ushort TypeBatch = 0x0303;
    private const ushort ConfigCommand = 1;
    private const ushort ConfigParameters = 2;
    private const ushort ConfigLength = 3;
    private const ushort ConfigMask = 4;
    private const ushort ConfigFlags = 5;
    private const byte CommandBind = 1;
    private const byte CopyPacket = 2;
    private const uint CopyBytes = 0xFFFF;
    private const ushort VerdictHeader = 2;
    private const ushort VerdictMark = 3;
    private const ushort VerdictPayload = 10;
    private const int LevelNetlink = 270;
    private const int OptionNoBufferErrors = 5;
    private const int ReceiveBufferBytes = 16 << 20;

    public const uint FlagFailOpen = 1;
    public const uint FlagGso = 4;
    public const uint Drop = 0;
    public const uint Accept = 1;

    private readonly NetlinkSocket _socket;
    private readonly ushort _queue;
    private readonly byte[] _slots = GC.AllocateArray<byte>(BatchPackets * SlotBytes, pinned: true);
    private readonly byte[] _message = GC.AllocateArray<byte>(SlotBytes, pinned: true);
    private readonly Libc.MessageVector[] _vectors = GC.AllocateArray<Libc.MessageVector>(BatchPackets, pinned: true);
    private readonly Libc.Vector[] _parts = GC.AllocateArray<Libc.Vector>(BatchPackets, pinned: true);

    private QueueSocket(NetlinkSocket socket, ushort queue)
    {
        (_socket, _queue) = (socket, queue);
        for (int i = 0; i < BatchPackets; i++)
        {
            _parts[i] = new Libc.Vector { Base = Marshal.UnsafeAddrOfPinnedArrayElement(_slots, SlotAt(i)), Length = SlotBytes - Headroom };
            _vectors[i].Header = new Libc.MessageHeader { Parts = Marshal.UnsafeAddrOfPinnedArrayElement(_parts, i), PartCount = 1 };
        }
    }

    /// <summary>Free bytes before each message, so that a link header can be put before a payload that begins a message.</summary>
    public const int Headroom = 64;

    /// <summary>The bytes of all slots.</summary>
    public byte[] Slots => _slots;

    /// <summary>Opens and binds a queue; null with <paramref name="error"/> set.</summary>
    public static QueueSocket? TryBind(ushort queue, int length, uint flags, out AttachmentError? error)
    {
        NetlinkSocket? socket = NetlinkSocket.TryOpen(0, NetlinkNetfilter);
        if (socket is null)
        {
            error = Failed(queue, "open", Libc.LastError());
            return null;
        }

        int size = ReceiveBufferBytes;
        int on = 1;
        Libc.SetSocketOption(socket.Fd, 1, 33, ref size, sizeof(int));
        Libc.SetSocketOption(socket.Fd, LevelNetlink, OptionNoBufferErrors, ref on, sizeof(int));
        QueueSocket bound = new(socket, queue);
        int code = bound.Configure(ConfigCommand, [CommandBind, 0, 0, 0]);
        Span<byte> parameters = stackalloc byte[5];
        BinaryPrimitives.WriteUInt32BigEndian(parameters, CopyBytes);
        parameters[4] = CopyPacket;
        code = code != 0 ? code : bound.Configure(ConfigParameters, parameters);
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(number, (uint)length);
        code = code != 0 ? code : bound.Configure(ConfigLength, number);
        BinaryPrimitives.WriteUInt32BigEndian(number, flags);
        code = code != 0 ? code : bound.Configure(ConfigFlags, number, ConfigMask, FlagFailOpen | FlagGso);
        if (code != 0)
        {
            bound.Dispose();
            error = Failed(queue, "bind", code);
            return null;
        }

        error = null;
        return bound;
    }

    /// <summary>Waits for packets.</summary>
    public bool Wait(int timeoutMs) => _socket.Wait(timeoutMs);

    /// <summary>Receives what waits, at most a batch; 0 when there is nothing. The message of slot i begins at <see cref="SlotAt"/>, with <paramref name="lengths"/>[i] bytes.</summary>
    public int Receive(Span<int> lengths)
    {
        int count = Libc.ReceiveMany(_socket.Fd, Marshal.UnsafeAddrOfPinnedArrayElement(_vectors, 0), BatchPackets, Libc.MessageDontWait, 0);
        for (int i = 0; i < count; i++)
        {
            lengths[i] = (int)_vectors[i].Length;
        }

        return Math.Max(count, 0);
    }

    public static int SlotAt(int index) => (index * SlotBytes) + Headroom;

    /// <summary>Accepts every packet up to and with this one that has no verdict yet.</summary>
    public bool AcceptUpTo(uint id, uint mark) => SendVerdict(TypeBatch, Accept, id, mark, default);

    /// <summary>Gives one packet its verdict; with a payload it goes on with those bytes.</summary>
    public bool Give(uint verdict, uint id, uint mark, ReadOnlySpan<byte> payload) => SendVerdict(TypeVerdict, verdict, id, mark, payload);

    public void Dispose() => _socket.Dispose();

    private bool SendVerdict(ushort type, uint verdict, uint id, uint mark, ReadOnlySpan<byte> payload)
    {
        Span<byte> message = _message;
        int at = Begin(message, type);
        BinaryPrimitives.WriteUInt16LittleEndian(message[at..], 12);
        BinaryPrimitives.WriteUInt16LittleEndian(message[(at + 2)..], VerdictHeader);
        BinaryPrimitives.WriteUInt32BigEndian(message[(at + 4)..], verdict);
        BinaryPrimitives.WriteUInt32LittleEndian(message[(at + 8)..], id);
        at += 12;
        if (mark != 0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(message[at..], 8);
            BinaryPrimitives.WriteUInt16LittleEndian(message[(at + 2)..], VerdictMark);
            BinaryPrimitives.WriteUInt32BigEndian(message[(at + 4)..], mark);
            at += 8;
        }

        if (payload.Length > 0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(message[at..], (ushort)(QueueMessage.AttributeBytes + payload.Length));
            BinaryPrimitives.WriteUInt16LittleEndian(message[(at + 2)..], VerdictPayload);
            payload.CopyTo(message[(at + 4)..]);
            at = (at + 4 + payload.Length + 3) & ~3;
        }

        return _socket.Send(message[..at]);
    }

    private int Configure(ushort attribute, ReadOnlySpan<byte> value, ushort second = 0, uint secondValue = 0)
    {
        Span<byte> message = stackalloc byte[64];
        message.Clear();
        int at = Begin(message, TypeConfig);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], NetlinkSocket.FlagRequest | NetlinkSocket.FlagAck);
        BinaryPrimitives.WriteUInt16LittleEndian(message[at..], (ushort)(4 + value.Length));
        BinaryPrimitives.WriteUInt16LittleEndian(message[(at + 2)..], attribute);
        value.CopyTo(message[(at + 4)..]);
        at += (4 + value.Length + 3) & ~3;
        if (second != 0)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(message[at..], 8);
            BinaryPrimitives.WriteUInt16LittleEndian(message[(at + 2)..], second);
            BinaryPrimitives.WriteUInt32BigEndian(message[(at + 4)..], secondValue);
            at += 8;
        }

        return _socket.Send(message[..at]) ? _socket.ReceiveAck() : Libc.LastError();
    }

    private int Begin(Span<byte> message, ushort type)
    {
        message[..(QueueMessage.HeaderBytes + QueueMessage.FamilyBytes)].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(message[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], NetlinkSocket.FlagRequest);
        BinaryPrimitives.WriteUInt16BigEndian(message[(QueueMessage.HeaderBytes + 2)..], _queue);
        return QueueMessage.HeaderBytes + QueueMessage.FamilyBytes;
    }

    private static AttachmentError Failed(ushort queue, string what, int error) => error switch
    {
        // The kernel says the same of a missing privilege and of another's queue.
        Libc.ErrorPermission when !Environment.IsPrivilegedProcess => new AttachmentError(AttachmentErrorKind.Permission, $"queue {queue}: CAP_NET_ADMIN is missing (run as root)"),
        Libc.ErrorPermission or Libc.ErrorBusy => new AttachmentError(AttachmentErrorKind.Failed, $"queue {queue} is taken by another program"),
        Libc.ErrorInvalid or Libc.ErrorNoProtocol =>
            new AttachmentError(AttachmentErrorKind.Unsupported, $"queue {queue}: this kernel has no NFQUEUE (module nfnetlink_queue)"),
        _ => new AttachmentError(AttachmentErrorKind.Failed, $"queue {queue}: cannot {what} (error {error})"),
    };
}
