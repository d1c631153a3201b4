using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Ldap;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Ldap;

/// <summary>Buffers, keywords, records, anomalies and limits of LDAP.</summary>
public sealed class LdapTests
{
    [Fact]
    public void ASearchFillsItsBuffers()
    {
        ProtocolBench bench = Run(
            LdapSamples.Client(LdapSamples.Search(2)), LdapSamples.Server(LdapSamples.Entry(2, "cn=e")), LdapSamples.Server(LdapSamples.Result(2, 5, 32, "dc=m", "gone")));
        Assert.Equal("dc=example", bench.Buffer("ldap.request.dn", Direction.ToServer));
        Assert.Equal("mail", bench.Buffer("ldap.request.attribute_type", Direction.ToServer, index: 1));
        Assert.Equal("cn=e", bench.Buffer("ldap.responses.dn", Direction.ToClient));
        Assert.Equal("dc=m", bench.Buffer("ldap.responses.dn", Direction.ToClient, index: 1));
        Assert.Equal("sn", bench.Buffer("ldap.responses.attribute_type", Direction.ToClient));
        Assert.Equal("gone", bench.Buffer("ldap.responses.message", Direction.ToClient));
    }

    [Theory]
    [InlineData("ldap.request.operation", "search_request", true)]
    [InlineData("ldap.request.operation", "bind_request", false)]
    [InlineData("ldap.responses.operation", "search_result_done", true)]
    [InlineData("ldap.responses.operation", "search_result_entry,0", true)]
    [InlineData("ldap.responses.operation", "search_result_entry,1", false)]
    [InlineData("ldap.responses.operation", "search_result_done,-1", true)]
    [InlineData("ldap.responses.operation", "search_result_entry,all", false)]
    [InlineData("ldap.responses.operation", ">3,all", true)]
    [InlineData("ldap.responses.count", "2", true)]
    [InlineData("ldap.responses.count", ">2", false)]
    [InlineData("ldap.responses.result_code", "no_such_object", true)]
    [InlineData("ldap.responses.result_code", "success", false)]
    public void IntegerKeywordsLookAtTheirResponses(string keyword, string argument, bool isMatch)
    {
        ProtocolBench bench = Run(
            LdapSamples.Client(LdapSamples.Search(2)), LdapSamples.Server(LdapSamples.Entry(2, "cn=e")), LdapSamples.Server(LdapSamples.Result(2, 5, 32)));
        KeywordDescriptor descriptor = bench.Protocol.Keywords.Single(k => k.Name == keyword);
        TransactionMatcher matcher = descriptor.Parse(argument, out string error)!;
        Assert.Empty(error);
        Assert.Equal(isMatch, matcher.Match(bench.Transaction(0), Direction.ToClient, bench.Flow));
    }

    [Theory]
    [InlineData("ldap.responses.operation", "bind_request,all1")]
    [InlineData("ldap.responses.operation", "success")]
    [InlineData("ldap.request.operation", "bind_request,1")]
    [InlineData("ldap.responses.result_code", "bind_request")]
    public void ArgumentsThatMeanNothingAreRefused(string keyword, string argument)
    {
        KeywordDescriptor descriptor = new LdapProtocol().Keywords.Single(k => k.Name == keyword);
        Assert.Null(descriptor.Parse(argument, out string error));
        Assert.NotEmpty(error);
    }

    [Fact]
    public void TheRecordShowsRequestAndResponses()
    {
        string eve = Run(LdapSamples.Client(LdapSamples.Bind(1)), LdapSamples.Server(LdapSamples.Result(1, 1, 49, "", "bad"))).Eve();
        Assert.Contains(
            "\"request\":{\"message_id\":1,\"operation\":\"bind_request\",\"bind_request\":{\"version\":3,\"name\":\"cn=admin\"}},"
            + "\"responses\":[{\"operation\":\"bind_response\",\"bind_response\":{\"result_code\":\"invalid_credentials\",\"matched_dn\":\"\",\"message\":\"bad\"}}]",
            eve,
            StringComparison.Ordinal);
    }

    [Fact]
    public void StartTlsThatSucceedsChangesTheProtocol()
    {
        byte[] request = LdapSamples.Message(1, 23, LdapSamples.Tagged(0, LdapSamples.StartTls));
        Assert.True(Run(LdapSamples.Client(request), LdapSamples.Server(LdapSamples.Result(1, 24, 0))).Change.Requested);
        Assert.False(Run(LdapSamples.Client(request), LdapSamples.Server(LdapSamples.Result(1, 24, 52))).Change.Requested);
    }

    [Fact]
    public void AResponseToNothingIsNamedUnlessItIsANotice()
    {
        Assert.Equal(["request_not_found"], Run(LdapSamples.Server(LdapSamples.Result(7, 1, 0))).Anomalies());
        Assert.Empty(Run(LdapSamples.Server(LdapSamples.Result(0, 24, 52))).Anomalies());
    }

    [Fact]
    public void BytesThatAreNoMessageAreBlamedOnTheLast()
    {
        ProtocolBench bench = Run(LdapSamples.Client(LdapSamples.Bind(1)), LdapSamples.Client(0x30, 3, 1, 2, 3));
        Assert.True(bench.HasStopped);
        Assert.Equal(["invalid_data"], bench.Anomalies());
    }

    [Fact]
    public void ResponsesAboveTheLimitAreNotKept()
    {
        var bench = new ProtocolBench(new LdapProtocol(), new Dictionary<string, string> { ["max-responses"] = "2" });
        bench.Feed([LdapSamples.Client(LdapSamples.Search(1)), LdapSamples.Server(LdapSamples.Entry(1, "a")), LdapSamples.Server(LdapSamples.Entry(1, "b"))]);
        Assert.Empty(bench.Anomalies());
        bench.Feed([LdapSamples.Server(LdapSamples.Entry(1, "c"))]);
        Assert.Equal(["too_many_responses"], bench.Anomalies());
    }

    [Fact]
    public void AboveTheLimitAllThatWaitAreToldAndTheFlowIsGivenUp()
    {
        var bench = new ProtocolBench(new LdapProtocol(), new Dictionary<string, string> { ["max-tx"] = "2" });
        bench.Feed([.. Enumerable.Range(1, 3).Select(id => LdapSamples.Client(LdapSamples.Bind(id)))]);
        bench.Feed([LdapSamples.Server(LdapSamples.Result(2, 1, 0))]);
        Assert.False(bench.HasStopped);
        bench.Feed([LdapSamples.Client(LdapSamples.Bind(4))]);
        Assert.True(bench.HasStopped);

        // The one that has its answer waits for nothing.
        Assert.Equal([["too_many_transactions"], [], ["too_many_transactions"]], Enumerable.Range(0, bench.State.Transactions.Count).Select(bench.Anomalies));
    }

    private static ProtocolBench Run(params Turn[] turns)
    {
        var bench = new ProtocolBench(new LdapProtocol());
        bench.Feed(turns);
        return bench;
    }
}
