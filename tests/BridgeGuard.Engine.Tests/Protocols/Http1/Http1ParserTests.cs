using System.IO.Compression;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Http1;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Http1;

public sealed class Http1ParserTests
{
    private const string Get = "GET /f HTTP/1.1\r\nHost: h\r\n\r\n";

    private readonly ProtocolBench _bench = new(new Http1Protocol());

    [Theory]
    [InlineData("GET /a%20b/../c//d/./e?x=%41+b%2541 HTTP/1.1", "/c/d/e?x=A+b%41")]
    [InlineData("GET /a\\b\\..\\c HTTP/1.1", "/a/c")]
    [InlineData("GET /../../x HTTP/1.1", "/x")]
    [InlineData("GET /a b c HTTP/1.1", "/a b c")]
    [InlineData("GET http://Foo.com:81/x/y?z HTTP/1.1", "/x/y?z")]
    [InlineData("GET /%u0041%zz%4 HTTP/1.1", "/A%zz%4")]
    [InlineData("GET /x/.hidden/... HTTP/1.1", "/x/.hidden/...")]
    public void UriIsDecodedAndNormalised(string line, string uri)
    {
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(line + "\r\nHost: h\r\n\r\n"));
        Assert.Equal(uri, _bench.Buffer("http.uri", Direction.ToServer));
    }

    /// <summary>What a broken chunk size turns into a body does not depend on where the segments end.</summary>
    [Theory]
    [InlineData("5\r\nhello\r\n  X-T: 1\r\n0", "hello  X-T: 1\r\n0", 0)]
    [InlineData("5\r\nhello\r\n \r\n\0went", "hello \r\n\0went", 0)]
    [InlineData("5\r\nhello\r\n", "hello6;", 5000)]
    [InlineData("5\r\nhello", "hello;", 5000)]
    public void ABrokenChunkSizeIsBodyWhereverItIsCut(string chunks, string body, int padding)
    {
        // Too long a framing line, in the places where one may stand.
        string tail = padding == 0 ? "" : body["hello".Length..] + new string('y', padding) + "\r\nhello!\r\n";
        string expected = padding == 0 ? body : "hello" + tail;
        byte[] response = Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + tail);
        int step = padding == 0 ? 1 : 61;
        for (int cut = response.Length - tail.Length - chunks.Length; cut <= response.Length; cut += step)
        {
            var bench = new ProtocolBench(new Http1Protocol());
            bench.Feed([Turn.Client(Get), new Turn(Direction.ToClient, response[..cut]), new Turn(Direction.ToClient, response[cut..])]);
            bench.End();
            Assert.Equal(expected, bench.Buffer("http.response_body", Direction.ToClient));
            Assert.Contains("invalid_response_chunk_len", bench.Anomalies());
        }
    }

    /// <summary>A body behind a head with odd line ends, as Suricata 8.0.8 finds it, and wherever the segments end.</summary>
    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\r\nhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\r\nhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\r\n5\r\nhello\r\n0\r\n\r\n", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\r\nContent-Length: 5\r\r\n\r\r\nhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\0\nhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\n\rhello", 200)]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 5\n\n\rhello", 200)]
    [InlineData("HTTP/1.1 200 OK\n\rContent-Length: 5\n\r\n\rhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\n\rContent-Length: 5\n\r\r\nhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n\r Content-Length: 5\r\n\r\nhello", 200)]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n\r\rContent-Length: 5\r\n\r\nhello", 200)]
    [InlineData("HTTP/1.1 200\r\rOK\r\nContent-Length: 5\r\n\r\nhello", 200)]
    [InlineData("HTTP/1.1\r\r200 OK\r\nContent-Length: 5\r\n\r\nhello", 0)]
    [InlineData("HTTP/1.1 200 OK\r\n\rContent-Length: 5\r\n\r\nhello", 200)]
    [InlineData("HTTP/1.1 100 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 100)]
    [InlineData("HTTP/1.1 100 OK\r\nContent-Length: 5\r\n\r\nhello", 100)]
    [InlineData("HTTP/1.1 100 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200)]
    [InlineData("HTTP/1.1 100 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200)]
    [InlineData("HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 101)]
    public void ABodyBehindAnOddHeadIsSeenWhereverItIsCut(string text, int status)
    {
        byte[] response = Encoding.Latin1.GetBytes(text);
        for (int cut = 1; cut <= response.Length; cut++)
        {
            var bench = new ProtocolBench(new Http1Protocol());
            bench.Feed([Turn.Client(Get), new Turn(Direction.ToClient, response[..cut]), new Turn(Direction.ToClient, response[cut..])]);
            bench.End();
            Assert.Equal("hello", bench.Buffer("http.response_body", Direction.ToClient));
            Assert.Equal(status, ((Http1Transaction)bench.Transaction(0)).Status);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nA: b\r\n\r C: d\r\n\r\n", "deformed_eol")]
    [InlineData("HTTP/1.1 200\r\rOK: x\r\n\r\n", "response_field_missing_colon")]
    [InlineData("HTTP/1.1 100 OK\r\nContent-Length: 5\r\n\r\nhello", "response_body_unexpected")]
    [InlineData("HTTP/1.1 101 OK\r\nTransfer-Encoding: x\r\n\r\n", "switching_proto_with_content_length")]
    public void OddHeadsOfResponsesAreNamed(string response, string anomaly)
    {
        var bench = new ProtocolBench(new Http1Protocol());
        bench.Feed([Turn.Client(Get), Turn.Server(response)]);
        bench.End();
        Assert.Contains(anomaly, bench.Anomalies());
    }

    /// <summary>Bytes behind a counted body that may yet become a status line are not judged before they can be.</summary>
    [Theory]
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\nX\0Y: z\r\n\r\n", "request_header_invalid")]
    [InlineData("POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "invalid_transfer_encoding_value_in_request")]
    [InlineData("PUT /x HTTP/1.1\r\nHost: a\r\n\r\nmore of it\r\n", "request_body_unexpected")]
    [InlineData("GET /x HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n", "invalid_request_field_folding")]
    public void OddRequestsAreNamed(string request, string anomaly)
    {
        var bench = new ProtocolBench(new Http1Protocol());
        bench.Feed([Turn.Client(request)]);
        Assert.Equal([anomaly], bench.Anomalies());
        Assert.Equal(1, bench.State.Transactions.Count);
    }

    [Fact]
    public void ATunnelsTargetMayDifferFromTheHost()
    {
        var bench = new ProtocolBench(new Http1Protocol());
        bench.Feed([Turn.Client("CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n")]);
        Assert.Empty(bench.Anomalies());
    }

    [Fact]
    public void SurplusThatBeginsLikeAStatusLineIsBodyWhereverItIsCut()
    {
        byte[] response = Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\nhtthello");
        int surplus = response.Length - "htthello".Length;
        for (int cut = surplus + 1; cut <= surplus + 3; cut++)
        {
            var bench = new ProtocolBench(new Http1Protocol());
            bench.Feed([Turn.Client(Get), new Turn(Direction.ToClient, response[..cut]), new Turn(Direction.ToClient, response[cut..])]);
            bench.End();
            Assert.Equal("hello\r\nhtthello", bench.Buffer("http.response_body", Direction.ToClient));
            Assert.Equal(1, bench.State.Transactions.Count);
        }
    }

    [Theory]
    [InlineData("GET\t/a HTTP/1.1", "method_delim_non_compliant")]
    [InlineData("GET /a\tHTTP/1.1", "uri_delim_non_compliant")]
    [InlineData(" GET /a HTTP/1.1", "request_line_leading_whitespace")]
    [InlineData("GET /a", "request_line_missing_protocol")]
    public void OddRequestLinesAreNamed(string line, string anomaly)
    {
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(line + "\r\nHost: h\r\n\r\n"));
        Assert.Contains(anomaly, _bench.Anomalies());
    }

    [Fact]
    public void HeaderBuffersHaveTheFormsThatRulesKnow()
    {
        _bench.Feed(Direction.ToServer, "GET / HTTP/1.1\r\nHost: WWW.x.Com:8080\r\nX: 1\r\n two\r\nCookie: a=b\r\nX: 3\r\n\r\n"u8);
        Assert.Equal("Host: WWW.x.Com:8080\r\nX: 1 two, 3\r\n", _bench.Buffer("http.header", Direction.ToServer));
        Assert.Equal("\r\nHost\r\nX\r\nCookie\r\n\r\n", _bench.Buffer("http.header_names", Direction.ToServer));
        Assert.Equal("a=b", _bench.Buffer("http.cookie", Direction.ToServer));
        Assert.Equal("www.x.com", _bench.Buffer("http.host", Direction.ToServer));
        Assert.Equal("WWW.x.Com:8080", _bench.Buffer("http.host.raw", Direction.ToServer));
        Assert.Equal("X: 1 two, 3", _bench.Buffer("http.request_header", Direction.ToServer, index: 1));
        Assert.Contains("request_header_repetition", _bench.Anomalies());
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: x chunked\r\n\r\n 5x\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding\0: chunked\r\n\r\n\r\n\r\n05\nhello\n0\n\n")]
    [InlineData("Transfer-Encoding\r\n :\r\n chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("X: y\rTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("X: y\r\n Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\n\r\r\n5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nhello")]
    [InlineData("Content-Length: junk5junk\r\n\r\nhello")]
    [InlineData("Content-Length: 2\r\n\r\nhello")]
    [InlineData("Content-Encoding: gzip\r\n\r\nhello")]
    [InlineData("Content-Encoding: deflate, gzip\r\n\r\nhello")]
    public void BodyIsWhatALenientClientShows(string afterStatusLine)
    {
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get));
        _bench.Feed(Direction.ToClient, Encoding.Latin1.GetBytes("HTTP/1.1 200 OK\r\n" + afterStatusLine));
        _bench.End();
        Assert.Equal("hello", _bench.Buffer("http.response_body", Direction.ToClient));
        TrackedFile file = _bench.Transaction(0).FilesToClient![0];
        Assert.Equal(5, file.Size);
        Assert.Equal(FileState.Closed, file.State);
    }

    [Theory]
    [InlineData("foobar\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("\0HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData(" \t\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("hello")]
    public void JunkBeforeAResponseAndResponsesWithoutAHeadAreSurvived(string response)
    {
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get));
        _bench.Feed(Direction.ToClient, Encoding.Latin1.GetBytes(response));
        _bench.End();
        Assert.Equal("hello", _bench.Buffer("http.response_body", Direction.ToClient));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("x-deflate")]
    [InlineData("br")]
    [InlineData("gzip, gzip")]
    public void CodingsAreTakenOff(string coding)
    {
        byte[] plain = Encoding.ASCII.GetBytes(new string('a', 5000) + "end");
        byte[] body = coding switch
        {
            "gzip" => Http1Samples.Gzip(plain),
            "deflate" => Http1Samples.Zlib(plain),
            "x-deflate" => Http1Samples.Deflate(plain),
            "br" => Http1Samples.Brotli(plain),
            _ => Http1Samples.Gzip(Http1Samples.Gzip(plain)),
        };
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get));
        _bench.Feed(Direction.ToClient, [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n"), .. body]);
        _bench.End();
        Assert.Equal(Encoding.ASCII.GetString(plain), _bench.Buffer("http.response_body", Direction.ToClient));
    }

    [Theory]
    [InlineData("gzip", "zlib")]
    [InlineData("gzip", "raw")]
    [InlineData("br", "gzip")]
    [InlineData("gzip, gzip", "zlib in gzip")]
    [InlineData("gzip deflate", "gzip in zlib")]
    [InlineData("gzip", "plain")]
    public void AWrongLabelHidesNothing(string label, string coding)
    {
        byte[] plain = Encoding.ASCII.GetBytes("X5O!P%@AP[4\\PZX54(P^)7CC)7}" + new string('a', 200));
        byte[] body = coding switch
        {
            "zlib" => Http1Samples.Zlib(plain),
            "raw" => Http1Samples.Deflate(plain),
            "gzip" => Http1Samples.Gzip(plain),
            "zlib in gzip" => Http1Samples.Gzip(Http1Samples.Zlib(plain)),
            "gzip in zlib" => Http1Samples.Zlib(Http1Samples.Gzip(plain)),
            _ => plain,
        };

        // Cuts of the body change nothing of what is read in it.
        foreach (int piece in (int[])[1, 7, body.Length])
        {
            var bench = new ProtocolBench(new Http1Protocol());
            bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get));
            bench.Feed(Direction.ToClient, Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Encoding: {label}\r\nContent-Length: {body.Length}\r\n\r\n"));
            for (int at = 0; at < body.Length; at += piece)
            {
                bench.Feed(Direction.ToClient, body.AsSpan(at, Math.Min(piece, body.Length - at)));
            }

            bench.End();
            Assert.Equal(Encoding.ASCII.GetString(plain), bench.Buffer("http.response_body", Direction.ToClient));
        }
    }

    [Fact]
    public void ABombIsNamedAndStopped()
    {
        byte[] bomb = Http1Samples.Gzip(Http1Samples.Gzip(new byte[16 << 20]));
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get));
        _bench.Feed(Direction.ToClient, [.. "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n"u8, .. bomb]);
        _bench.End();
        Assert.Contains("compression_bomb", _bench.Anomalies());
    }

    [Theory]
    [InlineData("br")]
    [InlineData("deflate, deflate")]
    public void ABombOfAnotherCodingIsNamed(string coding)
    {
        byte[] body = new byte[16 << 20];
        for (int i = 0; i < coding.Split(',').Length; i++)
        {
            using var squeezed = new MemoryStream();
            using (Stream stream = coding == "br" ? new BrotliStream(squeezed, CompressionLevel.Optimal) : new ZLibStream(squeezed, CompressionLevel.Optimal))
            {
                stream.Write(body);
            }

            body = squeezed.ToArray();
        }

        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get));
        _bench.Feed(Direction.ToClient, [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n"), .. body]);
        _bench.End();
        Assert.Contains("compression_bomb", _bench.Anomalies());
    }

    [Fact]
    public void ConnectThatIsGrantedChangesTheProtocolAndNamesThePort()
    {
        _bench.Feed(Direction.ToServer, "CONNECT foo:443 HTTP/1.1\r\nHost: foo:443\r\n\r\n"u8);
        _bench.Feed(Direction.ToClient, "HTTP/1.1 200 Connection established\r\n\r\n"u8);
        Assert.Equal(new ProtocolChange(true, ProtocolId.Unknown, 443), _bench.Change);
    }

    [Theory]
    [InlineData("websocket", ProtocolId.WebSocket)]
    [InlineData("h2c", ProtocolId.Http2)]
    public void UpgradeChangesTheProtocol(string name, ProtocolId expected)
    {
        _bench.Feed(Direction.ToServer, Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: {name}\r\n\r\n"));
        _bench.Feed(Direction.ToClient, Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {name}\r\n\r\n"));
        Assert.Equal(new ProtocolChange(true, expected), _bench.Change);
    }

    [Fact]
    public void AGapInABodyTruncatesItsFileAndTheNextResponseIsStillRead()
    {
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes(Get + Get));
        _bench.Feed(Direction.ToClient, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"u8);
        _bench.Gap(Direction.ToClient, 97);
        _bench.Feed(Direction.ToClient, "HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx"u8);
        TrackedFile file = _bench.Transaction(0).FilesToClient![0];
        Assert.True(file.HasGaps);
        Assert.Equal(FileState.Truncated, file.State);
        Assert.Equal("404", _bench.Buffer("http.stat_code", Direction.ToClient, transaction: 1));
    }

    [Fact]
    public void MultipartPartsBecomeFiles()
    {
        string body = "--B\r\nContent-Disposition: form-data; name=\"x\"; filename=\"a.txt\"\r\n\r\nfirst\r\n"
            + "--B\r\nContent-Disposition: form-data; name=\"y\"; filename=\"b.txt\"\r\n\r\nsecond\r\n--B--\r\n";
        _bench.Feed(Direction.ToServer, Encoding.ASCII.GetBytes(
            $"POST /u HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        FileList files = _bench.Transaction(0).FilesToServer!;
        Assert.Equal(2, files.Count);
        Assert.Equal("a.txt"u8, files[0].Name);
        Assert.Equal(5, files[0].Size);
        Assert.Equal(6, files[1].Size);
        Assert.Equal(body, _bench.Buffer("http.request_body", Direction.ToServer));
    }

    [Fact]
    public void AHeaderLineOverTheLimitStopsTheParser()
    {
        _bench.Feed(Direction.ToServer, "GET / HTTP/1.1\r\n"u8);
        ParseResult result = _bench.Feed(Direction.ToServer, new byte[20_000].Select(_ => (byte)'a').ToArray());
        Assert.Equal(ParseStatus.Stop, result.Status);
        Assert.Contains("request_field_too_long", _bench.Anomalies());
    }

    [Fact]
    public void MoreHeadersThanTheLimitAreNotKept()
    {
        var text = new StringBuilder("GET / HTTP/1.1\r\n");
        for (int i = 0; i < 1100; i++)
        {
            text.Append("H").Append(i).Append(": v\r\n");
        }

        _bench.Feed(Direction.ToServer, Encoding.ASCII.GetBytes(text + "\r\n"));
        Assert.Contains("request_too_many_headers", _bench.Anomalies());
        Assert.Null(_bench.Buffer("http.request_header", Direction.ToServer, index: 1024));
    }
}
