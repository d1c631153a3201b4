using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.MySql;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.MySql;

public sealed class MySqlConformanceTests : ProtocolConformanceTests
{
    private const uint Protocol41 = 1 << 9;
    private const uint Secure = 1 << 15;
    private const uint Plugin = 1 << 19;
    private const uint NoEof = 1 << 24;
    private const uint Ssl = 1 << 11;
    private const uint WithDb = 1 << 3;

    private static readonly byte[] Definition = [3, .. "def"u8, 0, 0, 0, 1, .. "1"u8, 0, 0x0c, 0x3f, 0, 1, 0, 0, 0, 8, 0x81, 0, 0, 0, 0];

    protected override Protocol Protocol { get; } = new MySqlProtocol();

    protected override IReadOnlyList<Turn[]> Samples =>
    [
        [
            Server(0, Greeting),
            Client(1, Login(1 | Protocol41 | Secure | Plugin | WithDb, "root", "shop")),
            Server(2, [0xfe, .. "mysql_native_password\0nonce"u8]),
            Client(3, [.. new byte[20]]),
            Server(4, 0, 0, 0, 2, 0, 0, 0),
            Client(0, [3, .. "SELECT 1"u8]),
            new Turn(Direction.ToClient, [.. Packet(1, 1), .. Packet(2, Definition), .. Packet(3, 0xfe, 0, 0, 2, 0), .. Packet(4, [1, .. "1"u8]), .. Packet(5, 0xfe, 0, 0, 2, 0)]),
            Client(0, [3, .. "INSERT INTO t VALUES (1)"u8]),
            Server(1, 0, 1, 7, 2, 0, 0, 0),
            Client(0, [22, .. "SELECT ?"u8]),
            new Turn(Direction.ToClient, [.. Packet(1, 0, 9, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0), .. Packet(2, Definition), .. Packet(3, 0xfe, 0, 0, 2, 0), .. Packet(4, Definition), .. Packet(5, 0xfe, 0, 0, 2, 0)]),
            Client(0, 23, 9, 0, 0, 0, 0, 1, 0, 0, 0),
            Server(1, [0xff, 0x28, 4, .. "#42000bad statement"u8]),
            new Turn(Direction.ToServer, [.. Packet(0, 25, 9, 0, 0, 0), .. Packet(0, 9)]),
            Server(1, [.. "Uptime: 9"u8]),
            Client(0, [3, .. "LOAD DATA LOCAL INFILE 'x'"u8]),
            Server(1, [0xfb, .. "/etc/passwd"u8]),
            new Turn(Direction.ToServer, [.. Packet(2, [.. "root:x"u8]), .. Packet(3)]),
            Server(4, 0, 1, 0, 2, 0, 0, 0),
            Client(0, 1),
        ],
        [
            Server(0, Greeting),
            Client(1, Login(1 | Protocol41 | Secure | NoEof, "app", null)),
            Server(2, 0, 0, 0, 2, 0, 0, 0),
            Client(0, [3, .. "SELECT 1; SELECT 2"u8]),
            new Turn(Direction.ToClient,
                [.. Packet(1, 1), .. Packet(2, Definition), .. Packet(3, [1, .. "1"u8]), .. Packet(4, 0xfe, 0, 0, 10, 0, 0, 0), .. Packet(5, 1), .. Packet(6, Definition), .. Packet(7, [1, .. "2"u8]),
                 .. Packet(8, 0xfe, 0, 0, 2, 0, 0, 0)]),
        ],
        [
            Server(0, Greeting),
            Client(1, Login(1 | Protocol41 | Secure, "root", null)),
            Server(2, [0xff, 0x15, 4, .. "#28000Access denied for user"u8]),
        ],
    ];

    private static byte[] Greeting =>
    [
        10, .. "8.0.36-test\0"u8, 11, 0, 0, 0, .. "12345678\0"u8, 0xff, 0xff, 45, 2, 0, 0xff, 0xdf, 21, .. new byte[10], .. "123456789012\0"u8, .. "mysql_native_password\0"u8,
    ];

    [Fact]
    public void ALoginSaysWhoWantsWhat()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal(
            """{"mysql":{"command":"login","server_version":"8.0.36-test","thread_id":11,"tls":false,"compressed":false,"auth_plugin":"mysql_native_password","user":"root","database":"shop","response":{"status":"ok","affected_rows":0,"last_insert_id":0,"warnings":0}}}""",
            bench.Eve(0));
    }

    [Fact]
    public void ResultsAreCounted()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("""{"mysql":{"command":"query","query":"SELECT 1","response":{"status":"result_set","columns":1,"rows":1}}}""", bench.Eve(1));
        Assert.Equal(
            """{"mysql":{"command":"query","query":"INSERT INTO t VALUES (1)","response":{"status":"ok","affected_rows":1,"last_insert_id":7,"warnings":0}}}""", bench.Eve(2));
        Assert.Equal(
            """{"mysql":{"command":"stmt_prepare","statement_id":9,"query":"SELECT ?","response":{"status":"ok","affected_rows":0,"last_insert_id":0,"warnings":0}}}""", bench.Eve(3));
    }

    [Fact]
    public void SeveralResultsBelongToOneQuery()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[1]);
        Assert.Equal(2, bench.State.Transactions.Count);
        Assert.Equal(2UL, bench.Field("mysql.rows", Direction.ToClient, 1));
    }

    [Fact]
    public void ErrorsAndWantedFilesAreSeen()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[0]);
        Assert.Equal("bad statement", bench.Buffer("mysql.error", Direction.ToClient, 4));
        Assert.Equal(1064UL, bench.Field("mysql.error_code", Direction.ToClient, 4));
        Assert.Equal(["local_infile"], bench.Anomalies(7));
        Assert.Contains("\"query\":\"LOAD DATA LOCAL INFILE 'x'\"", bench.Eve(7), StringComparison.Ordinal);
    }

    [Fact]
    public void ARefusedLoginIsNamed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed(Samples[2]);
        Assert.Equal(["access_denied"], bench.Anomalies());
    }

    [Fact]
    public void TlsTakesOver()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([Server(0, Greeting), Client(1, Login(1 | Protocol41 | Ssl, null, null))]);
        Assert.Equal(ProtocolId.Tls, bench.Change.Expected);
        Assert.Contains("\"tls\":true", bench.Eve(0), StringComparison.Ordinal);
    }

    [Fact]
    public void MalformedPacketsAreNamed()
    {
        var bench = new ProtocolBench(Protocol);
        bench.Feed([Server(0, Greeting), Client(1, 1, 2)]);
        Assert.True(bench.HasStopped);
        Assert.Equal(["malformed_request"], bench.Anomalies());
        bench = new ProtocolBench(Protocol);
        bench.Feed([Server(0, 10, 0x38)]);
        Assert.Equal(["malformed_response"], bench.Anomalies());
    }

    [Fact]
    public void OpenCommandsHaveALimit()
    {
        var bench = new ProtocolBench(Protocol, new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed(Samples[0][..5]);
        bench.Feed([Client(0, 14), Client(0, 14), Client(0, 14)]);
        Assert.Contains("too_many_transactions", bench.Anomalies(1));
    }

    private static byte[] Login(uint capabilities, string? user, string? database) =>
    [
        (byte)capabilities, (byte)(capabilities >> 8), (byte)(capabilities >> 16), (byte)(capabilities >> 24), 0, 0, 0, 1, 45, .. new byte[23],
        .. user is null ? [] : (byte[])[.. Encoding.ASCII.GetBytes(user), 0, 4, 1, 2, 3, 4], .. database is null ? [] : (byte[])[.. Encoding.ASCII.GetBytes(database), 0],
    ];

    private static byte[] Packet(byte number, params byte[] body) => [(byte)body.Length, (byte)(body.Length >> 8), 0, number, .. body];

    private static Turn Client(byte number, params byte[] body) => new(Direction.ToServer, Packet(number, body));

    private static Turn Server(byte number, params byte[] body) => new(Direction.ToClient, Packet(number, body));
}
