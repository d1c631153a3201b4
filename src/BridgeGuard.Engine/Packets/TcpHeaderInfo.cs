namespace BridgeGuard.Engine.Packets;

/// <summary>TCP header bits, RFC 9293 §3.1, with the low byte as on the wire.</summary>
[Flags]
public enum TcpFlags : byte
{
    None = 0,
    Fin = 0x01,
    Syn = 0x02,
    Rst = 0x04,
    Psh = 0x08,
    Ack = 0x10,
    Urg = 0x20,
    Ece = 0x40,
    Cwr = 0x80,
}

/// <summary>The values of a TCP header and its options that the tracker needs; filled by the decoder.</summary>
public struct TcpHeaderInfo
{
    public uint Sequence;
    public uint Acknowledgement;
    public ushort Window;
    public ushort UrgentPointer;
    public TcpFlags Flags;

    /// <summary>The four bits between data offset and flags; 0 today (bit 0 was the ECN nonce, RFC 8311).</summary>
    public byte Reserved;

    /// <summary>-1 when the option is absent (RFC 7323 §2).</summary>
    public sbyte WindowScale;
    public bool HasTimestamp;
    public bool SackPermitted;

    /// <summary>Number of SACK blocks and where they start in the packet's buffer (RFC 2018).</summary>
    public byte SackBlocks;
    public int SackOffset;
    public uint TimestampValue;
    public uint TimestampEcho;

    /// <summary>Maximum segment size option, 0 when absent.</summary>
    public ushort Mss;

    /// <summary>A TCP Fast Open option (RFC 7413) is present; the cookie's length, 0 for a request.</summary>
    public bool FastOpen;
    public byte FastOpenCookieLength;

    public readonly bool Has(TcpFlags flags) => (Flags & flags) == flags;
}
