using System.Text.Json;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Guests;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Testing.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Policies;

/// <summary>What the engine asks of attachments beyond pass and drop: marks, ports, moves in the kernel; and the budget of time that a role gives a frame.</summary>
public sealed class FlowTreatmentTests
{
    private const string Attack = "alert http any any -> any any (msg:\"attack\"; flow:to_server; http.uri; content:\"/attack\"; classtype:web-application-attack; sid:1;)";
    private const string Trap = "targets:\n  - {name: trap, address: 10.0.0.99, mac: \"02:00:00:00:00:77\"INSPECT}\n";

    private static byte[] Query(ushort port = 5000) => FrameBuilder.Udp("10.0.0.1", port, "198.51.100.2", 9, "query"u8);

    [Fact]
    public void AMatchMarksItsFlowFromThereOn()
    {
        using PolicyWire wire = new(["name: a\nmark: 0x20\nrules:\n  - {classtype: web-application-attack, action: mark}\n"], Attack);
        wire.SetGuests(wire.Guest("g", "a", 1));

        Assert.Equal(0u, wire.Request(1, "10.0.0.1", 0, "198.51.100.1", 80, PolicyWire.Get("/good")).Mark);
        wire.Request(1, "10.0.0.1", 0, "198.51.100.1", 80, PolicyWire.Get("/attack"), sourcePort: 40_001);
        byte[] More() => FrameBuilder.Tcp("10.0.0.1", 40_001, "198.51.100.1", 80, 150, 501, "A", default);
        Verdict verdict = wire.Send(1, 0, More());
        Assert.Equal((VerdictAction.Pass, 0x20u), (verdict.Action, verdict.Mark));
        JsonElement alert = Assert.Single(wire.Alerts);
        Assert.Equal("mark", alert.GetProperty("policy").GetProperty("action").GetString());
        Assert.Equal("allowed", alert.GetProperty("alert").GetProperty("action").GetString());

        // Other guests, other actions: what a match has said stays.
        wire.SetActions(new StandingAction { Id = 1, Peer = PolicyWire.Address("203.0.113.9"), Action = RoleAction.Drop });
        Assert.Equal(0x20u, wire.Send(1, 0, More()).Mark);
    }

    [Fact]
    public void ARuleSetsBitsOfTheMarkOfThePacketThatItMatches()
    {
        using PolicyWire wire = new(["name: a\nmark: 0x103\ncontract: {out: {services: [{protocol: udp, ports: [9], action: mark}], default: allow}}\n"], """
            alert udp any any -> any any (msg:"one"; content:"query"; nfq_set_mark:0x2f/0xf0; sid:1;)
            alert udp any any -> any any (msg:"two"; content:"query two"; nfq_set_mark:0xffffffff/8; sid:2;)
            pass udp any any -> any 4789 (msg:"outer"; sid:3;)
            """);
        wire.SetGuests(wire.Guest("g", "a", 1));
        Verdict Sends(string text, ushort port = 10) => wire.Send(1, 0, FrameBuilder.Udp("10.0.0.1", 5000, "198.51.100.2", port, System.Text.Encoding.ASCII.GetBytes(text)));
        Assert.Equal(0x20u, Sends("query").Mark);
        Assert.Equal(0x28u, Sends("query two").Mark);
        Assert.Equal(0u, Sends("other").Mark); // The packet's and not the flow's.
        wire.Mark = 0x1111;
        Assert.Equal(0x1121u, Sends("query").Mark);
        Assert.Equal(0u, Sends("other").Mark); // Nothing is said about it: it keeps its own.
        Assert.Equal(0x123u, Sends("query", port: 9).Mark); // What the role wants, but for the rule's bits.

        // The kernel gives a mark to all that it carries of a flow, so it does not get the flow with this packet.
        wire.SetActions(new StandingAction { Id = 1, Guest = 1, Action = RoleAction.Bypass });
        Verdict verdict = Sends("other");
        Assert.Equal((0u, FlowOffload.Pass), (verdict.Mark, verdict.Offload));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("0x/1")]
    [InlineData("0x1 / 0x2")]
    [InlineData("4294967296/1")]
    public void AMarkThatIsNoneIsRefused(string argument)
    {
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", $"alert ip any any -> any any (msg:\"m\"; nfq_set_mark:{argument}; sid:1;)\n")] });
        Assert.Contains("mark/mask", Assert.Single(result.Diagnostics).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void AContractMarksAServiceAndAnActionAGuestForItsTime()
    {
        using PolicyWire wire = new(["name: a\nmark: 7\ncontract: {out: {services: [{protocol: udp, ports: [9], action: mark}], default: allow}}\n", "name: b\n"], Attack);
        wire.SetGuests(wire.Guest("x", "a", 1), wire.Guest("y", "b", 2));
        Assert.Equal(7u, wire.Send(1, 0, Query()).Mark);
        Assert.Equal(0u, wire.Send(1, 0, FrameBuilder.Udp("10.0.0.1", 5000, "198.51.100.2", 10, "query"u8)).Mark);

        byte[] FromY() => FrameBuilder.Udp("10.0.0.2", 5000, "198.51.100.2", 9, "query"u8);
        Assert.Equal(0u, wire.Send(2, 0, FromY()).Mark);
        wire.SetActions(
            new StandingAction { Id = 1, Guest = 2, Action = RoleAction.Mark, Mark = 0x40, ExpiresUs = wire.NowUs + 1_000_000 },
            new StandingAction { Id = 2, Guest = 2, Action = RoleAction.RateLimit, Rate = new RateLimitModel(1000, 0, RateLimitBy.Guest) });
        Assert.Equal(0x40u, wire.Send(2, 0, FromY()).Mark); // Slowed as well: one does not take the other away.
        wire.SetActions();
        Assert.Equal(0u, wire.Send(2, 0, FromY()).Mark);
    }

    [Fact]
    public void WhatTakesLongerThanTheRoleAllowsIsCountedToldAndTreatedAsTheRoleSays()
    {
        using PolicyWire wire = new(["name: quick\nlatency-budget-us: 2000\nexceptions: {latency-budget: drop-packet}\n", "name: calm\nlatency-budget-us: 2000\n", "name: any\n"], Attack);
        wire.SetGuests(wire.Guest("q", "quick", 1), wire.Guest("c", "calm", 2), wire.Guest("a", "any", 3));
        wire.TakesUs = 2000;
        Assert.Equal(VerdictAction.Pass, wire.Send(1, 0, Query()).Action);
        wire.WaitedUs = 1;
        Verdict verdict = wire.Send(1, 0, Query());
        Assert.Equal((VerdictAction.Drop, DropReason.LatencyBudget), (verdict.Action, verdict.Reason));
        wire.Send(1, 0, Query()); // The second within a second is counted only.
        Assert.Equal(VerdictAction.Pass, wire.Send(2, 0, FrameBuilder.Udp("10.0.0.2", 1, "198.51.100.2", 9, "x"u8)).Action);
        Assert.Equal(VerdictAction.Pass, wire.Send(3, 0, FrameBuilder.Udp("10.0.0.3", 1, "198.51.100.2", 9, "x"u8)).Action);
        Assert.Equal(3, wire.Worker.Counters[Counter.WorkerLatencyExceeded]);
        JsonElement[] told = [.. wire.Events.Where(e => e.GetProperty("event_type").GetString() == "guard")];
        Assert.Equal(["q", "c"], told.Select(t => t.GetProperty("vm").GetProperty("name").GetString()));
        JsonElement guard = told[0].GetProperty("guard");
        Assert.Equal(
            ("latency_exceeded", 2001, 1, 2000, "quick", "drop_packet"),
            (guard.GetProperty("event").GetString(), guard.GetProperty("took_us").GetInt32(), guard.GetProperty("waited_us").GetInt32(),
                guard.GetProperty("budget_us").GetInt32(), guard.GetProperty("role").GetString(), guard.GetProperty("policy").GetString()));
        Assert.True(wire.Worker.Injector.WantsWait);
    }

    [Fact]
    public void TheSmallerBudgetOfTwoGuestsHoldsAndABypassedFlowHasNone()
    {
        using PolicyWire wire = new(["name: slow\nlatency-budget-us: 9000\nexceptions: {latency-budget: bypass}\n", "name: quick\nlatency-budget-us: 100\n"], Attack);
        wire.SetGuests(wire.Guest("s", "slow", 1), wire.Guest("q", "quick", 2));
        wire.TakesUs = 500;
        byte[] Frame() => FrameBuilder.Udp("10.0.0.1", 1, "10.0.0.2", 2, "x"u8);
        Verdict verdict = wire.Send(1, 2, Frame());
        Assert.Equal((VerdictAction.Pass, FlowOffload.Pass), (verdict.Action, verdict.Offload)); // The kernel has it from here on: it waits no more.
        Assert.Equal(1, wire.Worker.Counters[Counter.WorkerLatencyExceeded]);
    }

    [Theory]
    [InlineData("", FlowOffload.None)]
    [InlineData(", inspect: no", FlowOffload.Move)]
    public void AFlowThatIsMovedAtItsBeginningMayBeTheKernelsAtOnce(string inspect, FlowOffload expected)
    {
        using PolicyWire wire = new(["name: a\n"], Attack, Trap.Replace("INSPECT", inspect, StringComparison.Ordinal));
        wire.SetGuests(wire.Guest("g", "a", 1));
        wire.SetActions(new StandingAction { Id = 1, Peer = PolicyWire.Address("203.0.113.9"), Action = RoleAction.Redirect, Target = 0 });

        Verdict verdict = wire.Send(0, 1, FrameBuilder.Tcp("203.0.113.9", 2000, "10.0.0.1", 22, 1, 0, "S", default));

        Assert.Equal((VerdictAction.Pass, true, expected), (verdict.Action, verdict.Modified, verdict.Offload));
        if (expected == FlowOffload.Move)
        {
            FlowMove move = wire.Worker.Injector.Move;
            Assert.Equal(
                (PolicyWire.Address("203.0.113.9"), (ushort)2000, PolicyWire.Address("10.0.0.1"), (ushort)22, PolicyWire.Address("10.0.0.99"), (ushort)22, 0x77ul, 0u),
                (move.Key.Source, move.Key.SourcePort, move.Key.Destination, move.Key.DestinationPort, move.Target, move.TargetPort, move.TargetMac & 0xff, move.SequenceDelta));
        }

        // The answer has another name on the wire than its flow's: that name must not be let through as the flow's.
        verdict = wire.Send(0, 0, FrameBuilder.Tcp("10.0.0.99", 22, "203.0.113.9", 2000, 1, 2, "SA", default));
        Assert.Equal((true, FlowOffload.None), (verdict.Modified, verdict.Offload));
    }

    [Fact]
    public void AFlowIsMovedToAPortAndOnlyWhoIsThereMayAnswer()
    {
        using PolicyWire wire = new(["name: a\n"], Attack, "targets:\n  - {name: sensor, bridge-port: psensor}\n");
        wire.SetGuests(wire.Guest("g", "a", 1), wire.Guest("sensor", "a", 2));
        wire.SetActions(new StandingAction { Id = 1, Guest = 1, Action = RoleAction.Redirect, Target = 0 });
        Assert.Equal(DropReason.Rules, wire.Send(1, 0, Query(1)).Reason); // The port is not there: what was to be moved must not go on.

        wire.SetTargetPorts(2);
        Verdict verdict = wire.Send(1, 0, Query());
        Assert.Equal((VerdictAction.Pass, (ushort)2, false), (verdict.Action, verdict.ToPort, verdict.Modified));
        byte[] Answer() => FrameBuilder.Udp("198.51.100.2", 9, "10.0.0.1", 5000, "answer"u8);
        verdict = wire.Send(2, 1, Answer());
        Assert.Equal((VerdictAction.Pass, (ushort)1), (verdict.Action, verdict.ToPort));
        Assert.Equal(DropReason.Redirect, wire.Send(0, 1, Answer()).Reason);
    }

    [Fact]
    public void WhatIsRestrictedAfterItWasLetGoIsTheEnginesAgain()
    {
        using PolicyWire wire = new(["name: a\n"], Attack);
        wire.SetGuests(wire.Guest("g", "a", 1));
        wire.SetActions(new StandingAction { Id = 1, Guest = 1, Action = RoleAction.Bypass });
        Assert.Equal(FlowOffload.Pass, wire.Send(1, 0, Query()).Offload);
        wire.SetActions(new StandingAction { Id = 2, Guest = 1, Action = RoleAction.RateLimit, Rate = new RateLimitModel(1, 0, RateLimitBy.Guest) });
        Verdict[] verdicts = [.. Enumerable.Range(0, 5).Select(_ => wire.Send(1, 0, Query()))];
        Assert.All(verdicts, v => Assert.Equal(FlowOffload.None, v.Offload));
        Assert.Contains(verdicts, v => v.Reason == DropReason.RateLimit);
    }

    [Fact]
    public void AStationSaysWhoItIsAndItsWordMovesNoAddress()
    {
        using PolicyWire wire = new(["name: a\n"], Attack);
        wire.SetGuests(wire.Guest("x", "a", 1), wire.Guest("y", "a", 2, "10.0.0.2"));
        byte[] Lldp(int from, string name, byte host) =>
        [
            1, 0x80, 0xc2, 0, 0, 0xe, 2, 0, 0, 0, 0, (byte)from, 0x88, 0xcc, 2, 7, 4, 2, 0, 0, 0, 0, (byte)from, 4, 5, 5, .. "eth0"u8, 6, 2, 0, 120,
            10, (byte)name.Length, .. System.Text.Encoding.UTF8.GetBytes(name), 16, 12, 5, 1, 10, 0, 0, host, 2, 0, 0, 0, 1, 0, 0, 0,
        ];

        Assert.Equal(VerdictAction.Pass, wire.SendAsIs(1, Lldp(1, "web-1", 7)).Action);
        wire.SendAsIs(1, Lldp(1, "web-1", 7), afterUs: 30_000_000); // The same again is not told.
        wire.SendAsIs(1, Lldp(1, "web-9", 2), afterUs: 2_000_000); // 10.0.0.2 is known as another's.
        wire.SendAsIs(1, Lldp(1, "flood", 2), afterUs: 1000);
        wire.SendAsIs(9, Lldp(9, "switch", 250));
        byte[] cut = Lldp(2, "cut", 1);
        wire.SendAsIs(2, cut[..40]);

        JsonElement[] guards = [.. wire.Events.Where(e => e.GetProperty("event_type").GetString() == "guard")];
        JsonElement[] stations = [.. guards.Where(g => g.GetProperty("guard").GetProperty("event").GetString() == "station_seen")];
        Assert.Equal(["web-1", "web-9", "switch"], stations.Select(s => s.GetProperty("guard").GetProperty("system_name").GetString()));
        JsonElement first = stations[0].GetProperty("guard");
        Assert.Equal(("02:00:00:00:00:01", "eth0", 1, 1), (first.GetProperty("chassis_id").GetString(), first.GetProperty("port_id").GetString(), first.GetProperty("port").GetInt32(), first.GetProperty("guest").GetInt32()));
        Assert.Equal("x", stations[0].GetProperty("vm").GetProperty("name").GetString());
        Assert.Equal(0, stations[2].GetProperty("guard").GetProperty("guest").GetInt32());
        JsonElement address = Assert.Single(guards, g => g.GetProperty("guard").GetProperty("event").GetString() == "address_seen").GetProperty("guard");
        Assert.Equal(("10.0.0.7", "lldp"), (address.GetProperty("address").GetString(), address.GetProperty("by").GetString()));
    }
}
