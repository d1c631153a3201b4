using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Sip;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Sip;

/// <summary>Buffers, anomalies, limits and records of SIP and SDP.</summary>
public sealed class SipTests
{
    [Theory]
    [InlineData("sip.method", "INVITE")]
    [InlineData("sip.uri", "sip:b@example.com")]
    [InlineData("sip.request_line", "INVITE sip:b@example.com SIP/2.0")]
    [InlineData("sip.protocol", "SIP/2.0")]
    [InlineData("sip.from", "<sip:a@example.com>;tag=1")]
    [InlineData("sip.to", "<sip:b@example.com>")]
    [InlineData("sip.via", "SIP/2.0/TCP client")]
    [InlineData("sip.user_agent", "ua/1.0")]
    [InlineData("sip.content_type", "application/sdp")]
    [InlineData("sdp.origin", "alice 1 2 IN IP4 198.51.100.1")]
    [InlineData("sdp.session_name", "A call")]
    [InlineData("sdp.session_info", "about")]
    [InlineData("sdp.uri", "http://example.com")]
    [InlineData("sdp.email", "a@example.com")]
    [InlineData("sdp.phone_number", "+1 617")]
    [InlineData("sdp.connection_data", "IN IP4 198.51.100.1")]
    [InlineData("sdp.bandwidth", "AS:64")]
    [InlineData("sdp.time", "0 0")]
    [InlineData("sdp.repeat_time", "7d 1h 0 25h")]
    [InlineData("sdp.timezone", "1 -1h 2 0")]
    [InlineData("sdp.encryption_key", "prompt")]
    [InlineData("sdp.attribute", "sendrecv")]
    [InlineData("sdp.media.media", "audio 49170/2 RTP/AVP 0 8")]
    [InlineData("sdp.media.media_info", "sound")]
    [InlineData("sdp.media.connection_data", "IN IP6 ff15::101/3")]
    [InlineData("sdp.media.encryption_key", "clear:x")]
    public void ARequestFillsItsBuffers(string buffer, string value)
    {
        ProtocolBench bench = Run(Turn.Client(SipConformanceTests.Request("INVITE", SipConformanceTests.Description)));
        Assert.Equal(value, bench.Buffer(buffer, Direction.ToServer));
    }

    [Fact]
    public void AResponseFillsItsBuffers()
    {
        ProtocolBench bench = Run(Turn.Server("SIP/2.0 404 Not Found\r\nv: one\r\nVIA: two\r\n\r\n"));
        Assert.Equal("404", bench.Buffer("sip.stat_code", Direction.ToClient));
        Assert.Equal("Not Found", bench.Buffer("sip.stat_msg", Direction.ToClient));
        Assert.Equal("SIP/2.0 404 Not Found", bench.Buffer("sip.response_line", Direction.ToClient));
        Assert.Equal("two", bench.Buffer("sip.via", Direction.ToClient, index: 1));
        Assert.Null(bench.Buffer("sip.method", Direction.ToClient));
    }

    [Fact]
    public void TheRecordShowsLinesAndDescription()
    {
        string eve = Run(Turn.Client(SipConformanceTests.Request("INVITE", SipConformanceTests.Description))).Eve();
        Assert.Contains("\"request_line\":\"INVITE sip:b@example.com SIP/2.0\"", eve, StringComparison.Ordinal);
        Assert.Contains("\"time_descriptions\":[{\"time\":\"0 0\",\"repeat_time\":\"7d 1h 0 25h\"},{\"time\":\"1 2\"}]", eve, StringComparison.Ordinal);
        Assert.Contains("{\"media\":\"video 5 udp x\"}]", eve, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("m=image 1 udptl t38")]
    [InlineData("m=audio 65536 RTP/AVP 0")]
    [InlineData("m=audio 1 RTP/AVP")]
    public void AMediumThatDoesNotFitEndsTheDescription(string line)
    {
        ProtocolBench bench = Run(Turn.Client(SipConformanceTests.Request("INVITE", $"v=0\r\no=- 1 1 IN IP4 h\r\ns=\r\nt=0 0\r\n{line}\r\na=x\r\n")));
        Assert.Equal("0 0", bench.Buffer("sdp.time", Direction.ToServer));
        Assert.Null(bench.Buffer("sdp.media.media", Direction.ToServer));
        Assert.Null(bench.Buffer("sdp.attribute", Direction.ToServer));
    }

    [Theory]
    [InlineData("v=1\r\no=- 1 1 IN IP4 h\r\ns=\r\nt=0 0\r\n")]
    [InlineData("v=0\r\no=- a 1 IN IP4 h\r\ns=\r\nt=0 0\r\n")]
    [InlineData("v=0\r\no=- 1 1 IN IP4 h\r\ns=\r\n")]
    [InlineData("v=0\r\no=- 1 1 IN IP4 h\r\ns=\r\nc=IN IP4 1\r\nt=0 0\r\n")]
    public void ADescriptionWithoutItsDutiesIsNone(string description)
    {
        ProtocolBench bench = Run(Turn.Client(SipConformanceTests.Request("INVITE", description)));
        Assert.Null(bench.Buffer("sdp.origin", Direction.ToServer));
        Assert.Null(bench.Buffer("sdp.session_name", Direction.ToServer));
    }

    [Fact]
    public void BytesThatAreNoMessageAreBlamedOnTheLast()
    {
        ProtocolBench bench = Run(Turn.Client(SipConformanceTests.Request("BYE", "")), Turn.Client("nonsense\r\n\r\n"));
        Assert.True(bench.HasStopped);
        Assert.Equal(["invalid_data"], bench.Anomalies());
    }

    [Fact]
    public void HeadersAboveTheLimitAreNamed()
    {
        string line = "INVITE sip:x SIP/2.0\r\nX: ";
        string atLimit = line + new string('a', SipLimits.MaxHeaderBytes - line.Length - 4) + "\r\n\r\n";
        string pastLimit = line + new string('a', SipLimits.MaxHeaderBytes - line.Length - 3) + "\r\n\r\n";
        Assert.Empty(Run(Turn.Client(atLimit)).Anomalies());
        Assert.Equal(["headers_too_long"], Run(Turn.Client(pastLimit)).Anomalies());
    }

    [Fact]
    public void ABodyAboveTheLimitIsPassedOver()
    {
        int length = SipLimits.MaxBodyBytes + 1;
        ProtocolBench bench = Run(
            Turn.Client($"INVITE sip:x SIP/2.0\r\nContent-Length: {length}\r\n\r\n"), Turn.Client(new string('x', length) + SipConformanceTests.Request("BYE", "")));
        Assert.Equal("BYE", bench.Buffer("sip.method", Direction.ToServer, transaction: 1));
    }

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new SipProtocol());
        bench.Feed(turns);
        return bench;
    }
}
