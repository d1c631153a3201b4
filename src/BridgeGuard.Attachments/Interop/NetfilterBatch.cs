using System.Buffers.Binary;
using System.Text;

namespace BridgeGuard.Attachments.Interop;

/// <summary>Messages to nf_tables that take effect together or not at all (nfnetlink batches, linux/netfilter/nf_tables.h).</summary>
/// <remarks>Shape: numbers of nf_tables are big-endian, lengths and types of netlink little-endian. Thread: one.</remarks>
internal sealed class NetfilterBatch
{
    public const int NetlinkNetfilter = 12;

    public const ushort NewTable = 0;
    public const ushort DeleteTable = 2;
    public const ushort NewChain = 3;
    public const ushort NewRule = 6;
    public const ushort NewSet = 9;
    public const ushort NewElements = 12;
    public const ushort DeleteElements = 14;

    private const byte FamilyBridge = 7;
    private const ushort Subsystem = 10;
    private const ushort BatchBegin = 16;
    private const ushort BatchEnd = 17;
    private const int HeaderBytes = NetlinkSocket.HeaderBytes + 4;
    private const ushort Nested = 0x8000;
    private const int AnswerMs = 2_000;

    private readonly List<byte> _bytes = [];
    private int _messageAt;
    private uint _sequence;

    public NetfilterBatch() => Begin(BatchBegin, 0, family: 0, resource: Subsystem);

    /// <summary>Begins a message about bridges.</summary>
    public void Message(ushort type, int flags = 0) => Begin((ushort)((Subsystem << 8) | type), flags | NetlinkSocket.FlagAck, FamilyBridge, 0);

    public void Text(ushort attribute, string value) => Bytes(attribute, [.. Encoding.UTF8.GetBytes(value), 0]);

    public void Number(ushort attribute, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        Bytes(attribute, bytes);
    }

    /// <summary>An attribute with bytes as they are.</summary>
    public void Bytes(ushort attribute, ReadOnlySpan<byte> value)
    {
        Short((ushort)(4 + value.Length));
        Short(attribute);
        _bytes.AddRange(value);
        Align();
    }

    /// <summary>An attribute of attributes.</summary>
    public void Nest(ushort attribute, Action inside)
    {
        int at = _bytes.Count;
        Short(0);
        Short((ushort)(attribute | Nested));
        inside();
        Patch(at, _bytes.Count - at);
        Align();
    }

    /// <summary>Sends all of it and waits for the answer: 0, or the positive number of the first error.</summary>
    public int Send(NetlinkSocket socket)
    {
        uint last = _sequence;
        Begin(BatchEnd, 0, family: 0, resource: Subsystem);
        Close();
        byte[] message = [.. _bytes];
        if (!socket.SendRaw(message))
        {
            return Libc.LastError();
        }

        byte[] buffer = new byte[1 << 16];
        while (socket.Wait(AnswerMs))
        {
            int length = socket.Receive(buffer);
            if (length <= 0)
            {
                return length < 0 ? Libc.LastError() : Libc.ErrorIo;
            }

            if (FirstAnswer(buffer.AsSpan(0, length), last) is { } error)
            {
                return error;
            }
        }

        return Libc.ErrorIo;
    }

    /// <summary>An error, or 0 when the last message is acknowledged; null when neither is here.</summary>
    private static int? FirstAnswer(ReadOnlySpan<byte> datagram, uint last)
    {
        while (datagram.Length >= NetlinkSocket.HeaderBytes + 4)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram);
            if (length < NetlinkSocket.HeaderBytes + 4 || length > datagram.Length)
            {
                return Libc.ErrorIo;
            }

            if (BinaryPrimitives.ReadUInt16LittleEndian(datagram[4..]) == NetlinkSocket.MessageError)
            {
                int error = -BinaryPrimitives.ReadInt32LittleEndian(datagram[NetlinkSocket.HeaderBytes..]);
                if (error != 0 || BinaryPrimitives.ReadUInt32LittleEndian(datagram[8..]) == last)
                {
                    return error;
                }
            }

            datagram = datagram[Math.Min(datagram.Length, (length + 3) & ~3)..];
        }

        return null;
    }

    private void Begin(ushort type, int flags, byte family, ushort resource)
    {
        Close();
        _messageAt = _bytes.Count;
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], (ushort)(NetlinkSocket.FlagRequest | flags));
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], ++_sequence);
        header[16] = family;
        BinaryPrimitives.WriteUInt16BigEndian(header[18..], resource);
        _bytes.AddRange(header);
    }

    private void Close()
    {
        if (_bytes.Count > 0)
        {
            Span<byte> length = stackalloc byte[4];
            BinaryPrimitives.WriteInt32LittleEndian(length, _bytes.Count - _messageAt);
            for (int i = 0; i < length.Length; i++)
            {
                _bytes[_messageAt + i] = length[i];
            }
        }
    }

    private void Short(ushort value)
    {
        _bytes.Add((byte)value);
        _bytes.Add((byte)(value >> 8));
    }

    private void Patch(int at, int length)
    {
        _bytes[at] = (byte)length;
        _bytes[at + 1] = (byte)(length >> 8);
    }

    private void Align()
    {
        while (_bytes.Count % 4 != 0)
        {
            _bytes.Add(0);
        }
    }
}
