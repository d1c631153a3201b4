using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>Keywords that are right alone and stand together; found by `rulediff.py verdicts --mixed`, whose expectations are Suricata's.</summary>
public sealed class MixedRuleTests
{
    [Theory]
    [InlineData("http", "http.uri; base64_decode:bytes 10; base64_data; content:\"abc\"; http.method; content:\"GET\";", DiagnosticCode.Conflict)]
    [InlineData("http", "http.uri; base64_decode:bytes 10; base64_data; content:\"abc\"; frame:http1.request; content:\"GET\";", DiagnosticCode.Conflict)]
    [InlineData("http", "http.uri; base64_decode:bytes 10; base64_data; content:\"abc\"; ipv4.hdr; content:\"GET\";", DiagnosticCode.Conflict)]
    [InlineData("http", "http.uri; base64_decode; base64_data; content:\"abc\"; base64_decode; base64_data; content:\"d\";", DiagnosticCode.Conflict)]
    [InlineData("http", "http.uri; content:\"a\"; asn1:bitstring_overflow;", DiagnosticCode.Conflict)]
    [InlineData("tcp-stream", "asn1:bitstring_overflow; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("http1:request_line", "ttl:1; http.uri; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("tls", "ja4.hash; content:\"a\"; tls_cert_expired;", DiagnosticCode.ConflictingDirection)]
    [InlineData("tls", "flow:to_server; tls_cert_notbefore:2020;", DiagnosticCode.ConflictingDirection)]
    [InlineData("tls", "flow:to_server; tls.subjectaltname; content:\"a\";", DiagnosticCode.ConflictingDirection)]
    [InlineData("tcp", "byte_jump:4,0,dce; tls.sni; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("tcp", "byte_test:4,>,1,0,dce; smb.share; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("http2", "content:\"a\"; http_uri;", DiagnosticCode.ConflictingProtocol)]
    public void TogetherTheyAreRefused(string protocol, string options, DiagnosticCode code) =>
        Assert.Equal(code, Assert.Single(Load(protocol, options).Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Code);

    [Theory]
    [InlineData("http", "content:\"a\"; base64_decode; base64_data; content:\"x\"; pkt_data; content:\"y\";")]
    [InlineData("http1:request_line", "ttl:1; itype:1;")]
    [InlineData("ssh:request_started", "dsize:>1; content:\"a\";")]
    [InlineData("tcp", "content:\"a\"; asn1:bitstring_overflow,relative_offset 1;")]
    [InlineData("tcp", "byte_test:4,>,1,0,dce; dcerpc.opnum:1;")]
    [InlineData("smb", "byte_test:1,>,1,0,dce;")]
    [InlineData("tls", "flow:to_client; tls_cert_expired; tls.cert_subject; content:\"a\";")]
    public void TogetherTheyAreTaken(string protocol, string options)
    {
        RuleLoadResult result = Load(protocol, options);
        Assert.False(result.HasErrors, string.Join("\n", result.Diagnostics));
        Assert.Equal(1, result.Rules.Count);
    }

    private static RuleLoadResult Load(string protocol, string options) =>
        RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", $"alert {protocol} any any -> any any (msg:\"x\"; {options} sid:1;)")] });
}
