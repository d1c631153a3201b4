namespace BridgeGuard.Engine.Packets;

/// <summary>ICMP message types (RFC 792, RFC 950, RFC 1256, RFC 4443, RFC 4861) and which one answers which.</summary>
/// <remarks>
/// ICMP has no ports. The flow key takes the message's type and its counterpart's instead, so that a request and its reply are one
/// flow: echo request has the ports (8, 0), echo reply (0, 8). A message without counterpart has (type, code).
/// </remarks>
public static class IcmpTypes
{
    public const byte EchoReply = 0;
    public const byte Unreachable = 3;
    public const byte SourceQuench = 4;
    public const byte Redirect = 5;
    public const byte Echo = 8;
    public const byte RouterAdvertisement = 9;
    public const byte RouterSolicitation = 10;
    public const byte TimeExceeded = 11;
    public const byte ParameterProblem = 12;
    public const byte Timestamp = 13;
    public const byte TimestampReply = 14;
    public const byte Information = 15;
    public const byte InformationReply = 16;
    public const byte AddressMask = 17;
    public const byte AddressMaskReply = 18;

    public const byte V6Unreachable = 1;
    public const byte V6PacketTooBig = 2;
    public const byte V6TimeExceeded = 3;
    public const byte V6ParameterProblem = 4;
    public const byte V6Echo = 128;
    public const byte V6EchoReply = 129;
    public const byte V6MulticastListenerQuery = 130;
    public const byte V6MulticastListenerReport = 131;
    public const byte V6MulticastListenerDone = 132;
    public const byte V6RouterSolicitation = 133;
    public const byte V6RouterAdvertisement = 134;
    public const byte V6NeighborSolicitation = 135;
    public const byte V6NeighborAdvertisement = 136;
    public const byte V6Redirect = 137;
    public const byte V6RouterRenumbering = 138;
    public const byte V6NodeInformationQuery = 139;
    public const byte V6NodeInformationReply = 140;
    public const byte V6MulticastListenerReport2 = 143;
    public const byte V6MulticastRouterAdvertisement = 151;
    public const byte V6MulticastRouterTermination = 153;

    /// <summary>The type that answers <paramref name="type"/>, or -1.</summary>
    public static int CounterpartV4(byte type) => type switch
    {
        Echo => EchoReply,
        EchoReply => Echo,
        Timestamp => TimestampReply,
        TimestampReply => Timestamp,
        Information => InformationReply,
        InformationReply => Information,
        AddressMask => AddressMaskReply,
        AddressMaskReply => AddressMask,
        RouterSolicitation => RouterAdvertisement,
        RouterAdvertisement => RouterSolicitation,
        _ => -1,
    };

    /// <summary>The ICMPv6 type that answers <paramref name="type"/>, or -1.</summary>
    public static int CounterpartV6(byte type) => type switch
    {
        V6Echo => V6EchoReply,
        V6EchoReply => V6Echo,
        V6MulticastListenerQuery => V6MulticastListenerReport,
        V6MulticastListenerReport => V6MulticastListenerQuery,
        V6RouterSolicitation => V6RouterAdvertisement,
        V6RouterAdvertisement => V6RouterSolicitation,
        V6NeighborSolicitation => V6NeighborAdvertisement,
        V6NeighborAdvertisement => V6NeighborSolicitation,
        V6NodeInformationQuery => V6NodeInformationReply,
        V6NodeInformationReply => V6NodeInformationQuery,
        _ => -1,
    };

    /// <summary>An ICMPv4 error carries the start of the datagram that caused it (RFC 1122 §3.2.2).</summary>
    public static bool IsErrorV4(byte type) => type is Unreachable or SourceQuench or Redirect or TimeExceeded or ParameterProblem;

    /// <summary>ICMPv6 errors are below 128 (RFC 4443 §2.1).</summary>
    public static bool IsErrorV6(byte type) => type is >= V6Unreachable and <= V6ParameterProblem;
}
