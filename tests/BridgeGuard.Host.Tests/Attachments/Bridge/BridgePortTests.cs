using System.Collections.Concurrent;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Ports come, change and go while the daemon runs.</summary>
public sealed class BridgePortTests : IDisposable
{
    private const string MacC = "02:77:00:00:00:03";

    private readonly BridgeLab _lab = new();
    private readonly ConcurrentQueue<(byte[] Frame, ushort PortId)> _seen = new();

    public void Dispose() => _lab.Dispose();

    private Verdict Remember(Span<byte> frame, in FrameInfo info, FrameInjector injector)
    {
        _seen.Enqueue((frame.ToArray(), info.PortId));
        return Verdict.Pass;
    }

    [Fact]
    public void AGuestThatIsPluggedInLaterIsInspectedFromItsFirstFrame()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        string c = _lab.AddNamespace("c");
        _lab.AddGuest(c, "pc", MacC, "10.77.0.3", "fd77::3");
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(c, BridgeLab.AddressB)));
        PortInfo port = bridge.Port("pc");
        string received = BridgeLab.Run("ip", $"netns exec {_lab.Host} cat /sys/class/net/pc/statistics/rx_packets").Output.Trim();
        Assert.InRange(bridge.Counters("pc").Seen.Frames, long.Parse(received, null), long.MaxValue);
        Assert.Contains(_seen, seen => seen.PortId == port.PortId && seen.Frame[12] == 8 && seen.Frame[13] == 6);
        Assert.Equal((PortRole.Guest, "br0", PortMode.Inline), (port.Role, port.Bridge, port.Mode));
    }

    [Fact]
    public void TheTableSaysWhatComesChangesAndGoes()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        ConcurrentQueue<PortChange> changes = new();
        bridge.Attachment.Ports.Changed += changes.Enqueue;
        ushort first = bridge.Port("pb").PortId;
        BridgeLab.Ip($"-n {_lab.Host} link set pb nomaster");
        Assert.True(BridgeLab.Until(() => changes.Any(change => change is { Before.Name: "pb", After: null })));
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        BridgeLab.Ip($"-n {_lab.Host} link set pb master br0");
        PortInfo again = bridge.Port("pb");
        Assert.NotEqual(first, again.PortId);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
        BridgeLab.Ip($"-n {_lab.Host} link set pb down");
        BridgeLab.Ip($"-n {_lab.Host} link set pb name renamed");
        Assert.Equal(again.PortId, bridge.Port("renamed").PortId);
        BridgeLab.Ip($"-n {_lab.Host} link del renamed");
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Ports.All.All(port => port.Name is "pa" or "br0")));
    }

    [Fact]
    public void APortCanBeLeftAloneOrOnlyWatched()
    {
        BridgeOptions options = RunningBridge.Options() with
        {
            Ports = new Dictionary<string, PortOptions>
            {
                ["pa"] = new() { Mode = PortMode.Mirror },
                ["pb"] = new() { Mode = PortMode.Off, Role = PortRole.Uplink },
            },
        };
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector injector) =>
        {
            Remember(frame, in info, injector);
            return new Verdict { Action = VerdictAction.Drop };
        }, options);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        ushort a = bridge.Port("pa").PortId;
        Assert.True(BridgeLab.Until(() => _seen.Any(seen => seen.PortId == a && seen.Frame[12] == 8 && seen.Frame[23] == 1)));
        Assert.DoesNotContain(_seen, seen => seen.PortId == bridge.Port("pb").PortId);
        Assert.Equal(PortRole.Uplink, bridge.Port("pb").Role);
    }

    [Fact]
    public void TwoBridgesAreKeptApart()
    {
        string c = _lab.AddNamespace("c");
        BridgeLab.Ip($"-n {_lab.Host} link add br1 type bridge forward_delay 0 mcast_snooping 0");
        BridgeLab.Ip($"-n {_lab.Host} link set br1 up");
        BridgeLab.Ip($"-n {_lab.Host} addr add 10.78.0.254/24 dev br1");
        BridgeLab.Ip($"link add pc netns {_lab.Host} type veth peer name eth0 netns {c}");
        BridgeLab.Ip($"-n {_lab.Host} link set pc master br1");
        BridgeLab.Ip($"-n {_lab.Host} link set pc up");
        BridgeLab.Ip($"-n {c} addr add 10.78.0.1/24 dev eth0");
        BridgeLab.Ip($"-n {c} link set eth0 up");
        BridgeOptions options = RunningBridge.Options("br0", "br1") with
        {
            BridgeDefaults = new Dictionary<string, PortOptions> { ["br1"] = new() { WhenOverloaded = FailMode.Closed } },
        };
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember, options);
        Assert.Equal((FailMode.Open, FailMode.Closed), (bridge.Port("pa").WhenOverloaded, bridge.Port("pc").WhenOverloaded));
        Assert.True(BridgeLab.Ping(c, "10.78.0.254"));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressHost));
        Assert.Equal((1, 2, "br1"), (bridge.Port("pa").BridgeId, bridge.Port("pc").BridgeId, bridge.Port("pc").Bridge));
        Assert.Contains(_seen, seen => seen.PortId == bridge.Port("pc").PortId);
    }
}
