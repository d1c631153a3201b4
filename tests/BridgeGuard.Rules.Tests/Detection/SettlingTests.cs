using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Early verdicts: a flow is given to the kernel when no rule is left that could match it, and not before.</summary>
public sealed class SettlingTests
{
    private const int BlockBytes = 1000;

    /// <summary>No protocol is looked for there.</summary>
    private const ushort Port = 9999;

    [Theory]
    [InlineData("", true)]
    [InlineData("""alert http any any -> any any (http.uri; content:"evil"; sid:1;)""", true)]
    [InlineData("""alert tls any any -> any any (tls.sni; content:"evil"; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any 80 (content:"evil"; sid:1;)""", true)]
    [InlineData("""alert udp any any -> any any (content:"evil"; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (flags:S; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (flow:not_established; dsize:>0; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (stream-event:pkt_invalid_ack; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (flowbits:isset,never; dsize:>1; sid:1;)""", true)]
    [InlineData("""alert ip any any -> any any (msg:"addresses only"; sid:1;)""", true)]
    [InlineData("""alert tcp any any -> any any (content:"evil"; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (flow:to_client; content:"evil"; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (flow:to_server,established; content:"evil"; sid:1;)""", false)]
    [InlineData("""alert tcp-pkt any any -> any any (content:"evil"; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (dsize:>5000; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (ttl:7; sid:1;)""", false)]
    [InlineData("""drop tcp any any -> any any (stream-event:pkt_invalid_ack; sid:1;)""", false)]
    [InlineData("""alert tcp any any -> any any (flags:S; metadata:inspection full; sid:1;)""", false)]
    [InlineData(
        """
        alert tcp any any -> any any (flowbits:isset,seen; dsize:>1; sid:1;)
        alert tcp any any -> any any (content:"evil"; flowbits:set,seen; noalert; sid:2;)
        """, false)]
    public void AnUnknownProtocolSettlesWhenNoRuleIsLeft(string rules, bool settles)
    {
        using Conversation wire = new(rules, new EngineSettings { IsInline = true, EarlyVerdicts = true }, Port);
        Assert.Equal(settles, Talk(wire, exchanges: 100));
        Assert.Equal(settles ? 1 : 0, wire.Worker.Settled);
    }

    [Fact]
    public void BeyondTheDepthOfBothDirectionsContentsAreNotLookedFor()
    {
        EngineSettings settings = new()
        {
            IsInline = true,
            EarlyVerdicts = true,
            Stream = new StreamSettings { Reassembly = new ReassemblySettings { Depth = 20_000 } },
        };
        using Conversation wire = new("""alert tcp any any -> any any (content:"evil"; sid:1;)""", settings, Port);
        Assert.False(Talk(wire, exchanges: 15));
        Assert.True(Talk(wire, exchanges: 80));
    }

    [Fact]
    public void WithoutEarlyVerdictsNothingSettles()
    {
        using Conversation wire = new("", new EngineSettings { IsInline = true }, Port);
        Assert.False(Talk(wire, exchanges: 100));
    }

    [Theory]
    [InlineData(false, RoleAction.AsRule, false)]
    [InlineData(false, RoleAction.Off, true)]
    [InlineData(true, RoleAction.Off, false)]
    public void RolesSayWhichRulesAreLeftAndWhetherTheyWantAll(bool full, RoleAction action, bool settles)
    {
        RoleModel role = new() { Name = "default", FullInspection = full, Rules = [new RoleRule { Sid = 1, Action = action }] };
        PolicyModel policy = new([role], []);
        using Conversation wire = new("""alert tcp any any -> any any (content:"evil"; sid:1;)""", new EngineSettings { IsInline = true, EarlyVerdicts = true }, Port, policy);
        Assert.Equal(settles, Talk(wire, exchanges: 100));
    }

    [Fact]
    public void WhatTheKernelCarriedCountsForTheFlow()
    {
        using Conversation wire = new("", new EngineSettings { IsInline = true, EarlyVerdicts = true }, Port);
        Assert.True(Talk(wire, exchanges: 100));
        wire.TellBypassed(3, 3000, 5, 500);
        Assert.Equal((8L, 3500L), (wire.Worker.Counters[Counter.BypassedPackets], wire.Worker.Counters[Counter.BypassedBytes]));
    }

    /// <summary>Exchanges blocks of no known protocol; whether the flow was given to the kernel in the end.</summary>
    private static bool Talk(Conversation wire, int exchanges) => wire.Exchange(exchanges, BlockBytes) == FlowOffload.Pass;
}
