using System.Buffers.Binary;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>What a record of a keeping ring is; in <c>EventHeader.OutputIndex</c>.</summary>
internal enum KeptRecord : byte
{
    /// <summary>Bytes of a file: its place of the first of them (8 bytes), then they. The file's number is the flow id, its start the timestamp's.</summary>
    FileBytes = 1,

    /// <summary>A file is over: its size (8 bytes), 1 when it is kept, its SHA-256.</summary>
    FileEnd,

    /// <summary>A chain of certificates, as <see cref="ChainRecord"/> writes it.</summary>
    Chain,

    /// <summary>A frame; the signature id is its link type.</summary>
    Frame,
}

/// <summary>A chain of certificates with what is told of it, as bytes.</summary>
/// <remarks>
/// Shape, little-endian: time 8, direction 1, protocol 1, ports 2 + 2, addresses 16 + 16 (the packet's source first), three texts with lengths of 2 bytes
/// (subject, issuer, fingerprint), certificates with lengths of 4 bytes to the end.
/// </remarks>
internal sealed class ChainRecord : ICertificateChain
{
    private const int HeadBytes = 46;

    private readonly List<byte[]> _chain = [];
    private byte[] _subject = [];
    private byte[] _issuer = [];
    private byte[] _fingerprint = [];

    public Packet Packet { get; } = new();

    public Flow Flow { get; } = new();

    public int ChainLength => _chain.Count;

    public ReadOnlySpan<byte> SubjectText => _subject;

    public ReadOnlySpan<byte> IssuerText => _issuer;

    public ReadOnlySpan<byte> FingerprintText => _fingerprint;

    public ReadOnlySpan<byte> Chain(int index) => _chain[index];

    /// <summary>Bytes written; 0 when it does not fit. Allocates nothing.</summary>
    public static int Write(Span<byte> target, Packet packet, Flow flow, ICertificateChain chain)
    {
        if (target.Length < HeadBytes)
        {
            return 0;
        }

        BinaryPrimitives.WriteInt64LittleEndian(target, packet.TimeUs);
        target[8] = (byte)packet.Direction;
        target[9] = flow.Key.Protocol;
        BinaryPrimitives.WriteUInt16LittleEndian(target[10..], packet.SourcePort);
        BinaryPrimitives.WriteUInt16LittleEndian(target[12..], packet.DestinationPort);
        packet.SourceAddress.Write(target[14..], asV4: false);
        packet.DestinationAddress.Write(target[30..], asV4: false);
        int length = HeadBytes;
        bool fits = TryText(target, ref length, chain.SubjectText) && TryText(target, ref length, chain.IssuerText) && TryText(target, ref length, chain.FingerprintText);
        for (int i = 0; i < chain.ChainLength && fits; i++)
        {
            ReadOnlySpan<byte> certificate = chain.Chain(i);
            fits = target.Length - length >= sizeof(uint) + certificate.Length;
            if (fits)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(target[length..], (uint)certificate.Length);
                certificate.CopyTo(target[(length + sizeof(uint))..]);
                length += sizeof(uint) + certificate.Length;
            }
        }

        return fits ? length : 0;
    }

    /// <summary>Null when the bytes are not of this shape: they may come from a process that hostile traffic has taken over.</summary>
    public static ChainRecord? TryRead(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeadBytes || bytes[8] > (byte)Direction.ToClient)
        {
            return null;
        }

        ChainRecord record = new();
        record.Packet.TimeUs = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        record.Packet.Direction = (Direction)bytes[8];
        record.Packet.SourcePort = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        record.Packet.DestinationPort = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]);
        record.Packet.SourceAddress = IpAddress.ReadV6(bytes[14..]);
        record.Packet.DestinationAddress = IpAddress.ReadV6(bytes[30..]);
        record.Flow.Key = new FlowKey(default, default, 0, 0, bytes[9], 4, 0, 0, 0, 0, 0);
        ReadOnlySpan<byte> rest = bytes[HeadBytes..];
        if (!TryText(ref rest, out record._subject) || !TryText(ref rest, out record._issuer) || !TryText(ref rest, out record._fingerprint))
        {
            return null;
        }

        while (rest.Length >= sizeof(uint))
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest);
            rest = rest[sizeof(uint)..];
            if (length > rest.Length)
            {
                return null;
            }

            record._chain.Add(rest[..(int)length].ToArray());
            rest = rest[(int)length..];
        }

        return rest.IsEmpty ? record : null;
    }

    private static bool TryText(Span<byte> target, ref int length, ReadOnlySpan<byte> text)
    {
        if (text.Length > ushort.MaxValue || target.Length - length < sizeof(ushort) + text.Length)
        {
            return false;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(target[length..], (ushort)text.Length);
        text.CopyTo(target[(length + sizeof(ushort))..]);
        length += sizeof(ushort) + text.Length;
        return true;
    }

    private static bool TryText(ref ReadOnlySpan<byte> rest, out byte[] text)
    {
        text = [];
        if (rest.Length < sizeof(ushort) || BinaryPrimitives.ReadUInt16LittleEndian(rest) is var length && rest.Length - sizeof(ushort) < length)
        {
            return false;
        }

        text = rest.Slice(sizeof(ushort), length).ToArray();
        rest = rest[(sizeof(ushort) + length)..];
        return true;
    }
}
