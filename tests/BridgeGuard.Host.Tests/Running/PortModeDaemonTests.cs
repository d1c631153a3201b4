using System.Net.Sockets;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>Every mode of a port, and a passive device, in one daemon.</summary>
public sealed class PortModeDaemonTests : IDisposable
{
    private const string Rule = """
        drop udp any any -> any 9000 (msg:"bad word"; content:"attack"; sid:1;)

        """;

    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void OffTapMonitorAndInlineMixWithAPassiveDevice(int processes)
    {
        // Each guest is the sender of its own attack; its port says what becomes of it. The span device is a wire of its own.
        string[] modes = ["off", "tap", "monitor", "inline"];
        string[] spaces = [.. modes.Select((mode, i) => AddGuest(mode, i))];
        string mirror = _lab.AddNamespace("m");
        BridgeLab.Ip($"link add span0 netns {_lab.Host} type veth peer name eth0 netns {mirror}");
        BridgeLab.Ip($"-n {_lab.Host} link set span0 up");
        BridgeLab.Ip($"-n {mirror} link set eth0 up");
        string ports = string.Join(", ", modes.Select(mode => $"{{name: p{mode}, mode: {mode}}}"));
        using RunningDaemon daemon = new(
            _lab, Rule, processes: processes, more: "taps: [{device: span0, filter: udp}]", bridge: $"{{name: br0, mode: monitor, fail: open, ports: [{ports}]}}",
            eve: "[alert, drop, flow]");
        Assert.True(daemon.WaitForLog("listening to span0"), daemon.LogText);

        using Socket b = BridgeLab.Udp(_lab.B, port: 9000);
        byte[] buffer = new byte[100];
        for (int i = 0; i < modes.Length; i++)
        {
            using Socket guest = BridgeLab.Udp(spaces[i], to: BridgeLab.AddressB, toPort: 9000);
            guest.Send("hello"u8);
            Assert.Equal(5, b.Receive(buffer));
            guest.Send("attack"u8);
            guest.Send("still there"u8);
            Assert.Equal(modes[i] == "inline" ? 11 : 6, b.Receive(buffer));
            if (modes[i] != "inline")
            {
                Assert.Equal(11, b.Receive(buffer));
            }
        }

        using Socket raw = BridgeLab.In(mirror, () => RawSockets.Open("eth0"));
        raw.Send(FrameBuilder.Udp("10.99.0.1", "10.99.0.2", 4000, 9000, "attack"));
        Assert.True(BridgeLab.Until(() => daemon.Records("alert").Count >= 4, 10_000), daemon.LogText);

        // Only what was stopped is said to be: the alert of a port in mode tap or monitor is that of an engine that is not inline.
        Assert.Equal(
            [("10.77.0.11", "allowed"), ("10.77.0.12", "allowed"), ("10.77.0.13", "blocked"), ("10.99.0.1", "allowed")],
            daemon.Records("alert").Select(record => (record.GetProperty("src_ip").GetString()!, record.GetProperty("alert").GetProperty("action").GetString()!)).Order());
        Assert.Equal(0, daemon.Stop());
        Assert.All(daemon.Records("drop"), record => Assert.Equal("10.77.0.13", record.GetProperty("src_ip").GetString()));
        Assert.NotEmpty(daemon.Records("drop"));
        Assert.All(
            daemon.Records("flow").Where(record => record.GetProperty("src_ip").GetString() != "10.77.0.13"),
            record => Assert.False(record.GetProperty("flow").TryGetProperty("action", out JsonElement action) && action.GetString() == "drop"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void APassiveDeviceNeedsNoBridge(int processes)
    {
        string mirror = _lab.AddNamespace("m");
        BridgeLab.Ip($"link add span0 netns {_lab.Host} type veth peer name eth0 netns {mirror}");
        BridgeLab.Ip($"-n {_lab.Host} link set span0 up");
        BridgeLab.Ip($"-n {mirror} link set eth0 up");
        using RunningDaemon daemon = new(_lab, Rule, processes: processes, more: "taps: [{device: span0}]", bridge: "", eve: "[alert, drop]");
        using Socket raw = BridgeLab.In(mirror, () => RawSockets.Open("eth0"));
        Assert.True(BridgeLab.Until(() =>
        {
            raw.Send(FrameBuilder.Udp("10.99.0.1", "10.99.0.2", 4000, 9000, "attack"));
            return daemon.Records("alert").Count > 0;
        }, 20_000), daemon.LogText);

        // The lab's bridge is not touched, and the daemon does all else that it does: reload, metrics, a clean end.
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        daemon.Reload(Rule.Replace("sid:1;", "sid:2;", StringComparison.Ordinal));
        raw.Send(FrameBuilder.Udp("10.99.0.1", "10.99.0.2", 4001, 9000, "attack"));
        Assert.True(BridgeLab.Until(() => daemon.AlertedSids().Contains(2), 10_000), daemon.LogText);
        Assert.True(BridgeLab.Until(() => daemon.Metric("bridgeguard_packets_total") > 0), "the data plane's numbers do not come");
        Assert.All(daemon.Records("alert"), record => Assert.Equal("allowed", record.GetProperty("alert").GetProperty("action").GetString()));
        Assert.Empty(daemon.Records("drop"));
        Assert.Equal(0, daemon.Stop());
    }

    [Fact]
    public void APassiveDeviceThatIsNotThereIsSaidAtTheStart()
    {
        using RunningDaemon daemon = new(_lab, Rule, processes: 1);
        File.AppendAllText(daemon.ConfigFile, "taps: [{device: nothere}]\n");
        Assert.Equal(0, daemon.Stop());
        (int code, string text) = daemon.RunVerb("run");
        Assert.NotEqual(0, code);
        Assert.Contains("device nothere does not exist", text, StringComparison.Ordinal);
    }

    private string AddGuest(string mode, int number)
    {
        string space = _lab.AddNamespace(mode);
        _lab.AddGuest(space, $"p{mode}", $"02:77:00:00:01:{number + 16:x2}", $"10.77.0.{number + 10}", $"fd77::{number + 16:x}");
        return space;
    }
}
