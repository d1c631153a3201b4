using System.Diagnostics;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Many guests are plugged in quickly, as a host does when it starts: each one's first frame is judged.</summary>
/// <remarks><c>BRIDGEGUARD_HOTPLUG_PORTS</c> sets how many (a bridge of Linux has 1,023 ports at most); the time of each quarter is printed.</remarks>
public sealed class BridgeHotPlugTests(ITestOutputHelper output) : IDisposable
{
    private static readonly int s_guests = int.TryParse(Environment.GetEnvironmentVariable("BRIDGEGUARD_HOTPLUG_PORTS"), out int ports) ? ports : 120;

    private readonly BridgeLab _lab = new(withIp: false);

    public void Dispose() => _lab.Dispose();

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0;

    [Fact]
    public void TheFirstFrameOfEachIsJudged()
    {
        string guests = _lab.AddNamespace("g");
        BridgeLab.Run("ip", $"netns exec {guests} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        string plugs = Path.GetTempFileName();
        string starts = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(plugs, Enumerable.Range(0, s_guests).Select(i => $"link add t{i} netns {_lab.Host} type veth peer name g{i} netns {guests}"));
            BridgeLab.Ip($"-batch {plugs}");
            File.WriteAllLines(starts, Enumerable.Range(0, s_guests).Select(i => $"link set g{i} up"));
            BridgeLab.Ip($"-n {guests} -batch {starts}");
            HashSet<int> judged = [];
            using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
            {
                if (Is(frame, "first frame"))
                {
                    lock (judged)
                    {
                        judged.Add((frame[10] << 8) | frame[11]); // The end of the sender's address.
                    }

                    return new Verdict { Action = VerdictAction.Drop };
                }

                return Verdict.Pass;
            });
            using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));

            // One call of ip for a guest: enslave, then bring up, with nothing in between, as a manager does. Its guest sends at once.
            var quarter = Stopwatch.StartNew();
            for (int i = 0; i < s_guests; i++)
            {
                using Socket guest = BridgeLab.In(guests, () => RawSockets.Open($"g{i}"));
                File.WriteAllLines(starts, [$"link set t{i} master br0", $"link set t{i} up"]);
                BridgeLab.Ip($"-n {_lab.Host} -batch {starts}");

                // Until its link is up the bridge itself drops what it sends; the first that it would forward counts.
                byte[] frame = FrameBuilder.Udp("10.77.1.1", BridgeLab.AddressB, 1, 2, "first frame", macFrom: $"02:78:00:00:{i >> 8:x2}:{i & 255:x2}");
                int own = i;
                Assert.True(
                    BridgeLab.Until(() =>
                    {
                        guest.Send(frame);
                        lock (judged)
                        {
                            return judged.Contains(own);
                        }
                    }),
                    $"the frames of guest {i} were never judged: {Describe(bridge, i)}");
                if ((i + 1) % Math.Max(1, s_guests / 4) == 0)
                {
                    output.WriteLine($"{i + 1} guests: {quarter.ElapsedMilliseconds * 4.0 / s_guests:0.0} ms each in this quarter");
                    quarter.Restart();
                }
            }

            byte[] buffer = new byte[2000];
            while (b.Poll(100_000, SelectMode.SelectRead))
            {
                Assert.False(Is(buffer.AsSpan(0, b.Receive(buffer)), "first frame"), "a guest's first frame went by unseen");
            }

            Assert.Equal(s_guests + 3, bridge.Attachment.Ports.All.Count);
            Assert.All(bridge.Attachment.Ports.All, port => Assert.Null(port.Uncovered));

            // And they go as they came.
            File.WriteAllLines(plugs, Enumerable.Range(0, s_guests).Select(i => $"link del t{i}"));
            BridgeLab.Ip($"-n {_lab.Host} -batch {plugs}");
            Assert.True(BridgeLab.Until(() => bridge.Attachment.Ports.All.Count == 3, 60_000));
        }
        finally
        {
            File.Delete(plugs);
            File.Delete(starts);
        }
    }

    private static string Describe(RunningBridge bridge, int guest)
    {
        PortInfo? port = bridge.Attachment.Ports.All.FirstOrDefault(port => port.Name == $"t{guest}");
        return $"{port?.ToString() ?? "no such port"}, {(port is null ? "" : bridge.Attachment.ReadCounters(port.PortId).ToString())}; {string.Join("; ", bridge.Warnings)}";
    }
}
