using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The way outside of a bridge is a bond or a VLAN device: a port like others, told apart from guests. Skipped where the kernel has none of the kind.</summary>
public sealed class BridgeUplinkTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData("bond")]
    [InlineData("vlan")]
    public void WhatComesFromOutsideIsInspectedAndComesAsItWas(string kind)
    {
        string outside = _lab.AddNamespace("o");
        BridgeLab.Ip($"link add up0 netns {_lab.Host} type veth peer name eth0 address 02:77:00:00:00:09 netns {outside}");
        string make = kind == "bond" ? "link add up1 type bond mode active-backup miimon 100" : "link add link up0 name up1 type vlan id 5";
        (int code, string text) = BridgeLab.Run("ip", $"-n {_lab.Host} {make}");
        Assert.SkipUnless(code == 0, $"this kernel has no device of the kind {kind}: {text}");
        string device = "eth0";
        if (kind == "bond")
        {
            BridgeLab.Ip($"-n {_lab.Host} link set up0 master up1");
        }
        else
        {
            device = "eth0.5";
            BridgeLab.Ip($"-n {outside} link add link eth0 name {device} type vlan id 5");
        }

        BridgeLab.Ip($"-n {outside} addr add 10.77.0.9/24 dev {device}");
        BridgeLab.Ip($"-n {_lab.Host} link set up1 master br0");
        foreach ((string space, string name) in ((string, string)[])[(_lab.Host, "up0"), (_lab.Host, "up1"), (outside, "eth0"), (outside, device)])
        {
            BridgeLab.Ip($"-n {space} link set {name} up");
        }

        ushort uplink = 0;
        int seen = 0;
        bool isOff = false;
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            seen += info.PortId == Volatile.Read(ref uplink) ? 1 : 0;
            return Volatile.Read(ref isOff) ? new Verdict { Action = VerdictAction.Drop } : Verdict.Pass;
        });
        uplink = bridge.Port("up1").PortId;
        Assert.Equal(PortRole.Uplink, bridge.Port("up1").Role);
        Assert.Equal(PortRole.Guest, bridge.Port("pa").Role);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(outside, BridgeLab.AddressB) && BridgeLab.Ping(_lab.A, "10.77.0.9"), 10_000));
        Assert.True(seen > 0);
        Volatile.Write(ref isOff, true);
        Assert.False(BridgeLab.Ping(outside, BridgeLab.AddressB));
    }
}
