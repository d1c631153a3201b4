using System.IO.Compression;
using System.Text;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Http2;
using Xunit;
using static BridgeGuard.Engine.Tests.Protocols.Http2.Http2Samples;

namespace BridgeGuard.Engine.Tests.Protocols.Http2;

public sealed class Http2ParserTests
{
    private readonly ProtocolBench _bench = new(new Http2Protocol());

    public Http2ParserTests() => Client(Text(Preface));

    private void Client(params byte[] bytes) => _bench.Feed(Direction.ToServer, bytes);

    private void Server(params byte[] bytes) => _bench.Feed(Direction.ToClient, bytes);

    [Fact]
    public void RequestBuffersHaveTheFormsThatRulesKnow()
    {
        Client(Frame(1, 5, 1, Get("/x?y=%41", Header("user-agent", "UA"), Header("cookie", "a=b"), Header("cookie", "c=d"))));
        Assert.Equal("/x?y=%41", _bench.Buffer("http.uri", Direction.ToServer));
        Assert.Equal("host.example", _bench.Buffer("http.host", Direction.ToServer));
        Assert.Equal("Host.Example:81", _bench.Buffer("http.host.raw", Direction.ToServer));
        Assert.Equal("GET /x?y=%41 HTTP/2\r\n", _bench.Buffer("http.request_line", Direction.ToServer));
        Assert.Equal("a=b, c=d", _bench.Buffer("http.cookie", Direction.ToServer));
        Assert.Equal("\r\n:method\r\n:scheme\r\n:path\r\n:authority\r\nuser-agent\r\ncookie\r\ncookie\r\n\r\n", _bench.Buffer("http.header_names", Direction.ToServer));
        Assert.DoesNotContain("cookie", _bench.Buffer("http.header", Direction.ToServer));
        Assert.Contains("cookie: c=d\r\n", _bench.Buffer("http.header.raw", Direction.ToServer));
        Assert.Equal(":method: GET", _bench.Buffer("http.request_header", Direction.ToServer));
        Assert.Null(_bench.Buffer("http.stat_code", Direction.ToClient));
    }

    [Theory]
    [InlineData("User:Pass@Host.Example:8443", "host.example")]
    [InlineData("[2001:DB8::1]:443", "[2001:db8::1]")]
    [InlineData("plain", "plain")]
    public void TheHostIsTheAuthoritysName(string authority, string host)
    {
        Client(Frame(1, 5, 1, Header(":authority", authority)));
        Assert.Equal(host, _bench.Buffer("http.host", Direction.ToServer));
        Assert.Equal(authority, _bench.Buffer("http.host.raw", Direction.ToServer));
    }

    [Fact]
    public void BodiesAreDecodedAndBecomeFiles()
    {
        var zipped = new MemoryStream();
        using (var gzip = new GZipStream(zipped, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(Text("decoded body"));
        }

        Client(Frame(1, 5, 1, Get("/f")));
        Server([.. Frame(1, 4, 1, [0x88, .. Header("content-encoding", "gzip")]), .. Frame(0, 1, 1, zipped.ToArray())]);
        Assert.Equal("decoded body", _bench.Buffer("http.response_body", Direction.ToClient));
        Assert.Equal(12, _bench.Transaction(0).FilesToClient![0].Size);
        Assert.Equal(1, _bench.Transaction(0).ProgressToClient);
    }

    [Theory]
    [InlineData("content-encoding", "gzip", 0, "failed_decompression")]
    [InlineData("content-encoding", "gzip", 4 << 20, "compression_bomb")]
    [InlineData("content-range", "bytes odd", 0, "invalid_range")]
    [InlineData("content-range", "bytes 0-1/2", 0, null)]
    public void WhatAnAnswerSaysOfItsBodyMustHold(string name, string value, int zeros, string? anomaly)
    {
        byte[] body = Text("not what was announced");
        if (zeros > 0)
        {
            var zipped = new MemoryStream();
            using (var gzip = new GZipStream(zipped, CompressionLevel.Optimal, leaveOpen: true))
            {
                gzip.Write(new byte[zeros]);
            }

            body = zipped.ToArray();
        }

        Client(Frame(1, 5, 1, Get("/f")));
        Server([.. Frame(1, 4, 1, [0x88, .. Header(name, value)]), .. Frame(0, 1, 1, body)]);
        Assert.Equal(anomaly is null ? [] : [anomaly], _bench.Anomalies());
    }

    [Fact]
    public void AnAnswerOfDnsIsAtMostAMessage()
    {
        Client(Frame(1, 5, 1, Get("/dns-query?dns=AAABAAABAAAAAAAAAWEAAAEAAQ", Header("accept", "application/dns-message"))));
        Server([.. Frame(1, 4, 1, [0x88, .. Header("content-type", "application/dns-message")]), .. Enumerable.Range(0, 5).SelectMany(_ => Frame(0, 0, 1, new byte[14_000]))]);
        Assert.Contains("dns_response_too_long", _bench.Anomalies());
    }

    [Fact]
    public void MoreFramesThanTheLimitAreNamed()
    {
        var bench = new ProtocolBench(new Http2Protocol(), new Dictionary<string, string> { ["max-frames"] = "4" });
        bench.Feed(Direction.ToServer, [.. Text(Preface), .. SettingsFrame(), .. Frame(1, 4, 1, Get("/f")), .. Enumerable.Range(0, 6).SelectMany(_ => Frame(8, 0, 1, Number(1)))]);
        Assert.Contains(Enumerable.Range(0, bench.State.Transactions.Count), i => bench.Anomalies(i).Contains("too_many_frames"));
    }

    [Fact]
    public void AFrameOfTheConnectionIsATransactionOfItsOwn()
    {
        Client([.. SettingsFrame((1, 100), (99, 7)), .. Frame(7, 0, 0, [.. Number(0), .. Number(11)])]);
        Assert.Equal(2, _bench.State.Transactions.Count);
        Assert.Contains("\"settings\":[{\"settings_id\":\"SETTINGSHEADERTABLESIZE\",\"settings_value\":100}]", _bench.Eve(), StringComparison.Ordinal);
        Assert.Contains("\"error_code\":\"ENHANCEYOURCALM\"", _bench.Eve(1), StringComparison.Ordinal);
        Assert.True(Matches("http2.settings", "SETTINGS_HEADER_TABLE_SIZE>99", 0));
        Assert.False(Matches("http2.settings", "SETTINGS_HEADER_TABLE_SIZE>100", 0));
        Assert.True(Matches("http2.errorcode", "ENHANCE_YOUR_CALM", 1));
        Assert.True(Matches("http2.frametype", "GoAway", 1));
        Assert.False(Matches("http2.frametype", "4", 1));
    }

    [Theory]
    [InlineData("http2.frametype", "RST_STREAM")]
    [InlineData("http2.frametype", "256")]
    [InlineData("http2.errorcode", ">3")]
    [InlineData("http2.settings", "SETTINGS_OTHER")]
    public void WrongArgumentsAreRefused(string keyword, string argument)
    {
        Assert.Null(Find(keyword).Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    public static TheoryData<string, byte[]> OddFrames => new()
    {
        { "invalid_frame_length", Frame(3, 0, 1, 1, 2, 3) },
        { "invalid_frame_length", Frame(2, 0, 1, 1, 2, 3, 4) },
        { "invalid_frame_data", Frame(1, 0xd, 1, 0xf0, 0x82) },
        { "invalid_header", Frame(1, 5, 1, 0x80) },
        { "invalid_header", Frame(1, 5, 1, 0xff, 0x20) },
        { "header_integer_overflow", Frame(1, 5, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f) },
        { "continuation_without_headers", Frame(9, 4, 1, 0x82) },
        { "data_stream_zero", Frame(0, 0, 0, 1) },
        { "userinfo_in_uri", Frame(1, 5, 1, Header(":authority", "u:p@h")) },
        { "authority_host_mismatch", Frame(1, 5, 1, Get("/", Header("host", "other"))) },
        { "header_table_overflow", [.. Frame(1, 0, 1, 0x40, 1, (byte)'n', 0x7f, 0x81, 0xff, 0x03), .. Frame(9, 0, 1, new byte[40000]), .. Frame(9, 4, 1, new byte[25536])] },
        { "reassembly_limit_reached", [.. Frame(1, 0, 1, 0x82), .. Frame(9, 0, 1, new byte[60000]), .. Frame(9, 4, 1, new byte[60000])] },
        { "long_frame_data", Frame(1, 5, 1, new byte[70000]) },
    };

    [Theory]
    [MemberData(nameof(OddFrames))]
    public void OddFramesAreNamed(string anomaly, byte[] frames)
    {
        Client(frames);
        Assert.Contains(anomaly, _bench.Anomalies());
        Assert.False(_bench.HasStopped);
    }

    [Fact]
    public void SmallReferencesToLargeEntriesStayBounded()
    {
        string value = new('v', 120);
        byte[] insert = Header("name", value, isIndexed: true);
        Client(Frame(1, 5, 1, [.. insert, .. Enumerable.Repeat((byte)0xbe, 60000)]));
        Assert.Contains("reassembly_limit_reached", _bench.Anomalies());
        Assert.InRange(_bench.Buffer("http.header.raw", Direction.ToServer)!.Length, 1, 300_000);
    }

    [Fact]
    public void EntriesAreEvictedFromTheOldest()
    {
        // RFC 7541 C.5: a table of 256 bytes.
        var decoder = new HpackDecoder(256);
        decoder.Reset();
        var transaction = new Http2Transaction();
        Http2Headers headers = transaction.Client.Headers;
        decoder.Decode(
            Convert.FromHexString(
                "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d"),
            headers, transaction);
        decoder.Decode(Convert.FromHexString("4803333037c1c0bf"), headers, transaction);
        Assert.Equal(8, headers.Count);
        Assert.Equal("307", Encoding.ASCII.GetString(headers.Value(4)));
        Assert.Equal("private", Encoding.ASCII.GetString(headers.Value(5)));
        Assert.Equal("location", Encoding.ASCII.GetString(headers.Name(7)));
        Assert.True(transaction.Anomalies.IsEmpty);
    }

    [Fact]
    public void AnotherPrefaceStopsTheParser()
    {
        var bench = new ProtocolBench(new Http2Protocol());
        bench.Feed(Direction.ToServer, "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"u8);
        Assert.True(bench.HasStopped);
        Assert.Equal(["invalid_client_magic"], bench.Anomalies());
    }

    [Fact]
    public void TooManyStreamsEndTheOldest()
    {
        var bench = new ProtocolBench(new Http2Protocol(), new Dictionary<string, string> { ["max-streams"] = "2" });
        bench.Feed(Direction.ToServer, [.. Text(Preface), .. Frame(1, 5, 1, 0x82), .. Frame(1, 5, 3, 0x82), .. Frame(1, 5, 5, 0x82)]);
        Assert.Equal(["too_many_streams"], bench.Anomalies());
        Assert.Empty(bench.Anomalies(1));
    }

    [Fact]
    public void ADnsMessageRenamesTheFlow()
    {
        Client(Frame(1, 5, 1, Get("/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB")));
        Assert.Equal(ProtocolId.Doh2, _bench.Change.Expected);
        Assert.True(_bench.Change.KeepsState);
        Assert.Equal("doh2", _bench.State.Protocol.Name);
        BufferDescriptor names = Array.Find(_bench.State.Protocol.Buffers, buffer => buffer.Name == "dns.query")!;
        Assert.True(_bench.Transaction(0).TryGetBuffer(names.LocalId, Direction.ToServer, 0, out BufferView view));
        Assert.Equal("www.example.com", Encoding.ASCII.GetString(view.Data));
    }

    private bool Matches(string keyword, string argument, int transaction) =>
        Find(keyword).Parse(argument, out _)!.Match(_bench.Transaction(transaction), Direction.ToServer, _bench.Flow);

    private KeywordDescriptor Find(string keyword) => Array.Find(_bench.Protocol.Keywords, candidate => candidate.Name == keyword)!;
}
