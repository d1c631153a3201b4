namespace BridgeGuard.Engine.Protocols.Frames;

/// <summary>A named run of a direction's bytes. A value in a <see cref="FrameList"/>.</summary>
public struct Frame
{
    /// <summary>The length of a frame whose end is not known yet.</summary>
    public const long OpenEnded = -1;

    /// <summary>Number within the direction, from 1 (EVE <c>frame.id</c>).</summary>
    public uint Id;

    /// <summary>Index into <see cref="Protocol.Frames"/>; <see cref="FrameTypes.Stream"/>: the whole direction.</summary>
    public short Type;

    /// <summary>A transaction number is known.</summary>
    public bool HasTransaction;

    /// <summary>EVE has it.</summary>
    public bool IsLogged;

    /// <summary>Its last byte was inspected: nothing more is to be found in it.</summary>
    public bool IsInspected;

    /// <summary>Bytes of it from its start that rules have seen.</summary>
    public long Seen;

    /// <summary>Where it begins: stream offset, or position in the datagram's payload.</summary>
    public long Offset;

    /// <summary>Bytes, or <see cref="OpenEnded"/>.</summary>
    public long Length;

    /// <summary>The transaction's number as the parser counts them (EVE <c>frame.tx_id</c>); with <see cref="HasTransaction"/>.</summary>
    public ulong TransactionId;

    public readonly bool IsOpenEnded => Length < 0;

    /// <summary>One past the last byte; <see cref="long.MaxValue"/> while unknown.</summary>
    public readonly long End => Length < 0 ? long.MaxValue : Offset + Length;
}

/// <summary>Frame types that the engine has itself.</summary>
public static class FrameTypes
{
    /// <summary>All bytes of a TCP direction; frame number 1.</summary>
    public const short Stream = -1;

    public const string StreamName = "stream";

    /// <summary>The name of a type of a protocol, as rules and EVE write it.</summary>
    public static string NameOf(Protocol protocol, short type) => type == Stream ? StreamName : protocol.Frames[type];
}
