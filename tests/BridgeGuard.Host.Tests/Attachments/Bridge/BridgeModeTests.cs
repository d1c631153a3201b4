using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Ports of one bridge in different modes, in one process: each is treated as it says.</summary>
public sealed class BridgeModeTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void InlineMonitorTapAndOffMixInOneProcess()
    {
        (string Port, string Space, string Address, PortMode Mode)[] guests =
        [
            ("pc", _lab.AddNamespace("c"), "10.77.0.3", PortMode.Inline),
            ("pd", _lab.AddNamespace("d"), "10.77.0.4", PortMode.Monitor),
            ("pe", _lab.AddNamespace("e"), "10.77.0.5", PortMode.Mirror),
            ("pf", _lab.AddNamespace("f"), "10.77.0.6", PortMode.Off),
        ];
        for (int i = 0; i < guests.Length; i++)
        {
            _lab.AddGuest(guests[i].Space, guests[i].Port, $"02:77:00:00:00:1{i}", guests[i].Address, $"fd77::1{i}");
        }

        ConcurrentQueue<string> seen = new();
        BridgeOptions options = RunningBridge.Options() with
        {
            Ports = guests.ToDictionary(guest => guest.Port, guest => new PortOptions { Mode = guest.Mode }),
            WhenStale = FailMode.Open,
        };
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            int at = frame.IndexOf("forbidden"u8);
            if (at < 0)
            {
                return Verdict.Pass;
            }

            seen.Enqueue(Encoding.ASCII.GetString(frame[at..]));
            frame[at] = (byte)'F'; // A frame that is rewritten and then dropped: nothing of it may show where verdicts are not carried out.
            return new Verdict { Action = VerdictAction.Drop, Offload = FlowOffload.Drop };
        }, options);

        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        var arrived = new List<string>();
        foreach ((string port, string space, _, _) in guests)
        {
            Assert.True(BridgeLab.Until(() => BridgeLab.Ping(space, BridgeLab.AddressB)));
            using Socket sender = BridgeLab.Udp(space, to: BridgeLab.AddressB, toPort: 9000);
            sender.Send(Encoding.ASCII.GetBytes("forbidden 1 " + port));
            Thread.Sleep(100);
            sender.Send(Encoding.ASCII.GetBytes("forbidden 2 " + port)); // After a decision that the kernel would carry out.
        }

        byte[] buffer = new byte[100];
        while (receiver.Poll(300_000, SelectMode.SelectRead))
        {
            arrived.Add(Encoding.ASCII.GetString(buffer, 0, receiver.Receive(buffer)));
        }

        string[] expected = [.. new[] { "pd", "pe", "pf" }.SelectMany(port => new[] { "forbidden 1 " + port, "forbidden 2 " + port })];
        Assert.Equal(expected, arrived);
        Assert.Equal(["forbidden 1 pc", "forbidden 1 pd", "forbidden 2 pd", "forbidden 1 pe", "forbidden 2 pe"], seen.Where(text => !text.EndsWith("pc", StringComparison.Ordinal) || text.Contains('1')));
        Assert.Equal(0, bridge.Counters("pf").Punted.Frames);
        Assert.True(bridge.Counters("pd").Punted.Frames > 0 && bridge.Counters("pe").Punted.Frames > 0);
    }

    [Fact]
    public void EachBridgeAndPortHasFailModesOfItsOwn()
    {
        BridgeLab.Ip($"-n {_lab.Host} link add br1 type bridge forward_delay 0 mcast_snooping 0");
        BridgeLab.Ip($"-n {_lab.Host} link set br1 up");
        BridgeOptions options = RunningBridge.Options("br0", "br1") with
        {
            BridgeDefaults = new Dictionary<string, PortOptions>
            {
                ["br0"] = new() { WhenStale = FailMode.Closed, WhenOverloaded = FailMode.Closed },
                ["br1"] = new() { Mode = PortMode.Mirror, WhenStopped = FailMode.Closed },
            },
            Ports = new Dictionary<string, PortOptions> { ["pb"] = new() { WhenStale = FailMode.Open, WhenCrashed = FailMode.Closed } },
            RoleOptions = port => port == "pa" ? new PortOptions { WhenOverloaded = FailMode.Open, WhenStarting = FailMode.Closed } : null,
        };
        using RunningBridge bridge = RunningBridge.Start(_lab, _ => new PassingProcessor(), options);
        PortInfo a = bridge.Port("pa");
        PortInfo b = bridge.Port("pb");
        PortInfo other = bridge.Port("br1");
        Assert.Equal(
            (FailMode.Closed, FailMode.Closed, FailMode.Open, FailMode.Closed, FailMode.Open),
            (a.WhenCrashed, a.WhenStale, a.WhenOverloaded, a.WhenStarting, a.WhenStopped)); // The role before the bridge.
        Assert.Equal(
            (FailMode.Closed, FailMode.Open, FailMode.Closed, FailMode.Open),
            (b.WhenCrashed, b.WhenStale, b.WhenOverloaded, b.WhenStarting)); // Its own before both.
        Assert.Equal((PortMode.Mirror, FailMode.Open, FailMode.Closed), (other.Mode, other.WhenStale, other.WhenStopped));
    }
}
