using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

public sealed class TransactionRuleTests
{
    [Theory]
    [InlineData("fake.name; content:\"abc\";", true)]
    [InlineData("fake.name; content:\"abd\";", false)]
    [InlineData("content:\"abc\"; fake_name;", true)]
    [InlineData("fake.name; content:!\"abd\";", true)]
    [InlineData("fake.name; bsize:5;", true)]
    [InlineData("fake.name; bsize:>5;", false)]
    [InlineData("fake.name; content:\"abc\"; offset:1; content:\"y\"; distance:0;", true)]
    [InlineData("fake.name; to_uppercase; content:\"ABC\";", true)]
    [InlineData("fake.name; dotprefix; content:\".xabcy\"; startswith; endswith;", true)]
    [InlineData("fake.list; content:\"one\"; fake.list; content:\"two\";", true)]
    [InlineData("fake.list; content:\"one\"; content:\"two\";", false)]
    [InlineData("fake.code:2;", true)]
    [InlineData("fake.code:two;", true)]
    [InlineData("fake.code:one;", false)]
    [InlineData("fake.values:>10;", true)]
    [InlineData("fake.values:>10,all;", false)]
    [InlineData("fake.values:>4,all;", true)]
    [InlineData("fake.values:5,0;", true)]
    [InlineData("fake.values:20,-1;", true)]
    [InlineData("app-layer-event:fake.odd;", true)]
    [InlineData("app-layer-event:fake.strange;", false)]
    [InlineData("fake.body; content:\"body\"; fake.name; content:\"abc\";", true)]
    [InlineData("fake.body; absent;", false)]
    public void BuffersAndFieldsMatchAsWritten(string options, bool expected)
    {
        foreach (bool prefilter in new[] { true, false })
        {
            var harness = new DetectorHarness($"alert fake any any -> any any (msg:\"t\"; {options} sid:1;)", prefilter);
            FakeTransaction transaction = harness.AddTransaction();
            transaction.Set(FakeProtocol.Name1, "xabcy");
            transaction.Set(FakeProtocol.Body, "a body");
            transaction.Set(FakeProtocol.List, "one", "two");
            transaction.Fields[FakeProtocol.Code] = [2];
            transaction.Fields[FakeProtocol.Values] = [5, 20];
            transaction.Anomalies.Add(1);
            transaction.ProgressToServer = 3;
            Assert.Equal(expected ? new uint[] { 1 } : [], harness.Udp("x"));
            Assert.Empty(harness.Udp("x"));
        }
    }

    [Fact]
    public void ARuleWaitsForTheProgressOfEachBuffer()
    {
        foreach (bool prefilter in new[] { true, false })
        {
            var harness = new DetectorHarness(
                "alert fake any any -> any any (msg:\"t\"; fake.name; content:\"abc\"; fake.body; content:\"end\"; sid:1;)", prefilter);
            FakeTransaction transaction = harness.AddTransaction();
            Assert.Empty(harness.Udp("x"));
            transaction.Set(FakeProtocol.Name1, "abc");
            transaction.ProgressToServer = 1;
            Assert.Empty(harness.Udp("x"));
            transaction.Set(FakeProtocol.Body, "begin");
            transaction.ProgressToServer = 2;
            Assert.Empty(harness.Udp("x"));
            transaction.Set(FakeProtocol.Body, "begin end");
            Assert.Equal([1u], harness.Udp("x"));
            Assert.Empty(harness.Udp("x"));
        }
    }

    [Fact]
    public void TransactionsOfTheOtherDirectionAreLeftAlone()
    {
        var harness = new DetectorHarness("alert fake any any -> any any (msg:\"t\"; fake.answer; content:\"ok\"; sid:1;)");
        FakeTransaction transaction = harness.AddTransaction();
        transaction.Set(FakeProtocol.Answer, "ok");
        transaction.ProgressToClient = 1;
        Assert.Empty(harness.Udp("x"));
        Assert.Equal([1u], harness.Udp("x", Direction.ToClient));
    }

    [Fact]
    public void TwoWayRulesNeedBothDirections()
    {
        var harness = new DetectorHarness(
            "alert fake any any => any any (msg:\"t\"; fake.name; content:\"abc\"; fake.answer; content:\"ok\"; sid:1;)");
        FakeTransaction transaction = harness.AddTransaction();
        transaction.Set(FakeProtocol.Name1, "abc");
        transaction.ProgressToServer = 3;
        Assert.Empty(harness.Udp("x"));
        transaction.Set(FakeProtocol.Answer, "ok");
        transaction.ProgressToClient = 1;
        Assert.Equal([1u], harness.Udp("x", Direction.ToClient));
    }

    [Fact]
    public void EachTransactionAlertsOnItsOwn()
    {
        var harness = new DetectorHarness("alert fake any any -> any any (msg:\"t\"; fake.name; content:\"abc\"; sid:1;)");
        for (int i = 0; i < 3; i++)
        {
            FakeTransaction transaction = harness.AddTransaction();
            transaction.Set(FakeProtocol.Name1, "abc");
            transaction.ProgressToServer = 1;
        }

        Assert.Equal([1u, 1u, 1u], harness.Udp("x"));
        Assert.Equal(2UL, harness.Alerts[2].Transaction!.Id);
    }

    [Fact]
    public void AbsentMatchesWhenTheBufferNeverComes()
    {
        var harness = new DetectorHarness("alert fake any any -> any any (msg:\"t\"; fake.body; absent; sid:1;)");
        FakeTransaction transaction = harness.AddTransaction();
        transaction.ProgressToServer = 2;
        Assert.Empty(harness.Udp("x"));
        transaction.ProgressToServer = 3;
        Assert.Equal([1u], harness.Udp("x"));
    }

    [Fact]
    public void HooksMatchWhenTheProgressIsReached()
    {
        var harness = new DetectorHarness("alert fake:named any any -> any any (msg:\"t\"; flow:to_server; sid:1;)");
        FakeTransaction transaction = harness.AddTransaction();
        Assert.Empty(harness.Udp("x"));
        transaction.ProgressToServer = 1;
        Assert.Equal([1u], harness.Udp("x"));
    }

    [Fact]
    public void AHookAloneMatchesWheneverSomethingComesWhileTheTransactionStandsThere()
    {
        var harness = new DetectorHarness(
            "alert fake:start any any -> any any (msg:\"t\"; flow:to_server; sid:1;)\n"
            + "alert fake:named any any -> any any (msg:\"t\"; flow:to_server; sid:2;)\n"
            + "alert fake:body any any -> any any (msg:\"t\"; flow:to_server; sid:3;)");
        FakeTransaction transaction = harness.AddTransaction();
        Assert.Equal([1u], harness.Udp("x"));
        Assert.Equal([1u], harness.Udp("x"));

        // Each step from where it stood to where it stands.
        transaction.ProgressToServer = 2;
        Assert.Equal([1u, 2u, 3u], harness.Udp("x"));
        Assert.Equal([3u], harness.Udp("x"));
        transaction.ProgressToServer = 3;
        Assert.Equal([3u], harness.Udp("x"));
        Assert.Empty(harness.Udp("x"));
    }

    [Fact]
    public void AHookBesideABufferMatchesOnce()
    {
        var harness = new DetectorHarness("alert fake:named any any -> any any (msg:\"t\"; fake.name; content:\"abc\"; sid:1;)");
        FakeTransaction transaction = harness.AddTransaction();
        transaction.Set(FakeProtocol.Name1, "abc");
        transaction.ProgressToServer = 1;
        Assert.Equal([1u], harness.Udp("x"));
        Assert.Empty(harness.Udp("x"));
    }
}
