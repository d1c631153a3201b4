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
    [InlineData("ip", "http.uri; content:\"a\"; app-layer-protocol:ftp;", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "tls.sni; content:\"a\"; app-layer-protocol:tls;", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "mqtt.flags:!dup; app-layer-protocol:!mqtt;", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "filemagic:\"PDF\"; dns.query; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "file.data; content:\"a\"; dns.query; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "file.name; content:\"a\"; dcerpc.stub_data; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "filename:\"a\"; http2.size_update:1;", DiagnosticCode.ConflictingProtocol)]
    [InlineData("ip", "file.name; content:\"a\"; ja3s.hash; absent;", DiagnosticCode.ConflictingProtocol)]
    [InlineData("dcerpc", "filemagic:\"abc\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("dcerpc", "smb.share; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("dcerpc", "app-layer-event:smb.malformed_data;", DiagnosticCode.ConflictingProtocol)]
    [InlineData("http2", "fileext:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("tls:client_hello_done", "tls.random; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("http1:request_line", "filestore;", DiagnosticCode.Conflict)]
    [InlineData("http1:response_started", "filesize:>1;", DiagnosticCode.Conflict)]
    [InlineData("sip:request_complete", "sip.via; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("snmp:request_started", "snmp.community; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("dns:request_complete", "dns.opcode:1;", DiagnosticCode.Conflict)]
    [InlineData("mqtt:request_complete", "mqtt.qos:1;", DiagnosticCode.Conflict)]
    [InlineData("http2:request_started", "http.uri; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("smb:request_complete", "smb.version:1;", DiagnosticCode.Conflict)]
    [InlineData("smb", "smb.version:1; smb.version:2;", DiagnosticCode.Duplicate)]
    [InlineData("tcp", "tls.store; tls.sni; content:\"a\"; ttl:1;", DiagnosticCode.Conflict)]
    public void TogetherTheyAreRefused(string protocol, string options, DiagnosticCode code) =>
        Assert.Equal(code, Assert.Single(Load(protocol, options).Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Code);

    [Theory]
    [InlineData("http", "content:\"a\"; base64_decode; base64_data; content:\"x\"; pkt_data; content:\"y\";")]
    [InlineData("http1:request_line", "ttl:1; itype:1;")]
    [InlineData("ssh:request_started", "dsize:>1; content:\"a\";")]
    [InlineData("tcp", "content:\"a\"; asn1:bitstring_overflow,relative_offset 1;")]
    [InlineData("tcp", "byte_test:4,>,1,0,dce; dcerpc.opnum:1;")]
    [InlineData("smb", "byte_test:1,>,1,0,dce;")]
    [InlineData("tcp", "tls.store; ttl:1;")]
    [InlineData("tcp-pkt", "tls.store; content:\"a\";")]
    [InlineData("tcp", "tls.store; flow:no_stream;")]
    [InlineData("dns", "file.magic; content:\"abc\";")]
    [InlineData("ip", "file.magic; content:\"x\"; tls.sni; content:\"a\";")]
    [InlineData("ip", "filesize:>1; http2.size_update:1;")]
    [InlineData("doh2", "app-layer-event:http2.invalid_frame_header;")]
    [InlineData("doh2", "app-layer-event:dns.malformed_data;")]
    [InlineData("dns", "app-layer-event:mdns.malformed_data;")]
    [InlineData("http", "frame:stream; content:\"abc\";")]
    [InlineData("tcp", "ip.src; content:\"a\"; to_md5;")]
    [InlineData("sip:request_started", "sip.via; content:\"a\";")]
    [InlineData("snmp:request_complete", "snmp.community; content:\"a\";")]
    [InlineData("dns:request_started", "dns.opcode:1;")]
    [InlineData("dns:request_complete", "dns.query; content:\"a\";")]
    [InlineData("tls:request_started", "tls.random; content:\"a\";")]
    [InlineData("http1:request_line", "http.protocol; content:\"a\";")]
    [InlineData("http1:request_body", "filestore;")]
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
