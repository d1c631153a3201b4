using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Guests;

/// <summary>Guests of several roles on a real bridge, with the whole program: what clients and servers see, and what events say.</summary>
public sealed class GuestLabTests(ITestOutputHelper output)
{
    private const string Attack = "alert http any any -> any any (msg:\"attack\"; flow:to_server; http.uri; content:\"/attack\"; classtype:web-application-attack; priority:3; sid:1;)";

    /// <summary>What the client of (row) sees when it attacks port 80 of (column).</summary>
    private static readonly string[] Roles = ["desktop", "web-server", "database", "build-agent", "iot"];

    private static readonly Dictionary<string, string[]> Expected = new()
    {
        ["desktop"] = ["silence", "silence", "silence", "silence", "silence"],
        ["web-server"] = ["silence", "reset", "silence", "silence", "reset"],
        ["database"] = ["silence", "reset", "silence", "silence", "answer"],
        ["build-agent"] = ["silence", "reset", "silence", "silence", "silence"],
        ["iot"] = ["silence", "silence", "silence", "silence", "silence"],
    };

    [Fact]
    public void TheSameAttackMeetsTheVerdictOfEachPairOfRoles()
    {
        // Eight guests of five roles: those that attack and those that are attacked are different ones where they have the same role.
        using GuestLab lab = new(["desktop", "web-server", "database", "build-agent", "iot", "desktop", "web-server", "database"], Attack);
        foreach (LabGuest guest in lab.Guests)
        {
            lab.Serve(guest, 80);
        }

        var seen = new ConcurrentDictionary<(string From, string To), string>();
        (LabGuest From, LabGuest To)[] pairs = [.. Roles.SelectMany(from => Roles.Select(to => (lab.Guests.First(g => g.Role == from), lab.Guests.Last(g => g.Role == to)))).Where(p => p.Item1 != p.Item2)];
        int Alerted() => lab.Daemon.Records("alert").Count(a => Sid(a) == 1);
        for (int attempt = 0; attempt < 4; attempt++)
        {
            // A busy machine may be silent for longer than the client waits, and then nobody has attacked: all is asked again, and who was heard once was heard.
            Parallel.ForEach(pairs, new ParallelOptions { MaxDegreeOfParallelism = 8 }, pair => seen.AddOrUpdate(
                (pair.From.Role, pair.To.Role), _ => GuestLab.Try(pair.From, pair.To, 80, "/attack"),
                (_, before) => before == "silence" ? GuestLab.Try(pair.From, pair.To, 80, "/attack") : before));
            if (pairs.All(p => seen[(p.From.Role, p.To.Role)] == Expected[p.From.Role][Array.IndexOf(Roles, p.To.Role)]) && BridgeLab.Until(() => Alerted() >= 8))
            {
                break;
            }
        }

        Assert.Empty(seen.Where(s => s.Value != Expected[s.Key.From][Array.IndexOf(Roles, s.Key.To)]).Select(s => $"{s.Key.From} to {s.Key.To}: {s.Value}, expected {Expected[s.Key.From][Array.IndexOf(Roles, s.Key.To)]}"));
        Assert.Equal("answer", GuestLab.Try(lab.Guests[0], lab.Guests[1], 80, "/good"));
        Assert.Equal("answer", GuestLab.Try(lab.Guests[2], lab.Guests[4], 80, "/good"));
        Assert.True(BridgeLab.Until(() => Alerted() >= 8), $"{Alerted()} alerts are too few");
        Assert.All(lab.Daemon.Records("alert"), a =>
        {
            LabGuest from = lab.Guests.Single(g => g.Name == Name(a, "vm"));
            LabGuest to = lab.Guests.Single(g => g.Name == Name(a, "peer_vm"));
            bool toServer = a.GetProperty("direction").GetString() == "to_server";
            Assert.Equal(from.Address, a.GetProperty(toServer ? "src_ip" : "dest_ip").GetString());
            Assert.Equal(to.Address, a.GetProperty(toServer ? "dest_ip" : "src_ip").GetString());
            Assert.Equal(to.Role, a.GetProperty("peer_vm").GetProperty("role").GetString());
            Assert.Equal(from.Port, a.GetProperty("vm").GetProperty("port").GetString());
        });
    }

    [Fact]
    public void GuestsThatSwapAddressesOnTheBridgeKeepTheirNames()
    {
        using GuestLab lab = new(["desktop", "web-server", "web-server"], Attack);
        (LabGuest a, LabGuest b, LabGuest server) = (lab.Guests[0], lab.Guests[1], lab.Guests[2]);
        lab.Serve(server, 80);
        GuestLab.Try(a, server, 80, "/attack/a1");
        foreach ((LabGuest guest, string address) in new[] { (a, b.Address), (b, a.Address) })
        {
            BridgeLab.Ip($"-n {guest.Space} addr flush dev eth0");
            BridgeLab.Ip($"-n {guest.Space} addr add {address}/24 dev eth0");
        }

        BridgeLab.Ip($"-n {server.Space} neigh flush all");
        GuestLab.Try(a, server, 80, "/attack/a2");
        GuestLab.Try(b, server, 80, "/attack/b2");

        Assert.True(BridgeLab.Until(() => lab.Daemon.Records("alert").Count(r => Sid(r) == 1) >= 3));
        var names = lab.Daemon.Records("alert").Where(r => Sid(r) == 1).Select(r => (r.GetProperty("src_ip").GetString()!, Name(r, "vm"))).Distinct().ToList();
        Assert.Contains((a.Address, a.Name), names);
        Assert.Contains((b.Address, a.Name), names);
        Assert.Contains((a.Address, b.Name), names);
        Assert.Equal(3, names.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void AScanIsMovedToTheHoneypotHalfWayAndGoesOnThere(int workers)
    {
        using GuestLab lab = new(["desktop", "web-server", "default"], Attack, $"workers: {workers}");
        (LabGuest scanner, LabGuest victim, LabGuest honeypot) = (lab.Guests[0], lab.Guests[1], lab.Guests[2]);
        const int first = 2000;

        // Of those that are moved more than are a scan: with two workers the answers of the honeypot may all be the other one's, who must not take them for one.
        const int count = 120;
        for (int i = 40; i < count; i++)
        {
            lab.Serve(honeypot, first + i);
        }

        Assert.True(BridgeLab.Ping(scanner.Space, victim.Address));
        var open = new List<int>();
        for (int i = 0; i < count; i++)
        {
            using Socket? socket = BridgeLab.Connect(scanner.Space, victim.Address, first + i, timeoutMs: 400);
            if (socket is not null)
            {
                open.Add(i);
            }
        }

        // The victim serves none of them: what is open is the honeypot's.
        Assert.Equal(Enumerable.Range(40, count - 40), open);
        Assert.Equal("answer", GuestLab.Try(scanner, victim, first + 50, "/more"));
        Assert.True(BridgeLab.Until(() => lab.Daemon.Records("alert").Any(r => r.TryGetProperty("redirect", out _))));
        JsonElement moved = lab.Daemon.Records("alert").Last(r => r.TryGetProperty("redirect", out _));
        Assert.Equal("honeypot", moved.GetProperty("redirect").GetProperty("target").GetString());
        Assert.Equal(victim.Address, moved.GetProperty("dest_ip").GetString());
        Assert.Equal(scanner.Name, Name(Assert.Single(lab.Daemon.Records("alert"), r => Sid(r) == 30), "vm"));
    }

    [Fact]
    public void QuarantineByHandEndsByItselfAndCanBeTakenBack()
    {
        using GuestLab lab = new(["desktop", "web-server"], Attack);
        (LabGuest desktop, LabGuest server) = (lab.Guests[0], lab.Guests[1]);
        lab.Serve(server, 80);
        Assert.Equal("answer", GuestLab.Try(desktop, server, 80, "/"));

        (int code, string output) = lab.Program($"action do quarantine {desktop.Name} --for 15 -c {lab.Daemon.ConfigFile}");
        Assert.True(code == 0 && output.Contains("active", StringComparison.Ordinal), output);
        Assert.Equal("silence", GuestLab.Try(desktop, server, 80, "/"));
        Assert.Contains($"{desktop.Name}", lab.Program($"action list -c {lab.Daemon.ConfigFile}").Output);
        Assert.Contains("(quarantine)", lab.Program($"guests -c {lab.Daemon.ConfigFile}").Output);
        Assert.True(BridgeLab.Until(() => GuestLab.Try(desktop, server, 80, "/") == "answer", 40_000), "it does not end");
        Assert.DoesNotContain(desktop.Name, lab.Program($"action list -c {lab.Daemon.ConfigFile}").Output);

        Assert.Equal(0, lab.Program($"action do block {server.Address} -c {lab.Daemon.ConfigFile}").Code);
        Assert.Equal("silence", GuestLab.Try(desktop, server, 80, "/"));
        (code, output) = lab.Program($"action undo 2 -c {lab.Daemon.ConfigFile}");
        Assert.True(code == 0, output);
        Assert.True(BridgeLab.Until(() => GuestLab.Try(desktop, server, 80, "/") == "answer", 15_000), "it is not taken back");
        Assert.Equal(0, lab.Program($"action audit -c {lab.Daemon.ConfigFile}").Code);
        Assert.Equal(1, lab.Program($"action undo 2 -c {lab.Daemon.ConfigFile}").Code);
    }

    /// <summary>
    /// What went by without a verdict, what the kernel kept back for want of one, and what was judged and is only told later, are three things: the test tells
    /// them apart. <c>BRIDGEGUARD_HOTPLUG_PORTS</c> sets how many ports there are.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HotPluggedPortsAreJudgedFromTheirFirstFrame(bool withIpv6)
    {
        int ports = int.TryParse(Environment.GetEnvironmentVariable("BRIDGEGUARD_HOTPLUG_PORTS"), out int asked) ? asked : withIpv6 ? 200 : 1000;
        using Scanning.TemporaryFolder vms = new();
        for (int i = 0; i < ports; i++)
        {
            File.WriteAllText(vms.File($"h{i}.yaml"), $"name: hot{i}\nrole: database\nports: [hp{i}]\nmacs: [\"{MacOf(i)}\"]\n");
        }

        using GuestLab lab = new(["web-server"], Attack, $"guest-sources: {{vms: {vms.Path}}}");
        string space = lab.Bridge.AddNamespace("-hot");
        if (!withIpv6)
        {
            // Their kernels say nothing of their own: the first frame is ours.
            BridgeLab.Run("ip", $"netns exec {space} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        }

        using Socket silence = BridgeLab.Udp(lab.Guests[0].Space, port: ServicePort);
        for (int first = 0; first < ports; first += AtOnce)
        {
            PlugSome(lab, space, [.. Enumerable.Range(first, Math.Min(AtOnce, ports - first))]);
        }

        // A database may not use that service: the first frame of each is dropped, and named. Told may be late: as long as more comes, there is time.
        int told = -1;
        while (Judged(lab).Count is var now && now < ports && now > told)
        {
            told = now;
            BridgeLab.Until(() => Judged(lab).Count > told, 20_000);
        }

        int atFirst = Judged(lab).Count;
        output.WriteLine(Describe(lab, [], ports));

        // A thousand guests that come at once with IPv6 may be more than the workers can look at: then their frames are kept back, and guests repeat them.
        for (int again = 0; again < 10 && Judged(lab) is { } judged && judged.Count < ports; again++)
        {
            Say(lab, space, Enumerable.Range(0, ports).Where(i => !judged.Contains($"hot{i}")));
            BridgeLab.Until(() => Judged(lab).Count >= ports, 5_000);
        }

        List<string> through = [];
        byte[] buffer = new byte[100];
        while (silence.Poll(500_000, SelectMode.SelectRead))
        {
            through.Add(System.Text.Encoding.ASCII.GetString(buffer, 0, silence.Receive(buffer)));
        }

        Assert.True(through.Count == 0 && Judged(lab).Count == ports && lab.Daemon.LogCount("has ended; the next one starts") == 0, Describe(lab, through, ports));
        Assert.Equal(Enumerable.Range(0, ports).Select(i => $"hot{i}").Order(), Judged(lab).Order());
        Assert.True(withIpv6 || atFirst == ports, $"{atFirst} of {ports} were judged with their very first frame");
    }

    private const int ServicePort = 9999;

    /// <summary>A manager's order: the ports are made and enslaved before their guests run.</summary>
    private static void PlugSome(GuestLab lab, string space, int[] some)
    {
        Batch(lab.Bridge.Host, some.SelectMany(i => (string[])[$"link add hp{i} type veth peer name h{i} address {MacOf(i)} netns {space}", $"link set hp{i} master br0", $"link set hp{i} up"]));
        Batch(space, some.Select(i => $"link set h{i} up"));

        // Before that the bridge itself takes nothing from them.
        string each = string.Join(' ', some);
        BridgeLab.Run("ip", $"netns exec {lab.Bridge.Host} sh -c \"for i in {each}; do while read s < /sys/class/net/hp$i/brport/state && [ $s != 3 ]; do sleep 0.01; done; done\"");
        Say(lab, space, some);
    }

    private static void Say(GuestLab lab, string space, IEnumerable<int> guests) => BridgeLab.In(space, () =>
    {
        foreach (int i in guests)
        {
            using Socket raw = RawSockets.Open($"h{i}");
            raw.Send(FrameBuilder.Udp($"10.77.{1 + (i / 250)}.{1 + (i % 250)}", lab.Guests[0].Address, 4000, ServicePort, $"first {i}", MacOf(i), lab.Guests[0].Mac));
        }

        return 0;
    });

    private static string Describe(GuestLab lab, List<string> through, int ports)
    {
        List<string> judged = Judged(lab);
        PlaneStatus status = lab.Daemon.TryStatus() ?? PlaneStatus.None;
        PortCounters[] counters = [.. status.Ports.Select(port => port.Counters)];
        return $"{ports} ports: {judged.Count} told of, {through.Count} got through ({string.Join(' ', through.Take(10))}); the engine dropped {status.Stats.Dropped} of {status.Stats.Frames}, "
            + $"late {counters.Sum(c => c.Late.Frames)}, let by without it {counters.Sum(c => c.Opened.Frames)}, kept back for want of it {counters.Sum(c => c.Closed.Frames)}, lost {status.Lost}, "
            + $"data planes died {lab.Daemon.LogCount("has ended; the next one starts")}; "
            + $"not told of: {string.Join(' ', Enumerable.Range(0, ports).Where(i => !judged.Contains($"hot{i}")).Take(10))}"
            + string.Concat(lab.Daemon.LogText.Split('\n').Where(line => line.Contains("data plane", StringComparison.Ordinal)).Select(line => "\n" + line));
    }

    [Fact]
    public void AnEventIsExplainedAndTheReplayProvesTheChange()
    {
        using GuestLab lab = new(["desktop", "web-server"], Attack, "recorder: {enabled: yes}");
        (LabGuest desktop, LabGuest server) = (lab.Guests[0], lab.Guests[1]);
        lab.Serve(server, 80);
        Assert.Equal("silence", GuestLab.Try(desktop, server, 80, "/attack"));
        Assert.True(BridgeLab.Until(() => lab.Daemon.Records("alert").Any(a => Sid(a) == 1)));
        JsonElement alert = lab.Daemon.Records("alert").First(a => Sid(a) == 1);
        string id = alert.GetProperty("event_id").GetString()!;
        string recording = Path.Combine(lab.Daemon.LogFolder, "recordings", id + ".pcapng");
        Assert.True(BridgeLab.Until(() => File.Exists(recording)), "no recording");
        Wireshark(recording, desktop, server);

        (int code, string output) = lab.Program($"explain {id} --replay -c {lab.Daemon.ConfigFile}");

        Assert.True(code == 0, output);
        Assert.Contains("1:1 attack", output);
        Assert.Contains("role desktop: drop, at", output);
        Assert.Contains("desktop.yaml:", output);
        Assert.Contains("{sid: 1, action: alert}", output);
        Assert.Matches("replayed +drop", output);
        Assert.True(System.Text.RegularExpressions.Regex.IsMatch(output, "with the change +pass"), output);
    }

    /// <summary>Others' programs read the recording: every frame with its time, and the decision beside the one it is about.</summary>
    private static void Wireshark(string recording, LabGuest from, LabGuest to)
    {
        (int code, string output) = BridgeLab.Run("tshark", $"-n -r {recording} -T fields -E separator=| -e frame.number -e frame.time_epoch -e ip.src -e ip.dst -e tcp.dstport -e frame.comment");
        Assert.True(code == 0, output);
        string[] frames = [.. output.Split('\n').Where(line => line.Contains($"|{from.Address}|{to.Address}|80|", StringComparison.Ordinal))];
        Assert.True(frames.Length >= 3, output); // The handshake before the request is there too.
        Assert.Contains(frames, line => line.Contains("attack", StringComparison.Ordinal));
    }

    /// <summary>Ports that come together, as when a host starts its guests.</summary>
    private const int AtOnce = 20;

    private static void Batch(string space, IEnumerable<string> commands)
    {
        string file = Path.GetTempFileName();
        File.WriteAllLines(file, commands);
        BridgeLab.Ip($"-n {space} -batch {file}");
        File.Delete(file);
    }

    private static string MacOf(int i) => string.Create(CultureInfo.InvariantCulture, $"02:77:00:01:{i >> 8:x2}:{i & 255:x2}");

    private static List<string> Judged(GuestLab lab) => [.. lab.Daemon.Records("alert").Where(r => Sid(r) == 21 && r.TryGetProperty("dest_port", out JsonElement port) && port.GetInt32() == ServicePort).Select(r => Name(r, "vm")).Distinct()];

    private static int Sid(JsonElement record) => record.GetProperty("alert").GetProperty("signature_id").GetInt32();

    private static string Name(JsonElement record, string end) => record.TryGetProperty(end, out JsonElement guest) ? guest.GetProperty("name").GetString()! : "";
}
