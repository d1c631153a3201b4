using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Sip;

namespace BridgeGuard.Engine.Tests.Protocols.Sip;

/// <summary>SIP on TCP: a call is set up with session descriptions on both sides, and ended.</summary>
public sealed class SipConformanceTests : ProtocolConformanceTests
{
    public const string Description =
        "v=0\r\no=alice 1 2 IN IP4 198.51.100.1\r\ns=A call\r\ni=about\r\nu=http://example.com\r\ne=a@example.com\r\np=+1 617\r\n"
        + "c=IN IP4 198.51.100.1\r\nb=AS:64\r\nt=0 0\r\nr=7d 1h 0 25h\r\nt=1 2\r\nz=1 -1h 2 0\r\nk=prompt\r\na=sendrecv\r\n"
        + "m=audio 49170/2 RTP/AVP 0 8\r\ni=sound\r\nc=IN IP6 FF15::101/3\r\nb=CT:1\r\nk=clear:x\r\na=rtpmap:0 PCMU/8000\r\nm=video 5 udp x\r\n";

    protected override Protocol Protocol { get; } = new SipProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Turn.Client(Request("INVITE", Description)),
            Turn.Server($"SIP/2.0 200 OK\r\nv: SIP/2.0/TCP host\r\n more\r\nTo: <sip:b@example.com>\r\nc: application/sdp\r\nl: {Description.Length}\r\n\r\n{Description}"),
            Turn.Client(Request("ACK", "") + Request("BYE", "")),
            Turn.Server("SIP/2.0 200 \r\n\r\n"),
        ],
    ];

    public static string Request(string method, string body) =>
        $"{method} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TCP client\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\n"
        + $"User-Agent: ua/1.0\r\nContent-Type: application/sdp\r\nContent-Length: {body.Length}\r\n\r\n{body}";
}
