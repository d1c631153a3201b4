using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Early verdicts: a flow is given to the kernel when no rule is left that could match it, and not before.</summary>
public sealed class SettlingTests : IEventSink, IDisposable
{
    private const string Client = "192.168.1.10";
    private const string Server = "192.168.1.20";
    private const int BlockBytes = 1000;

    private PacketWorker _worker = null!;
    private uint _clientNext = 1000;
    private uint _serverNext = 5000;
    private long _nowUs = 1_700_000_000_000_000;

    public void Dispose() => _worker.Dispose();

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
    }

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
        Start(rules, new EngineSettings { IsInline = true, EarlyVerdicts = true });
        Assert.Equal(settles, Talk(exchanges: 100));
        Assert.Equal(settles ? 1 : 0, _worker.Settled);
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
        Start("""alert tcp any any -> any any (content:"evil"; sid:1;)""", settings);
        Assert.False(Talk(exchanges: 15));
        Assert.True(Talk(exchanges: 80));
    }

    [Fact]
    public void WithoutEarlyVerdictsNothingSettles()
    {
        Start("", new EngineSettings { IsInline = true });
        Assert.False(Talk(exchanges: 100));
    }

    [Theory]
    [InlineData(false, RoleAction.AsRule, false)]
    [InlineData(false, RoleAction.Off, true)]
    [InlineData(true, RoleAction.Off, false)]
    public void RolesSayWhichRulesAreLeftAndWhetherTheyWantAll(bool full, RoleAction action, bool settles)
    {
        RoleModel role = new() { Name = "default", FullInspection = full, Rules = [new RoleRule { Sid = 1, Action = action }] };
        PolicyModel policy = new([role], []);
        Start("""alert tcp any any -> any any (content:"evil"; sid:1;)""", new EngineSettings { IsInline = true, EarlyVerdicts = true }, policy);
        Assert.Equal(settles, Talk(exchanges: 100));
    }

    [Fact]
    public void WhatTheKernelCarriedCountsForTheFlow()
    {
        Start("", new EngineSettings { IsInline = true, EarlyVerdicts = true });
        Assert.True(Talk(exchanges: 100));
        IpAddress client = IpAddress.ReadV4([192, 168, 1, 10]);
        IpAddress server = IpAddress.ReadV4([192, 168, 1, 20]);
        _worker.NoteBypassed(new BypassedTraffic(new FlowKey(server, client, 9999, 4444, 6, 4, 0, 0, 0, 0, 0), 3, 3000, 5, 500, _nowUs + 7));
        Assert.Equal((8L, 3500L), (_worker.Counters[Counter.BypassedPackets], _worker.Counters[Counter.BypassedBytes]));
    }

    private void Start(string rules, EngineSettings settings, PolicyModel? policy = null)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("test.rules", rules)] });
        Assert.False(loaded.HasErrors);
        _worker = new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(policy ?? PolicyModel.Empty, loaded.Rules.Rules)),
        };
        Say(true, "S", []);
        _clientNext++;
        Say(false, "SA", []);
        _serverNext++;
        Say(true, "A", []);
    }

    /// <summary>Exchanges blocks of no known protocol; whether the flow was given to the kernel in the end.</summary>
    private bool Talk(int exchanges)
    {
        byte[] block = Encoding.ASCII.GetBytes(new string('z', BlockBytes));
        FlowOffload last = FlowOffload.None;
        for (int i = 0; i < exchanges; i++)
        {
            Say(true, "AP", block);
            _clientNext += BlockBytes;
            Say(false, "AP", block);
            _serverNext += BlockBytes;
            last = Say(true, "A", []);
        }

        return last == FlowOffload.Pass;
    }

    private FlowOffload Say(bool byClient, string flags, byte[] data)
    {
        (uint sequence, uint acknowledgement) = byClient ? (_clientNext, _serverNext) : (_serverNext, _clientNext);
        (string from, ushort fromPort, string to, ushort toPort) = byClient
            ? (Client, (ushort)4444, Server, (ushort)9999)
            : (Server, (ushort)9999, Client, (ushort)4444);
        byte[] frame = FrameBuilder.Tcp(from, fromPort, to, toPort, sequence, flags == "S" ? 0 : acknowledgement, flags, data);
        Verdict verdict = _worker.Process(frame, 0, frame.Length, new FrameInfo { TimestampUs = _nowUs += 100, LinkType = LinkType.Ethernet });
        Assert.Null(_worker.LastFault);
        Assert.Equal(VerdictAction.Pass, verdict.Action);
        return verdict.Offload;
    }
}
