namespace BridgeGuard.Engine.Packets;

/// <summary>IPv4 options met in a header (RFC 791 §3.1, RFC 1108, RFC 2113, RFC 4782), as the <c>ipopts</c> keyword names them.</summary>
[Flags]
public enum Ipv4Options : ushort
{
    None = 0,
    EndOfList = 1 << 0,
    NoOperation = 1 << 1,
    RecordRoute = 1 << 2,
    Timestamp = 1 << 3,
    Security = 1 << 4,
    ExtendedSecurity = 1 << 5,
    LooseSourceRoute = 1 << 6,
    StrictSourceRoute = 1 << 7,
    StreamId = 1 << 8,
    Cipso = 1 << 9,
    RouterAlert = 1 << 10,
    QuickStart = 1 << 11,
    Other = 1 << 12,
}
