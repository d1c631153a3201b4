using System.Security.Cryptography;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Tls;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Tls;

public sealed class TlsParserTests
{
    private readonly ProtocolBench _bench = new(new TlsProtocol());

    [Fact]
    public void HelloAndCertificateCanBeMatched()
    {
        FeedHandshake();
        Assert.Equal("www.example.com", _bench.Buffer("tls.sni", Direction.ToServer));
        Assert.Equal("http/1.1", _bench.Buffer("tls.alpn", Direction.ToServer, index: 1));
        Assert.Equal("C=US, O=Example, CN=www.example.com", _bench.Buffer("tls.cert_subject", Direction.ToClient));
        Assert.Equal("0A:0B:0C", _bench.Buffer("tls.cert_serial", Direction.ToClient));
        Assert.Equal("*.example.com", _bench.Buffer("tls.subjectaltname", Direction.ToClient, index: 1));
        Assert.Equal("192.0.2.1", _bench.Buffer("tls.subjectaltname", Direction.ToClient, index: 2));
        string fingerprint = string.Join(':', SHA1.HashData(TlsSamples.Certificate).Select(b => b.ToString("x2")));
        Assert.Equal(fingerprint, _bench.Buffer("tls.cert_fingerprint", Direction.ToClient));
        Assert.Equal(1ul, _bench.Field("tls.cert_chain_len", Direction.ToClient));
        Assert.Empty(_bench.Anomalies());
    }

    [Fact]
    public void FingerprintsHaveTheirPublishedForms()
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b", TlsSamples.Extension(0x2a2a, []), TlsSamples.Extension(43, [4, 0x3a, 0x3a, 3, 4]))));
        const string ja3 = "771,4865-49199,0-10-11-13-16-43,29-23,0";
        Assert.Equal(ja3, _bench.Buffer("ja3.string", Direction.ToServer));
        Assert.Equal(Convert.ToHexStringLower(MD5.HashData(System.Text.Encoding.ASCII.GetBytes(ja3))), _bench.Buffer("ja3.hash", Direction.ToServer));
        string ciphers = Convert.ToHexStringLower(SHA256.HashData("1301,c02f"u8))[..12];
        string extensions = Convert.ToHexStringLower(SHA256.HashData("000a,000b,000d,002b_0403,0804"u8))[..12];
        Assert.Equal($"t13d0206h2_{ciphers}_{extensions}", _bench.Buffer("ja4.hash", Direction.ToServer));
    }

    [Fact]
    public void AHandshakeMessageMaySpanRecords()
    {
        byte[] hello = TlsSamples.ClientHello("long.example.com");
        _bench.Feed(Direction.ToServer, [.. TlsSamples.Record(22, hello[..30]), .. TlsSamples.Record(22, hello[30..31]), .. TlsSamples.Record(22, hello[31..])]);
        Assert.Equal("long.example.com", _bench.Buffer("tls.sni", Direction.ToServer));
    }

    [Fact]
    public void BeforeTheServerSpeaksTheVersionIsTheClients()
    {
        byte[] hello = TlsSamples.Record(22, TlsSamples.ClientHello("a.b", TlsSamples.Extension(43, [2, 3, 4])));
        _bench.Feed(Direction.ToServer, hello[..^1]);
        Assert.Equal(TlsTables.Tls12, ((TlsTransaction)_bench.Transaction(0)).VersionSoFar);
        _bench.Feed(Direction.ToServer, hello[^1..]);
        Assert.Equal(TlsTables.Tls13, ((TlsTransaction)_bench.Transaction(0)).VersionSoFar);
    }

    [Fact]
    public void Tls13IsEncryptedBehindTheServersHello()
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b", TlsSamples.Extension(43, [2, 3, 4]))));
        _bench.Feed(Direction.ToClient, TlsSamples.Record(22, TlsSamples.ServerHello(0x1301, TlsSamples.Extension(43, [3, 4]))));
        Assert.Equal(TlsProgress.ServerHello, _bench.Transaction(0).ProgressToClient);
        Assert.Contains("\"version\":\"TLS 1.3\"", Extended());
        Assert.False(_bench.State.IsEncrypted);
        _bench.Feed(Direction.ToClient, TlsSamples.Record(23, new byte[9]));
        _bench.Feed(Direction.ToServer, TlsSamples.Record(23, new byte[9]));
        Assert.True(_bench.State.IsEncrypted);
        Assert.Equal(TlsProgress.ServerHandshakeDone, _bench.Transaction(0).ProgressToClient);
        Assert.Equal(TlsProgress.ClientHandshakeDone, _bench.Transaction(0).ProgressToServer);
    }

    [Theory]
    [InlineData(1, TlsProgress.ServerHello)]
    [InlineData(2, TlsProgress.ServerFinished)]
    public void AFatalAlertEndsTheConnection(byte level, byte progress)
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b")));
        _bench.Feed(Direction.ToClient, [.. TlsSamples.Record(22, TlsSamples.ServerHello(0xc02f)), .. TlsSamples.Record(21, level, 40)]);
        Assert.Equal(progress, _bench.Transaction(0).ProgressToClient);
    }

    [Theory]
    [InlineData(20, "handshake_invalid_length")] // within the random
    [InlineData(40, "handshake_invalid_length")] // within the ciphers
    [InlineData(90, "handshake_invalid_length")] // within the extensions
    public void AHelloThatIsCutIsNamed(int length, string anomaly)
    {
        byte[] hello = TlsSamples.ClientHello("www.example.com")[..length];
        hello[3] = (byte)(length - 4);
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, hello));
        Assert.Equal([anomaly], _bench.Anomalies());
    }

    [Theory]
    [InlineData(10, new byte[] { 0, 9, 0, 23 })] // a list that is longer than its extension
    [InlineData(10, new byte[] { 0, 3, 0, 23, 0 })] // half a group
    [InlineData(16, new byte[] { 0, 3, 9, 104, 50 })]
    [InlineData(43, new byte[] { 9, 3, 4 })]
    public void AnExtensionWhoseLengthsDoNotFitIsNamed(ushort type, byte[] data)
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b", TlsSamples.Extension(type, data))));
        Assert.Equal(["handshake_invalid_length"], _bench.Anomalies());
    }

    /// <summary>Both ways and for every type the line is at 2^14 + 1,024 bytes, as in Suricata.</summary>
    [Theory]
    [InlineData(23, 17408, false)]
    [InlineData(23, 17409, true)]
    [InlineData(22, 17409, true)]
    [InlineData(23, 18432, true)]
    public void ARecordOverTheLimitIsNamed(byte type, int length, bool isNamed)
    {
        foreach (Direction direction in (Direction[])[Direction.ToServer, Direction.ToClient])
        {
            var bench = new ProtocolBench(new TlsProtocol());
            bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b")));
            bench.Feed(direction, [type, 3, 3, (byte)(length >> 8), (byte)length, .. new byte[100]]);
            Assert.Equal(isNamed, bench.Anomalies().Contains("invalid_record_length"));
        }
    }

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    public void ARecordWithNothingInItIsNamed(byte type)
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b")));
        _bench.Feed(Direction.ToServer, TlsSamples.Record(type));
        Assert.Equal(["invalid_record_length"], _bench.Anomalies());
    }

    [Fact]
    public void ASessionThatNobodyKnewIsNotResumed()
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b")));
        _bench.Feed(Direction.ToClient, [.. TlsSamples.Record(22, TlsSamples.ServerHello(0xc02f)), .. TlsSamples.Record(20, 1)]);
        Assert.DoesNotContain("session_resumed", Extended());
    }

    [Fact]
    public void AResumedSessionSaysSo()
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("a.b", TlsSamples.Extension(35, []))));
        _bench.Feed(Direction.ToClient, [.. TlsSamples.Record(22, TlsSamples.ServerHello(0xc02f)), .. TlsSamples.Record(20, 1)]);
        ProtocolSettings extended = new(new Dictionary<string, string> { ["extended"] = "yes" });
        Assert.Contains("\"session_resumed\":true", _bench.Eve(options: extended));
        Assert.DoesNotContain("session_resumed", _bench.Eve());
    }

    [Fact]
    public void AnSslv2HelloIsRecognised()
    {
        byte[] hello = [0x80, 0x1f, 1, 3, 1, 0, 6, 0, 0, 0, 16, 0, 0, 4, 0, 0, 5, .. new byte[16]];
        _bench.Feed(Direction.ToServer, hello);
        Assert.Equal(TlsProgress.ClientHelloDone, _bench.Transaction(0).ProgressToServer);
        Assert.Null(_bench.Buffer("ja3.hash", Direction.ToServer));
        Assert.Equal("t00i000000_e3b0c44298fc_d2e2adf7177b", _bench.Buffer("ja4.hash", Direction.ToServer));
    }

    [Theory]
    [InlineData(new byte[] { 0x80, 3, 0, 0, 1 }, "error_message_encountered")]
    [InlineData(new byte[] { 0x80, 0, 4 }, "invalid_sslv2_header")]
    [InlineData(new byte[] { 0x80, 2, 1, 3 }, "invalid_ssl_record")]
    [InlineData(new byte[] { 0x40, 3, 0, 0, 0, 0 }, "error_message_encountered")]
    public void OldRecordsHaveTheirOwnOddities(byte[] record, string anomaly)
    {
        _bench.Feed(Direction.ToClient, record);
        Assert.Contains(anomaly, _bench.Anomalies());
    }

    [Theory]
    [InlineData(new byte[] { 22, 9, 9, 0, 1, 0 }, "invalid_record_version")]
    [InlineData(new byte[] { 22, 3, 3, 0xff, 0xff, 0 }, "invalid_record_length")]
    [InlineData(new byte[] { 32, 3, 3, 0, 1, 0 }, "invalid_record_type")]
    public void WhatIsNoRecordStopsTheParserWithAName(byte[] record, string anomaly)
    {
        ParseResult result = _bench.Feed(Direction.ToServer, record);
        Assert.Equal(ParseStatus.Stop, result.Status);
        Assert.Contains(anomaly, _bench.Anomalies());
    }

    [Fact]
    public void AHeartbeatThatClaimsMoreThanItHasIsNamed()
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(24, 1, 0x40, 0, 1));
        Assert.Contains("overflow_heartbeat_message", _bench.Anomalies());
    }

    [Fact]
    public void ASecondServerNameIsNamed()
    {
        byte[] second = TlsSamples.Extension(0, [0, 4, 0, 0, 1, (byte)'x']);
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("first", second)));
        Assert.Equal("first", _bench.Buffer("tls.sni", Direction.ToServer));
        Assert.Contains("multiple_sni_extensions", _bench.Anomalies());
    }

    [Theory]
    [InlineData("tls_cert_notafter", ">2050", true)]
    [InlineData("tls_cert_notafter", "<2050", false)]
    [InlineData("tls_cert_notbefore", "2020-01-02 03:04:05", true)]
    [InlineData("tls_cert_notbefore", "2019<>2021", true)]
    [InlineData("tls.version", "1.2", true)]
    [InlineData("ssl_version", "!tls1.3,tls1.2", false)]
    [InlineData("tls.subject", "\"O=Example\"", true)]
    [InlineData("ssl_state", "client_hello", true)]
    public void KeywordsJudgeTheTransaction(string keyword, string argument, bool expected)
    {
        FeedHandshake();
        TransactionMatcher? matcher = _bench.Protocol.Keywords.Single(k => k.Name == keyword).Parse(argument, out string error);
        Assert.Equal("", error);
        Assert.Equal(expected, matcher!.Match(_bench.Transaction(0), Direction.ToClient, _bench.Flow));
    }

    /// <summary>As in Suricata: that of its hello; before, or without one, that of the head of its last record.</summary>
    [Theory]
    [InlineData("160301", "", "1.0", null)]
    [InlineData("1603010000", "", "1.0", null)]
    [InlineData("16030200c8", "", "1.1", null)]
    [InlineData("hello", "", "1.2", null)]
    [InlineData("hello", "160302", "1.2", "1.1")]
    [InlineData("hello", "15030300020228", "1.2", "1.2")]
    public void AVersionIsOneSides(string client, string server, string? toServer, string? toClient)
    {
        _bench.Feed(Direction.ToServer, client == "hello" ? TlsSamples.Record(22, TlsSamples.ClientHello("a.b")) : Convert.FromHexString(client));
        if (server.Length > 0)
        {
            _bench.Feed(Direction.ToClient, Convert.FromHexString(server));
        }

        Assert.Equal((toServer, toClient), (VersionOf(Direction.ToServer), VersionOf(Direction.ToClient)));
    }

    private string? VersionOf(Direction direction) => ((string[])["1.0", "1.1", "1.2", "1.3"]).SingleOrDefault(version =>
        _bench.Protocol.Keywords.Single(k => k.Name == "tls.version").Parse(version, out _)!.Match(_bench.Transaction(0), direction, _bench.Flow));

    private void FeedHandshake()
    {
        _bench.Feed(Direction.ToServer, TlsSamples.Record(22, TlsSamples.ClientHello("www.example.com")));
        _bench.Feed(Direction.ToClient, TlsSamples.Record(22,
            [.. TlsSamples.ServerHello(0xc02f), .. TlsSamples.CertificateMessage(TlsSamples.Certificate), .. TlsSamples.Handshake(14, [])]));
    }

    private string Extended()
    {
        var writer = new BridgeGuard.Engine.Events.EveWriter { Options = new ProtocolSettings(new Dictionary<string, string> { ["extended"] = "yes" }) };
        writer.Begin();
        _bench.Protocol.Loggers[0].Write(writer, _bench.Transaction(0), _bench.Flow, EveDetail.Record);
        return System.Text.Encoding.UTF8.GetString(writer.End());
    }
}
