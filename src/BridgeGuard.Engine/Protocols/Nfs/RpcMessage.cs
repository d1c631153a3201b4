using System.Buffers.Binary;

namespace BridgeGuard.Engine.Protocols.Nfs;

internal enum RpcKind : byte
{
    /// <summary>Neither a call to NFS nor a reply.</summary>
    Other,
    Call,
    Reply,
}

/// <summary>Reads XDR (RFC 4506): 32-bit numbers, big-endian, and byte strings padded to four. Once something is missing, nothing more is read.</summary>
internal ref struct XdrReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    public bool IsValid { get; private set; } = true;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public uint UInt32()
    {
        ReadOnlySpan<byte> bytes = Fixed(4);
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadUInt32BigEndian(bytes);
    }

    public ulong UInt64()
    {
        ReadOnlySpan<byte> bytes = Fixed(8);
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadUInt64BigEndian(bytes);
    }

    /// <summary>Bytes of a known number; padding follows when that is no multiple of four. Empty when they are not there.</summary>
    public ReadOnlySpan<byte> Fixed(int count)
    {
        if (!IsValid || count > _rest.Length)
        {
            IsValid = false;
            return default;
        }

        ReadOnlySpan<byte> taken = _rest[..count];

        // The last string's padding is sometimes left out.
        _rest = _rest[Math.Min((count + 3) & ~3, _rest.Length)..];
        return taken;
    }

    /// <summary>What follows is not understood: nothing more is read.</summary>
    public void Fail() => IsValid = false;

    /// <summary>A byte string with its length before it; what follows comes at once.</summary>
    public ReadOnlySpan<byte> Unpadded()
    {
        uint length = UInt32();
        if (!IsValid || length > (uint)_rest.Length)
        {
            IsValid = false;
            return default;
        }

        ReadOnlySpan<byte> taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }

    /// <summary>A byte string with its length before it.</summary>
    public ReadOnlySpan<byte> Opaque()
    {
        uint length = UInt32();
        if (length > (uint)_rest.Length)
        {
            IsValid = false;
            return default;
        }

        return Fixed((int)length);
    }
}

/// <summary>A call or reply of ONC RPC (RFC 5531 §9), viewed in place.</summary>
/// <remarks>On TCP a mark stands before each fragment (§11): a bit for the last one, 31 bits of length.</remarks>
internal readonly ref struct RpcMessage
{
    public const int MarkBytes = 4;
    public const int MinimumBytes = 24;

    /// <summary>Of shorter datagrams Suricata does not say whose they are (observed); a call without credentials and arguments has 40 bytes.</summary>
    public const int MinimumDatagramBytes = 48;

    private const uint NfsProgram = 100003;
    private const uint RpcVersion = 2;

    public RpcKind Kind { get; private init; }

    public uint Xid { get; private init; }

    /// <summary>Of a call: NFS's version and procedure.</summary>
    public uint Version { get; private init; }

    public uint Procedure { get; private init; }

    /// <summary>Of a call: credentials (§8.2).</summary>
    public uint AuthKind { get; private init; }

    public ReadOnlySpan<byte> Credentials { get; private init; }

    /// <summary>Of a reply: denied, or the state of acceptance (0: success).</summary>
    public bool IsDenied { get; private init; }

    public uint AcceptState { get; private init; }

    /// <summary>What follows: arguments or results.</summary>
    public ReadOnlySpan<byte> Body { get; private init; }

    /// <summary>The rest of a compound of which the beginning has been read.</summary>
    public static RpcMessage OfCompound(uint xid, RpcKind kind, ReadOnlySpan<byte> rest) =>
        new() { Kind = kind, Xid = xid, Version = 4, Procedure = Nfs4.Compound, Body = rest };

    public static int FragmentLength(ReadOnlySpan<byte> mark) => (int)(BinaryPrimitives.ReadUInt32BigEndian(mark) & 0x7fff_ffff);

    public static bool IsLastFragment(ReadOnlySpan<byte> mark) => (mark[0] & 0x80) != 0;

    /// <summary>What the start of a message is, by its fixed members alone; needs <see cref="MinimumBytes"/>.</summary>
    public static RpcKind Judge(ReadOnlySpan<byte> message)
    {
        if (message.Length < MinimumBytes)
        {
            return RpcKind.Other;
        }

        uint kind = BinaryPrimitives.ReadUInt32BigEndian(message[4..]);
        if (kind == 0)
        {
            uint version = BinaryPrimitives.ReadUInt32BigEndian(message[16..]);
            return BinaryPrimitives.ReadUInt32BigEndian(message[8..]) == RpcVersion
                && BinaryPrimitives.ReadUInt32BigEndian(message[12..]) == NfsProgram && version is >= 2 and <= 4
                ? RpcKind.Call : RpcKind.Other;
        }

        bool isReply = kind == 1 && BinaryPrimitives.ReadUInt32BigEndian(message[8..]) == 0
            && BinaryPrimitives.ReadUInt32BigEndian(message[12..]) <= 6 && BinaryPrimitives.ReadUInt32BigEndian(message[16..]) <= 400
            && BinaryPrimitives.ReadUInt32BigEndian(message[20..]) <= 5;
        return isReply ? RpcKind.Reply : RpcKind.Other;
    }

    /// <summary>Reads the header; false when it is cut off or no RPC. Calls to other programs are <see cref="RpcKind.Other"/>.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RpcMessage message)
    {
        message = default;
        var reader = new XdrReader(bytes);
        uint xid = reader.UInt32();
        uint kind = reader.UInt32();
        if (!reader.IsValid || kind > 1)
        {
            return false;
        }

        if (kind == 0)
        {
            uint rpcVersion = reader.UInt32();
            uint program = reader.UInt32();
            uint version = reader.UInt32();
            uint procedure = reader.UInt32();
            uint auth = reader.UInt32();
            ReadOnlySpan<byte> credentials = reader.Opaque();
            reader.UInt32();
            reader.Opaque();
            message = new RpcMessage
            {
                Kind = program == NfsProgram ? RpcKind.Call : RpcKind.Other,
                Xid = xid,
                Version = version,
                Procedure = procedure,
                AuthKind = auth,
                Credentials = credentials,
                Body = reader.Rest,
            };
            return reader.IsValid && rpcVersion == RpcVersion;
        }

        bool isDenied = reader.UInt32() != 0;
        uint acceptState = 0;
        if (!isDenied)
        {
            reader.UInt32();
            reader.Opaque();
            acceptState = reader.UInt32();
        }

        message = new RpcMessage { Kind = RpcKind.Reply, Xid = xid, IsDenied = isDenied, AcceptState = acceptState, Body = reader.Rest };
        return reader.IsValid;
    }
}
