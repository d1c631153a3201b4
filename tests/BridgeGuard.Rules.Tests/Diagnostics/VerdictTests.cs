using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>Forms of which Suricata 8.0.8 takes some and refuses others; <c>tests/parity/rulediff.py</c> asks it about 38,000.</summary>
public sealed class VerdictTests
{
    private const string Tcp = "alert tcp any any -> any any ";
    private const string Http = "alert http any any -> any any ";
    private const string TwoWay = "alert http any any => any any ";

    [Theory]
    [InlineData(Http + "(http.uri; content:\"a\"; to_sha256; sid:1;)")]
    [InlineData(Http + "(http.connection:to_client; content:\"a\"; sid:1;)")]
    [InlineData(TwoWay + "(http.uri; content:\"a\"; http.connection: to_client; content:\"a\"; sid:1;)")]
    [InlineData(TwoWay + "(http.connection:to_client; content:\"a\"; http.connection:to_server; content:\"b\"; sid:1;)")]
    [InlineData(TwoWay + "(file.data:to_client; content:\"a\"; http.uri; content:\"b\"; sid:1;)")]
    [InlineData(Tcp + "(ip.src; to_md5; content:\"a\"; sid:1;)")]
    [InlineData(Tcp + "(ipv6.hdr; absent; sid:1;)")]
    [InlineData(Tcp + "(ip.dst; absent:or_else; content:\"a\"; sid:1;)")]
    [InlineData(Tcp + "(HTTP.URI; content:\"a\"; sid:1;)")]
    [InlineData(Tcp + "(content:\"a\"; HTTP_URI; sid:1;)")]
    [InlineData(Tcp + "(filename:abc; sid:1;)")]
    [InlineData(Tcp + "(flow:to_server; flow:established; content:\"a\"; sid:1;)")]
    [InlineData(Tcp + "(stream_size:server,!,5; sid:1;)")]
    [InlineData(Tcp + "(ja3.hash; content:\"E7ECA2BAF4458D095B7F45DA28C16C34\"; sid:1;)")]
    [InlineData(Tcp + "(content:\"abcdef\"; offset:0x1; sid:1;)")]
    [InlineData(Tcp + "(pcre:\"m/abc/\"; sid:1;)")]
    [InlineData(Tcp + "(engine-event:decoder.ipv4.pkt_too_small; sid:1;)")]
    [InlineData(Tcp + "(decode-event:IPV4.pkt_too_small; sid:1;)")]
    [InlineData(Tcp + "(http2.frametype:1-5; sid:1;)")]
    [InlineData(Tcp + "(tls.subject:\"CN=a\"; sid:1;)")]
    [InlineData(Http + "(ipv4-csum:valid; http.uri; content:\"a\"; sid:1;)")]
    [InlineData(Http + "(http.method; content:\"a\"; threshold:type threshold,track by_src,count 1,seconds 6; threshold:type limit,track by_src,count 1,seconds 60; sid:1;)")]
    public void ItIsTaken(string rule) => Assert.DoesNotContain(Load(rule), diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);

    [Theory]
    [InlineData(Http + "(http.uri:x; content:\"a\"; sid:1;)")]
    [InlineData(Http + "(http.connection:toclient; content:\"a\"; sid:1;)")]
    [InlineData(TwoWay + "(http.uri; content:\"a\"; http.connection; content:\"a\"; sid:1;)")]
    [InlineData(Http + "(flow:to_server; http.connection:to_client; content:\"a\"; sid:1;)")]
    [InlineData(Http + "(http.header.raw; content:\"a\"; sid:1;)")]
    [InlineData("alert dns any any -> any any (http.cookie; content:\"a\"; sid:1;)")]
    [InlineData(Http + "(dns.query; content:\"a\"; sid:1;)")]
    [InlineData("alert tcp-pkt any any -> any any (tls.sni; content:\"a\"; sid:1;)")]
    [InlineData("alert udp any any -> any any (frame:tls.pdu; content:\"a\"; sid:1;)")]
    [InlineData(Http + "(http.uri; content:\"a\"; rawbytes; sid:1;)")]
    [InlineData(Http + "(http.uri; content:\"a b\"; strip_whitespace; content:\"a b\"; sid:1;)")]
    [InlineData(Tcp + "(content:\"a\"; offset:\"1\"; sid:1;)")]
    [InlineData(Tcp + "(dns.opcode:\"1\"; sid:1;)")]
    [InlineData(Tcp + "(tls.subject:CN; sid:1;)")]
    [InlineData(Tcp + "(ssh.protoversion:2.0; sid:1;)")]
    [InlineData(Tcp + "(ja3.hash; content:\"abc\"; sid:1;)")]
    [InlineData(Tcp + "(id:1-5; sid:1;)")]
    [InlineData(Tcp + "(tcp.seq:>5; sid:1;)")]
    [InlineData(Tcp + "(flags:s; sid:1;)")]
    [InlineData(Tcp + "(ipopts:!rr; sid:1;)")]
    [InlineData(Tcp + "(flow:no_frag,only_frag; sid:1;)")]
    [InlineData(Tcp + "(flow:established,to_server,only_stream,no_frag; sid:1;)")]
    [InlineData(Tcp + "(flow.pkts_toserver:>3; http.uri; content:\"a\"; sid:1;)")]
    [InlineData(Tcp + "(flow.elephant; sid:1;)")]
    [InlineData(Tcp + "(threshold:type backoff, track by_flow, count 1, multiplier 1; sid:1;)")]
    [InlineData(Tcp + "(detection_filter:track by_rule, count 5, seconds 60; sid:1;)")]
    [InlineData(Tcp + "(content:\"a\"; threshold:type limit,track by_src,count 1,seconds 6; threshold:type both,track by_src,count 1,seconds 6; sid:1;)")]
    [InlineData(Tcp + "(xbits:isset,a,track tx; sid:1;)")]
    [InlineData(Tcp + "(target:src_ip; target:dest_ip; sid:1;)")]
    [InlineData(Tcp + "(pcre:\"/a/UU\"; sid:1;)")]
    [InlineData(Tcp + "(pcre:\"/a/\"; prefilter; sid:1;)")]
    [InlineData(Http + "(urilen:5; http.uri; content:\"abcdefgh\"; sid:1;)")]
    [InlineData(Tcp + "(dns.query; dataset:set,verdicts1,type string,save /tmp/x; sid:1;)")]
    [InlineData(Tcp + "(dns.query; dataset:set,verdicts2,type string,save ../x; sid:1;)")]
    [InlineData("alert udp any any -> any any (tcp.session:setup; sid:1;)")]
    public void ItIsRefused(string rule) => Assert.Contains(Load(rule), diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);

    private static IReadOnlyList<RuleDiagnostic> Load(string rule) =>
        RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rule)] }).Diagnostics;
}
