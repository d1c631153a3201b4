using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>What <c>frame</c> accepts and refuses; Suricata 8.0.8 judges each of these the same.</summary>
public sealed class FrameErrorTests
{
    [Theory]
    [InlineData("dns", "frame:pdu; content:\"a\";")]
    [InlineData("ip", "frame:dns.pdu; content:\"a\";")]
    [InlineData("udp", "frame:dns.pdu; content:\"a\";")]
    [InlineData("dns", "flow:only_stream; frame:pdu; content:\"a\";")]
    [InlineData("dns", "frame:pdu; content:\"a\"; frame:stream; content:\"b\";")]
    [InlineData("http", "frame:http1.request; content:\"a\";")]
    [InlineData("http1", "frame:request; content:\"a\";")]
    [InlineData("dns", "frame:pdu; to_lowercase; content:\"a\";")]
    [InlineData("tls", "frame:tls.pdu; bsize:>10;")]
    public void AFrameOfTheRulesProtocolIsAccepted(string protocol, string options) =>
        Assert.Empty(Load(protocol, options).Diagnostics);

    [Theory]
    [InlineData("dns", "frame; content:\"a\";", DiagnosticCode.MissingArgument)]
    [InlineData("dns", "frame:pdu;", DiagnosticCode.BufferWithoutContent)]
    [InlineData("tcp", "frame:pdu; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("tcp", "frame:nope.pdu; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("dns", "frame:dns.nope; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("dns", "frame:PDU; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("http", "frame:request; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("http", "frame:http.request; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("udp", "frame:dns.stream; content:\"a\";", DiagnosticCode.BadArgument)]
    [InlineData("tls", "frame:dns.pdu; content:\"a\";", DiagnosticCode.ConflictingProtocol)]
    [InlineData("dns", "frame:pdu; content:\"a\"; dns.query; content:\"b\";", DiagnosticCode.Conflict)]
    [InlineData("dns", "frame:pdu; content:\"a\"; pkt_data; content:\"c\";", DiagnosticCode.Conflict)]
    [InlineData("dns", "frame:pdu; content:\"a\"; dsize:>3;", DiagnosticCode.Conflict)]
    [InlineData("dns", "flow:no_stream; frame:pdu; content:\"a\";", DiagnosticCode.Conflict)]
    [InlineData("tcp-pkt", "frame:dns.pdu; content:\"a\";", DiagnosticCode.Conflict)]
    public void AFrameThatCannotBeIsRefused(string protocol, string options, DiagnosticCode code) =>
        Assert.Equal(code, Assert.Single(Load(protocol, options).Diagnostics).Code);

    private static RuleLoadResult Load(string protocol, string options) => RuleLoader.Load(
        new RuleLoadOptions { Texts = [("t.rules", $"alert {protocol} any any -> any any ({options} sid:1;)")] }, new KeywordIndex(ProtocolCatalog.All));
}
