using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Krb5;
using Xunit;
using static BridgeGuard.Engine.Tests.Protocols.Krb5.Krb5Samples;

namespace BridgeGuard.Engine.Tests.Protocols.Krb5;

public sealed class Krb5ParserTests
{
    private readonly ProtocolBench _bench = new(new Krb5Protocol());

    [Fact]
    public void ARequestShowsWhoAsksForWhat()
    {
        _bench.Feed(Direction.ToServer, Framed(Request(10, "alice", "krbtgt", "EXAMPLE.COM")));
        Assert.Equal(
            """{"krb5":{"msg_type":"KRB_AS_REQ","cname":"alice","realm":"EXAMPLE.COM","sname":"krbtgt/EXAMPLE.COM","encryption":"<none>","weak_encryption":false}}""",
            _bench.Eve());
    }

    [Fact]
    public void AnErrorNamesTheRequestThatFailed()
    {
        _bench.Feed(Direction.ToServer, Framed(Request(12, null, "HTTP", "www")));
        _bench.Feed(Direction.ToClient, Framed(Error(7)));
        Assert.Contains("\"failed_request\":\"KRB_TGS_REQ\",\"error_code\":\"KDC_ERR_S_PRINCIPAL_UNKNOWN\"", _bench.Eve(1));
        Assert.True(Matches("krb5_err_code", "7", 1));
        Assert.False(Matches("krb5_err_code", "0", 0));
    }

    [Fact]
    public void AnErrorCodeWithoutNameIsShownAsNumber()
    {
        _bench.Feed(Direction.ToClient, Framed(Error(99)));
        Assert.Contains("\"error_code\":\"ErrorCode(99)\"", _bench.Eve());
    }

    [Fact]
    public void NamesOfAnswersAreBuffersPartByPart()
    {
        _bench.Feed(Direction.ToClient, Framed(Reply(13, 18, 18)));
        Assert.Equal("alice", _bench.Buffer("krb5.cname", Direction.ToClient));
        Assert.Equal("HTTP", _bench.Buffer("krb5.sname", Direction.ToClient));
        Assert.Equal("www", _bench.Buffer("krb5.sname", Direction.ToClient, 0, 1));
        Assert.Null(_bench.Buffer("krb5.sname", Direction.ToClient, 0, 2));
    }

    [Theory]
    [InlineData("weak", true)]
    [InlineData("!weak", false)]
    [InlineData("23", true)]
    [InlineData("rc4-hmac, aes256-cts-hmac-sha1-96", true)]
    [InlineData("aes256-cts-hmac-sha1-96", false)]
    [InlineData("-133", false)]
    public void TicketsMatchByTheirEncryption(string argument, bool expected)
    {
        _bench.Feed(Direction.ToClient, Framed(Reply(13, 23, 18)));
        Assert.Equal(expected, Matches("krb5.ticket_encryption", argument, 0));
        Assert.Empty(_bench.Anomalies());
    }

    [Fact]
    public void AWeaklyEncryptedReplyIsAnAnomaly()
    {
        _bench.Feed(Direction.ToClient, Framed(Reply(11, 18, 23)));
        Assert.Equal(["weak_encryption"], _bench.Anomalies());
        Assert.Contains("\"encryption\":\"rc4-hmac\",\"weak_encryption\":true", _bench.Eve());
    }

    [Theory]
    [InlineData("krb5_msg_type", "x")]
    [InlineData("krb5_msg_type", ">10")]
    [InlineData("krb5_err_code", "!0")]
    [InlineData("krb5.ticket_encryption", "foo")]
    [InlineData("krb5.ticket_encryption", "weak,18")]
    public void WrongArgumentsAreRefusedWithAReason(string keyword, string argument)
    {
        Assert.Null(Keyword(keyword).Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void ARecordThatIsTooLongEndsTheParsing()
    {
        _bench.Feed(Direction.ToServer, [0x7f, 0, 0, 0, 1, 2, 3, 4]);
        Assert.True(_bench.HasStopped);
        Assert.Equal(["malformed_data"], _bench.Anomalies());
    }

    [Fact]
    public void OtherMessagesMakeNoTransaction()
    {
        _bench.Feed(Direction.ToServer, Framed(Request(14, "alice", "HTTP")));
        Assert.Equal(0, _bench.State.Transactions.Count);
    }

    private KeywordDescriptor Keyword(string name) => _bench.Protocol.Keywords.Single(k => k.Name == name);

    private bool Matches(string keyword, string argument, int transaction) =>
        Keyword(keyword).Parse(argument, out _)!.Match(_bench.Transaction(transaction), Direction.ToClient, _bench.Flow);
}
