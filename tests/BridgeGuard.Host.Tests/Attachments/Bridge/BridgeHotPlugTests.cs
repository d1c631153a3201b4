using System.Collections.Concurrent;
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

    // The kernel tells of a hundred links a second that have come up, and a thousand did before.
    private const int LinkMs = 30_000;

    private readonly BridgeLab _lab = new(withIp: false);

    public void Dispose() => _lab.Dispose();

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0;

    /// <summary>Silent guests, and such whose IPv6 looks for routers, neighbours and groups by multicast, which the bridge sends to every port.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheFirstFrameOfEachIsJudged(bool withIpv6)
    {
        string guests = _lab.AddNamespace("g");
        if (!withIpv6)
        {
            BridgeLab.Run("ip", $"netns exec {guests} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        }

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
                    }, LinkMs),
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

            PortCounters[] counters = [.. bridge.Attachment.Ports.All.Select(port => bridge.Attachment.ReadCounters(port.PortId))];
            output.WriteLine($"seen {counters.Sum(c => c.Seen.Frames)}, punted {counters.Sum(c => c.Punted.Frames)}, late {counters.Sum(c => c.Late.Frames)}, "
                + $"opened {counters.Sum(c => c.Opened.Frames)}, lost {bridge.Attachment.Lost}, {bridge.Attachment.Stats}");
            Assert.Equal(0, counters.Sum(c => c.Opened.Frames));
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

    /// <summary>
    /// A port forwards that has no program yet: what its guest sends to all goes to the engine once, not once for each port that it would leave by, and
    /// reaches each of the others once, and not the guest itself.
    /// </summary>
    [Fact]
    public void AFloodedFrameThatNoPortHasSeenIsJudgedOnceAndReachesEachGuestOnce()
    {
        string guests = _lab.AddNamespace("g");
        BridgeLab.Run("ip", $"netns exec {guests} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        foreach (string number in (string[])["0", "1"])
        {
            BridgeLab.Ip($"link add t{number} netns {_lab.Host} type veth peer name g{number} netns {guests}");
            BridgeLab.Ip($"-n {guests} link set g{number} up");
        }

        ConcurrentQueue<(string Text, ushort Port)> judged = [];
        using ManualResetEventSlim goOn = new();
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            if (TextIn(frame) is { } text)
            {
                judged.Enqueue((text, info.PortId));
            }

            return Verdict.Pass;
        });

        // While the first port is told of, nobody attaches to the second.
        bridge.Attachment.Ports.Changed += change =>
        {
            if (change.After?.Name == "t0")
            {
                goOn.Wait(LinkMs);
            }
        };
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        using Socket g0 = BridgeLab.In(guests, () => RawSockets.Open("g0"));
        using Socket g1 = BridgeLab.In(guests, () => RawSockets.Open("g1"));
        foreach (string number in (string[])["0", "1"])
        {
            BridgeLab.Ip($"-n {_lab.Host} link set t{number} master br0");
            BridgeLab.Ip($"-n {_lab.Host} link set t{number} up");
        }

        // Until its link is up the bridge itself drops what it sends.
        int sent = 0;
        Assert.True(BridgeLab.Until(() =>
        {
            g1.Send(FrameBuilder.Udp("10.77.1.1", "10.77.255.255", 1, 2, $"flood {sent++:000000}", macFrom: "02:78:00:00:00:01", macTo: "ff:ff:ff:ff:ff:ff"));
            Thread.Sleep(20);
            return judged.Count >= 20;
        }, LinkMs));
        Assert.DoesNotContain(bridge.Attachment.Ports.All, port => port.Name == "t1");
        goOn.Set();
        long copies = bridge.Attachment.Ports.All.Sum(port => bridge.Attachment.ReadCounters(port.PortId).Copies.Frames);
        string[] texts = [.. judged.Where(seen => seen.Port == 0).Select(seen => seen.Text)];
        Assert.Equal(texts.Distinct(), texts);
        Assert.True(texts.Length >= 20, string.Join(' ', judged));
        Assert.True(copies >= texts.Length * 2, $"{copies} copies of {texts.Length} frames were kept back");
        foreach (Socket other in (Socket[])[a, b, g0])
        {
            Assert.Equal(texts, Drain(other).Where(texts.Contains));
        }

        Assert.Empty(Drain(g1));
    }

    private static string? TextIn(ReadOnlySpan<byte> frame)
    {
        int at = frame.IndexOf("flood "u8);
        return at < 0 ? null : System.Text.Encoding.ASCII.GetString(frame.Slice(at, 12));
    }

    private static List<string> Drain(Socket socket)
    {
        List<string> texts = [];
        byte[] buffer = new byte[2000];
        while (socket.Poll(200_000, SelectMode.SelectRead))
        {
            if (TextIn(buffer.AsSpan(0, socket.Receive(buffer))) is { } text)
            {
                texts.Add(text);
            }
        }

        return texts;
    }

    private static string Describe(RunningBridge bridge, int guest)
    {
        PortInfo? port = bridge.Attachment.Ports.All.FirstOrDefault(port => port.Name == $"t{guest}");
        return $"{port?.ToString() ?? "no such port"}, {(port is null ? "" : bridge.Attachment.ReadCounters(port.PortId).ToString())}; {string.Join("; ", bridge.Warnings)}";
    }
}
