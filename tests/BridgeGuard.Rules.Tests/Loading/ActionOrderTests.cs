using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Tests.Detection;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

public sealed class ActionOrderTests
{
    private const string Rules = """
        alert tcp any any -> any any (content:"one"; sid:1;)
        reject tcp any any -> any any (content:"one"; sid:2;)
        drop tcp any any -> any any (content:"one"; sid:3;)
        pass tcp any any -> any any (content:"one"; sid:4;)
        rejectboth tcp any any -> any any (content:"one"; sid:5;)
        """;

    [Fact]
    public void ExceptionsComeFirstWhereNobodySaysOtherwise() => Assert.Equal([4u, 3, 2, 5, 1], Load(RuleLoadOptions.DefaultActionOrder));

    [Fact]
    public void TheOperatorsOrderIsKept() =>
        Assert.Equal([1u, 4, 3, 2, 5], Load([RuleAction.Alert, RuleAction.Pass, RuleAction.Drop, RuleAction.Reject]));

    [Fact]
    public void WhatStandsBehindAPassRuleIsSpared()
    {
        DetectorHarness harness = new(Rules, inline: true);
        Assert.Empty(harness.Tcp("one"));
        Assert.NotEqual(Engine.Worker.VerdictAction.Drop, harness.LastPacket!.Action);
    }

    [Fact]
    public void APatternInOnePacketCondemnsThatPacketAlone()
    {
        DetectorHarness harness = new("drop tcp any any -> any any (content:\"one\"; sid:1;)", inline: true);
        Assert.Equal([1u], harness.Tcp("one"));
        Assert.Equal(Engine.Worker.VerdictAction.Drop, harness.LastPacket!.Action);
        Assert.False(harness.Flow.Has(Engine.Flows.FlowFlags.Dropped));
    }

    private static uint[] Load(IReadOnlyList<RuleAction> order)
    {
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", Rules)], ActionOrder = order });
        Assert.False(result.HasErrors);
        return [.. result.Rules.Rules.Select(rule => rule.Sid)];
    }
}
