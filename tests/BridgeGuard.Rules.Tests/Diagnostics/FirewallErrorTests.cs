using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>Firewall rules that Suricata 8.0.8 accepts or refuses, judged the same.</summary>
public sealed class FirewallErrorTests
{
    [Theory]
    [InlineData("accept:tx tcp:all")]
    [InlineData("accept:hook tcp:pre_stream")]
    [InlineData("accept:hook,alert tcp:all")]
    [InlineData("reject:packet tcp:all")]
    [InlineData("rejectboth:flow tcp:all")]
    [InlineData("accept:hook ip:pre_flow")]
    [InlineData("accept:hook udp:flow_start")]
    [InlineData("accept:flow,pass:flow,alert tls:client_hello_done")]
    [InlineData("accept:flow tls:<client_hello_done")]
    [InlineData("accept:hook tls:request_started")]
    [InlineData("drop:packet dns:request_complete")]
    [InlineData("accept:tx dns:request_complete", true, "dns.query; content:\"a\";")]
    [InlineData("accept:hook http1:request_line", true, "http.uri; content:\"a\";")]
    [InlineData("accept:hook http1:request_body", true, "http.request_body; content:\"a\";")]
    [InlineData("accept:tx http1:<request_headers", true, "http.user_agent; content:\"a\";")]
    [InlineData("accept:tx dns:<request_complete", true, "dns.query; content:\"a\";")]
    [InlineData("accept:tx smtp:request_started", true, "smtp.helo; content:\"a\";")]
    [InlineData("drop:flow tls:client_hello_done", true, "tls.version:1.0;")]
    public void AFirewallRuleIsAccepted(string head, bool isGood = true, string options = "") =>
        Assert.Equal(isGood, Load(head, options).Diagnostics.Count == 0);

    [Theory]
    [InlineData("accept http1:request_line", DiagnosticCode.UnknownAction)]
    [InlineData("accept:hook http", DiagnosticCode.UnknownProtocol)]
    [InlineData("accept:hook tcp", DiagnosticCode.UnknownProtocol)]
    [InlineData("accept:hook tcp:foo", DiagnosticCode.UnknownProtocol)]
    [InlineData("accept:hook tls:<foo", DiagnosticCode.UnknownProtocol)]
    [InlineData("alert http1:request_line", DiagnosticCode.UnknownAction)]
    [InlineData("pass:flow tcp:all", DiagnosticCode.UnknownAction)]
    [InlineData("drop:packet http1:request_line", DiagnosticCode.UnknownAction)]
    [InlineData("drop:hook tcp:all", DiagnosticCode.UnknownAction)]
    [InlineData("drop:tx http1:request_line", DiagnosticCode.UnknownAction)]
    [InlineData("accept:hook,drop:flow tcp:all", DiagnosticCode.UnknownAction)]
    [InlineData("accept:hook,pass:flow tcp:all", DiagnosticCode.UnknownAction)]
    [InlineData("accept:foo tcp:all", DiagnosticCode.UnknownAction)]
    [InlineData("accept:flow udp:pre_flow", DiagnosticCode.UnknownAction)]
    [InlineData("accept:hook http1:request_started", DiagnosticCode.Conflict, "http.uri; content:\"a\";")]
    [InlineData("accept:tx http1:<request_headers", DiagnosticCode.Conflict, "http.uri; content:\"a\";")]
    [InlineData("accept:tx http1:<response_body", DiagnosticCode.Conflict, "http.stat_code; content:\"2\";")]
    [InlineData("accept:tx dns:<request_complete", DiagnosticCode.Conflict, "dns.opcode:1;")]
    [InlineData("accept:tx snmp:request_started", DiagnosticCode.Conflict, "snmp.community; content:\"a\";")]
    [InlineData("accept:hook http1:request_complete", DiagnosticCode.Conflict, "http.request_body; content:\"a\";")]
    [InlineData("accept:hook tls:client_in_progress", DiagnosticCode.ConflictingDirection, "flow:to_client;")]
    public void AFirewallRuleIsRefused(string head, DiagnosticCode code, string options = "") =>
        Assert.Equal(code, Assert.Single(Load(head, options).Diagnostics).Code);

    private static RuleLoadResult Load(string head, string options)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, $"{head} any any -> any any ({options} sid:1;)\n");
        try
        {
            return RuleLoader.Load(new RuleLoadOptions { FirewallFiles = [file] }, new KeywordIndex(ProtocolCatalog.All));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
