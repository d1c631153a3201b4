using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Smb;

/// <summary>One SMB message (or one command of an AndX chain), viewed in place.</summary>
/// <remarks>
/// <see cref="Whole"/> begins at the header, which is where offsets within the message count from; <see cref="Body"/> begins behind it.
/// Errors: <c>TryRead</c> is false when the header is cut off.
/// </remarks>
internal readonly ref struct SmbMessage
{
    public const int Header1Bytes = 32;
    public const int Header2Bytes = 64;

    private const ushort Unicode1 = 0x8000;
    private const ushort NtStatus1 = 0x4000;
    private const uint Response2 = 1;
    private const uint Async2 = 2;
    private const uint Related2 = 4;

    public byte Version { get; private init; }

    public ushort Command { get; init; }

    public bool IsResponse { get; private init; }

    public uint Status { get; private init; }

    public bool IsDosStatus { get; private init; }

    public ulong SessionId { get; private init; }

    /// <summary>0 in asynchronous messages, which do not name their tree.</summary>
    public uint TreeId { get; private init; }

    public ulong MessageId { get; private init; }

    public bool IsAsync { get; private init; }

    /// <summary>Belongs to the message before it in the compound: same session, tree and file.</summary>
    public bool IsRelated { get; private init; }

    public bool IsUnicode { get; private init; }

    /// <summary>Where the next message of the compound begins; 0: there is none.</summary>
    public uint NextOffset { get; private init; }

    public ReadOnlySpan<byte> Whole { get; private init; }

    public ReadOnlySpan<byte> Body { get; init; }

    /// <summary>MS-CIFS §2.2.3.1.</summary>
    public static bool TryRead1(ReadOnlySpan<byte> bytes, out SmbMessage message)
    {
        message = default;
        if (bytes.Length < Header1Bytes)
        {
            return false;
        }

        ushort flags2 = BinaryPrimitives.ReadUInt16LittleEndian(bytes[10..]);
        message = new SmbMessage
        {
            Version = 1,
            Command = bytes[4],
            Status = BinaryPrimitives.ReadUInt32LittleEndian(bytes[5..]),
            IsDosStatus = (flags2 & NtStatus1) == 0,
            IsResponse = (bytes[9] & 0x80) != 0,
            IsUnicode = (flags2 & Unicode1) != 0,
            TreeId = BinaryPrimitives.ReadUInt16LittleEndian(bytes[24..]),
            SessionId = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]),
            MessageId = ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(bytes[26..]) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(bytes[30..]),
            Whole = bytes,
            Body = bytes[Header1Bytes..],
        };
        return true;
    }

    /// <summary>MS-SMB2 §2.2.1.</summary>
    public static bool TryRead2(ReadOnlySpan<byte> bytes, out SmbMessage message)
    {
        message = default;
        if (bytes.Length < Header2Bytes || BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) != Header2Bytes)
        {
            return false;
        }

        uint flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]);
        bool isAsync = (flags & Async2) != 0;
        uint next = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]);
        ReadOnlySpan<byte> own = next >= Header2Bytes && next <= (uint)bytes.Length ? bytes[..(int)next] : bytes;
        message = new SmbMessage
        {
            Version = 2,
            Status = BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            Command = BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]),
            IsResponse = (flags & Response2) != 0,
            IsAsync = isAsync,
            IsRelated = (flags & Related2) != 0,
            IsUnicode = true,
            NextOffset = next,
            MessageId = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
            TreeId = isAsync ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]),
            SessionId = BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            Whole = own,
            Body = own[Header2Bytes..],
        };
        return true;
    }

    /// <summary>Bytes at an offset from the header, as wire fields give it; false when they reach beyond the message.</summary>
    public bool TrySlice(uint offset, uint length, out ReadOnlySpan<byte> bytes)
    {
        bool isThere = offset <= (uint)Whole.Length && length <= (uint)Whole.Length - offset;
        bytes = isThere ? Whole.Slice((int)offset, (int)length) : default;
        return isThere;
    }
}
