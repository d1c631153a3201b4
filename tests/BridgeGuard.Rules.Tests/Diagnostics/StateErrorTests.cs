using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>Keywords about states, variables and sets: accepted and refused as by Suricata 8.0.8.</summary>
public sealed class StateErrorTests
{
    [Theory]
    [InlineData("http", "app-layer-state:request_started;", false)]
    [InlineData("http1", "app-layer-state:=request_headers;", false)]
    [InlineData("http1", "app-layer-state:request_headers;", true)]
    [InlineData("http1", "app-layer-state:>request_headers;", true)]
    [InlineData("http1", "app-layer-state:<request_headers;", true)]
    [InlineData("tls", "app-layer-state:client_hello_done;", true)]
    [InlineData("tls", "app-layer-state:!client_hello_done;", false)]
    [InlineData("tcp", "app-layer-state:client_hello_done;", false)]
    [InlineData("tcp", "tcp.session:setup,closing;", true)]
    [InlineData("tcp", "tcp.session:1;", false)]
    [InlineData("tcp", "flowvar:foo,\"bar\";", true)]
    [InlineData("tcp", "pktvar:foo,\"bar\";", true)]
    [InlineData("tcp", "engine-event:decoder.ipv4.trunc_pkt;", true)]
    [InlineData("http", "http.host; dataset:isset,a1,type string;", true)]
    [InlineData("http", "http.host; dataset:isset,a2;", false)]
    [InlineData("http", "http.host; dataset:isset,a3,type string,match subdomain;", true)]
    [InlineData("http", "http.host; dataset:isset,a5,type ipv4,match subdomain;", false)]
    [InlineData("http", "http.host; dataset:set,a6,type string,match subdomain;", false)]
    [InlineData("http", "http.host; datarep:a7,>=,10,type string;", false)]
    [InlineData("http", "http.host; dataset:isset,a8,type string,format ndjson;", false)]
    public void ARuleIsAcceptedOrRefused(string protocol, string options, bool isGood)
    {
        RuleLoadResult result = RuleLoader.Load(
            new RuleLoadOptions { Texts = [("t.rules", $"alert {protocol} any any -> any any ({options} sid:1;)")] }, new KeywordIndex(ProtocolCatalog.All));
        Assert.Equal(isGood, !result.HasErrors);
    }
}
