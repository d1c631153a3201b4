using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Rdp;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Rdp;

public sealed class RdpConformanceTests : ProtocolConformanceTests
{
    protected override Protocol Protocol { get; } = new RdpProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            new Turn(Direction.ToServer, Request("Cookie: mstshash=user1\r\n"u8.ToArray())),
            new Turn(Direction.ToClient, Confirm([2, 0x1f, 8, 0, 0, 0, 0, 0])),
            new Turn(Direction.ToServer, ConnectInitial()),
            new Turn(Direction.ToClient, Tpkt([2, 0xf0, 0x80, 0x7f, 0x66, 2, 10, 0])),
            Turn.Client("opaque"),
        ],
        [new Turn(Direction.ToServer, Request([])), new Turn(Direction.ToClient, Confirm([3, 0, 8, 0, 2, 0, 0, 0]))],
    ];

    [Fact]
    public void TheConnectionSequenceIsRecordedMessageByMessage()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("""{"rdp":{"tx_id":1,"event_type":"initial_request","cookie":"user1"}}""", bench.Eve(0));
        Assert.Equal(
            """{"rdp":{"tx_id":2,"event_type":"initial_response","server_supports":["extended_client_data","dynvc_gfx","restricted_admin","redirected_authentication"],"protocol":"rdp"}}""",
            bench.Eve(1));
        Assert.Contains("\"client_name\":\"PC1\"", bench.Eve(2), StringComparison.Ordinal);
        Assert.Contains("\"channels\":[\"rdpdr\"]", bench.Eve(2), StringComparison.Ordinal);
        Assert.Equal("""{"rdp":{"tx_id":4,"event_type":"connect_response"}}""", bench.Eve(3));
    }

    [Fact]
    public void ARefusalShowsItsReason()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1]);
        Assert.Equal("""{"rdp":{"tx_id":2,"event_type":"initial_response","error_code":2,"reason":"ssl not allowed by server"}}""", bench.Eve(1));
    }

    [Fact]
    public void SerialNumbersAreFoundInACertificateMessageThatSpansRecords()
    {
        // SEQUENCE { SEQUENCE { [0] version, INTEGER 0x05ab } }
        byte[] certificate = [0x30, 11, 0x30, 9, 0xa0, 3, 2, 1, 2, 2, 2, 5, 0xab];
        byte[] message = [11, 0, 0, 19, 0, 0, 16, 0, 0, 13, .. certificate];
        byte[] first = [22, 3, 3, 0, 6, .. message[..6]];
        byte[] second = [22, 3, 3, 0, (byte)(message.Length - 6), .. message[6..]];
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Direction.ToClient, [.. first, .. second]);
        Assert.Equal("""{"rdp":{"tx_id":1,"event_type":"tls_handshake","x509_serials":["5ab"]}}""", bench.Eve());
    }

    private static byte[] Tpkt(byte[] message) => [3, 0, (byte)((message.Length + 4) >> 8), (byte)(message.Length + 4), .. message];

    private static byte[] Request(byte[] variable) => Tpkt([(byte)(6 + variable.Length), 0xe0, 0, 0, 0, 0, 0, .. variable]);

    private static byte[] Confirm(byte[] negotiation) => Tpkt([(byte)(6 + negotiation.Length), 0xd0, 0, 0, 0x12, 0x34, 0, .. negotiation]);

    private static byte[] ConnectInitial()
    {
        byte[] core = new byte[208];
        new byte[] { 4, 0, 8, 0, 0, 4, 0, 3, 1, 0xca, 3, 0xaa, 9, 4, 0, 0, 0xf0, 0x23, 0, 0 }.CopyTo(core, 0);
        Encoding.Unicode.GetBytes("PC1").CopyTo(core, 20);
        core[52] = 4;
        new byte[] { 1, 0xca, 1, 0 }.CopyTo(core, 128);
        new byte[] { 24, 0, 7, 0, 1, 0 }.CopyTo(core, 136);
        byte[] blocks =
        [
            1, 0xc0, (byte)(core.Length + 4), 0, .. core,
            3, 0xc0, 20, 0, 1, 0, 0, 0, .. "rdpdr\0\0\0"u8, 0, 0, 0, 0,
        ];
        byte[] conference = [0, 5, 0, 0x14, 0x7c, 0, 1, 0x81, 0, 0, 8, 0, 0x10, 0, 1, 0xc0, 0, .. "Duca"u8, 0x80, (byte)blocks.Length, .. blocks];
        byte[] userData = [4, 0x82, (byte)(conference.Length >> 8), (byte)conference.Length, .. conference];
        byte[] members = [4, 1, 1, 4, 1, 1, 1, 1, 255, 0x30, 0, 0x30, 0, 0x30, 0, .. userData];
        return Tpkt([2, 0xf0, 0x80, 0x7f, 0x65, 0x82, (byte)(members.Length >> 8), (byte)members.Length, .. members]);
    }
}
