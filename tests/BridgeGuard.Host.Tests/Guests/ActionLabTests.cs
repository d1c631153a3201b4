using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using BridgeGuard.Host.Tests.Scanning;
using Xunit;

namespace BridgeGuard.Host.Tests.Guests;

/// <summary>Each action of a role, on a real bridge with the whole program in two processes: what the guests' own kernels and programs see of it.</summary>
public sealed class ActionLabTests
{
    private const string Rules = """
        alert dns any any -> any any (msg:"sinkhole"; dns.query; content:"bad.example"; sid:1;)
        alert http any any -> any any (msg:"page"; flow:to_server; http.uri; content:"/page"; sid:2;)
        alert tcp any any -> any 8081 (msg:"replace"; flow:to_server,established; content:"secret"; replace:"xxxxxx"; sid:3;)
        alert http any any -> any any (msg:"tarpit"; flow:to_server; http.uri; content:"/tarpit"; sid:4;)
        alert tcp any any -> any 8082 (msg:"trusted"; flow:to_server,established; content:"trusted"; sid:5;)
        alert tcp any any -> any 8082 (msg:"after"; flow:to_server,established; content:"afterwards"; sid:6;)
        alert udp any any -> any 7777 (msg:"slow"; content:"slow"; sid:7;)
        alert udp any any -> any 7778 (msg:"mark"; content:"mark"; sid:8;)
        alert http any any -> any any (msg:"portal"; flow:to_server; http.uri; content:"/portal"; sid:9;)
        alert http any any -> any any (msg:"seen"; flow:to_server; http.uri; content:"/seen"; sid:10;)
        alert http any any -> any any (msg:"gone"; flow:to_server; http.uri; content:"/gone"; sid:11;)
        alert http any any -> any any (msg:"reset"; flow:to_server; http.uri; content:"/reset"; sid:12;)

        """;

    private const string Role = """
        name: tried
        sinkhole: 10.77.0.99
        mark: 0x20
        redirect-to: portal
        rate-limit: {packets-per-second: 5, by: rule}
        rules:
          - {sid: 1, action: sinkhole}
          - {sid: 2, action: block-page}
          - {sid: 4, action: tarpit}
          - {sid: 5, action: bypass}
          - {sid: 7, action: rate-limit}
          - {sid: 8, action: mark}
          - {sid: 9, action: redirect}
          - {sid: 11, action: drop}
          - {sid: 12, action: reject}
        """;

    [Fact]
    public void EachActionOfARoleIsCarriedOutOnTheWire()
    {
        using TemporaryFolder roles = new();
        File.WriteAllText(roles.File("tried.yaml"), Role);
        File.WriteAllText(roles.File("plain.yaml"), "name: plain\nrules: [{sid: 5, action: bypass}]\n"); // Of two roles the stricter one decides: both must trust.
        using GuestLab lab = new(
            ["tried", "plain", "plain"], Rules, "targets:\n  - {name: portal, address: 10.77.0.18, port: 8088}\n", roleFiles: roles.Path);
        (LabGuest guest, LabGuest server, LabGuest portal) = (lab.Guests[0], lab.Guests[1], lab.Guests[2]);
        lab.Serve(server, 80);
        Assert.True(BridgeLab.Ping(portal.Space, guest.Address)); // Its frames tell where it is.
        (int code, string output) = BridgeLab.Run("ip", $"netns exec {lab.Bridge.Host} nft add table bridge lab");
        Assert.True(code == 0, output);
        Nft(lab, "add chain bridge lab f { type filter hook forward priority 0 ; }");
        Nft(lab, "add rule bridge lab f meta mark 0x20 counter");

        // Pass, alert, drop, reject.
        Assert.Equal("answer", GuestLab.Try(guest, server, 80, "/seen"));
        Assert.Equal("silence", GuestLab.Try(guest, server, 80, "/gone"));
        Assert.Equal("reset", GuestLab.Try(guest, server, 80, "/reset"));

        Assert.Equal("10.77.0.99", Resolve(guest, server, "bad.example"));
        Assert.Null(Resolve(guest, server, "good.example")); // Nobody serves names there.
        Assert.Contains("403 Forbidden", Get(guest, server, "/page"), StringComparison.Ordinal);
        Replace(lab, guest, server);

        // The tarpit: connected, accepted, and never answered; the real server is let go.
        Assert.Equal("silence", GuestLab.Try(guest, server, 80, "/tarpit"));
        Bypass(lab, guest, server);

        using Socket slow = BridgeLab.Udp(server.Space, port: 7777);
        Send(guest, server, 7777, "slow", 40);
        Assert.InRange(Count(slow), 1, 12);
        using Socket marked = BridgeLab.Udp(server.Space, port: 7778);
        Send(guest, server, 7778, "mark", 4);
        Assert.Equal(4, Count(marked));
        Assert.True(BridgeLab.Until(() => Nft(lab, "list table bridge lab").Contains("packets 4 ", StringComparison.Ordinal)), Nft(lab, "list table bridge lab"));

        Portal(lab, guest, server, portal);
        Assert.True(BridgeLab.Until(() => Sids(lab).Count == 11), string.Join(' ', Sids(lab)));
        Assert.Equal([1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12], Sids(lab)); // What follows in a trusted flow is not looked at: 6 is not there.
    }

    /// <summary>The whole flow leaves by another port as it is, and who is there answers in the server's name, both ways.</summary>
    [Fact]
    public void AServiceIsMovedToABridgePortBothWays()
    {
        using TemporaryFolder roles = new();
        File.WriteAllText(roles.File("moved.yaml"), "name: moved\nredirect-to: sensor\ncontract: {out: {services: [{protocol: tcp, ports: [9100], action: redirect}], default: allow}}\n");
        File.WriteAllText(roles.File("plain.yaml"), "name: plain\n");
        using GuestLab lab = new(
            ["moved", "plain", "plain"], "alert tcp any any -> any 1 (msg:\"none\"; sid:1;)", "targets:\n  - {name: sensor, bridge-port: pg2, inspect: no}\n", roleFiles: roles.Path);
        (LabGuest guest, LabGuest server, LabGuest sensor) = (lab.Guests[0], lab.Guests[1], lab.Guests[2]);

        // Who is behind the port takes frames that are not for its Ethernet address, and has the server's address.
        BridgeLab.Run("ip", $"netns exec {sensor.Space} sysctl -qw net.ipv4.conf.all.arp_ignore=1");
        BridgeLab.Ip($"-n {sensor.Space} addr add {server.Address}/32 dev lo");
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "table netdev lab {\n chain i {\n type filter hook ingress device eth0 priority 0;\n meta pkttype set host\n }\n}\n");
        (int code, string output) = BridgeLab.Run("ip", $"netns exec {sensor.Space} nft -f {file}");
        File.Delete(file);
        Assert.True(code == 0, output);
        Assert.True(BridgeLab.Ping(guest.Space, server.Address));
        lab.Serve(server, 9101);
        Assert.Equal("answer", GuestLab.Try(guest, server, 9101, "/"));
        using Socket listener = BridgeLab.Listen(sensor.Space, 9100);
        using Socket real = BridgeLab.Listen(server.Space, 9100);

        using Socket? client = BridgeLab.Connect(guest.Space, server.Address, 9100);
        Assert.NotNull(client);
        using Socket there = listener.Accept();
        Assert.Equal(IPAddress.Parse(server.Address), ((IPEndPoint)there.LocalEndPoint!).Address.MapToIPv4());
        there.ReceiveTimeout = client.ReceiveTimeout = 10_000;
        byte[] sent = new byte[4 << 20];
        new Random(3).NextBytes(sent);
        byte[] got = new byte[sent.Length];
        foreach ((Socket from, Socket to) in new[] { (client, there), (there, client) })
        {
            Thread sending = new(() => from.Send(sent));
            sending.Start();
            for (int at = 0; at < got.Length;)
            {
                int count = to.Receive(got, at, got.Length - at, SocketFlags.None);
                Assert.True(count > 0);
                at += count;
            }

            sending.Join();
            Assert.Equal(sent, got);
        }

        Assert.False(real.Poll(0, SelectMode.SelectRead), "the server saw the connection");
        Assert.True(BridgeLab.Until(() => lab.Daemon.Records("alert").Any(r => r.TryGetProperty("redirect", out JsonElement to) && to.GetProperty("target").GetString() == "sensor")));
        JsonElement told = lab.Daemon.Records("alert").First(r => r.TryGetProperty("redirect", out _));
        Assert.Equal((server.Address, "pg2"), (told.GetProperty("dest_ip").GetString(), told.GetProperty("redirect").GetProperty("port").GetString()));
        long moved = lab.Daemon.Status().Ports.Single(p => p.Port.Name == guest.Port).Counters.Moved.Bytes;
        Assert.True(moved > sent.Length / 2, $"the kernel moved {moved} bytes");
    }

    /// <summary>LLDP: the guest and a switch behind a port that nobody knows say who they are.</summary>
    [Fact]
    public void StationsAreListedWithWhatTheySayOfThemselves()
    {
        using GuestLab lab = new(["web-server", "desktop"], "alert tcp any any -> any 1 (msg:\"none\"; sid:1;)");
        LabGuest guest = lab.Guests[0];
        string space = lab.Bridge.AddNamespace("-sw");
        lab.Bridge.AddGuest(space, "psw", "02:77:00:00:02:01", "10.77.0.200", "fd77::200");
        Say(guest.Space, guest.Mac, "web-1\u001b[2Jx", [10, 77, 0, 16]);
        Say(space, "02:77:00:00:02:01", "switch", [10, 77, 0, 17]);

        string Listed() => lab.Program($"guests -c {lab.Daemon.ConfigFile}").Output;
        Assert.True(BridgeLab.Until(() => Listed().Contains("lldp       port psw: says it is 'switch', chassis 02:77:00:00:02:01, port eth0, managed at 10.77.0.17", StringComparison.Ordinal), 20_000), Listed());
        Assert.Contains($"lldp       {guest.Name}: says it is 'web-1?[2Jx'", Listed(), StringComparison.Ordinal);
        Assert.Contains("psw: no source names its guest", Listed(), StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(lab.Program($"guests --json -c {lab.Daemon.ConfigFile}").Output);
        Assert.Equal(
            "eth0", json.RootElement.GetProperty("guests").EnumerateArray().Single(g => g.GetProperty("name").GetString() == guest.Name).GetProperty("station").GetProperty("port_id").GetString());
    }

    /// <summary>A budget that no frame keeps: counted, told with the guest's name, and done what the role says of it.</summary>
    [Fact]
    public void FramesOverTheBudgetOfTheirRoleAreToldAndTheirFlowsLetGo()
    {
        using TemporaryFolder roles = new();
        File.WriteAllText(roles.File("hasty.yaml"), "name: hasty\nlatency-budget-us: 1\nexceptions: {latency-budget: bypass}\n");
        File.WriteAllText(roles.File("plain.yaml"), "name: plain\n");
        using GuestLab lab = new(["hasty", "plain"], "alert udp any any -> any 7777 (msg:\"seen\"; sid:1;)", roleFiles: roles.Path);
        (LabGuest guest, LabGuest other) = (lab.Guests[0], lab.Guests[1]);
        using Socket receiver = BridgeLab.Udp(other.Space, port: 7777);
        using (Socket sender = BridgeLab.Udp(guest.Space, to: other.Address, toPort: 7777))
        {
            for (int i = 0; i < 20; i++)
            {
                sender.Send("hurry"u8);
                Thread.Sleep(20); // What is on its way when the flow is let go is inspected still.
            }
        }

        Assert.Equal(20, Count(receiver));
        JsonElement[] Told() => [.. lab.Daemon.Records("guard").Where(r => r.GetProperty("guard").GetProperty("event").GetString() == "latency_exceeded")];
        Assert.True(BridgeLab.Until(() => Told().Length > 0));
        JsonElement told = Told()[0];
        Assert.Equal(("hasty", "bypass", guest.Name), (told.GetProperty("guard").GetProperty("role").GetString(), told.GetProperty("guard").GetProperty("policy").GetString(), told.GetProperty("vm").GetProperty("name").GetString()));
        Assert.True(told.GetProperty("guard").GetProperty("took_us").GetInt64() > 1);
        Assert.InRange(lab.Daemon.Records("alert").Count, 1, 19);
    }

    /// <summary>A port that no source names is the guest's whose Ethernet address the bridge has learnt behind it.</summary>
    [Fact]
    public void APortThatNobodyNamesIsFoundByWhatTheBridgeLearnt()
    {
        using TemporaryFolder vms = new();
        File.WriteAllText(vms.File("g.yaml"), "name: by-mac\nrole: database\nmacs: [\"02:77:00:00:03:01\"]\n");
        using GuestLab lab = new(["web-server"], "alert udp any any -> any 7777 (msg:\"seen\"; sid:1;)", $"guest-sources: {{vms: {vms.Path}}}");
        string space = lab.Bridge.AddNamespace("-m");
        lab.Bridge.AddGuest(space, "pmac", "02:77:00:00:03:01", "10.77.0.60", "fd77::60");
        LabGuest guest = new("by-mac", "database", space, "pmac", "02:77:00:00:03:01", "10.77.0.60");
        using Socket receiver = BridgeLab.Udp(guest.Space, port: 7777);
        Send(lab.Guests[0], guest, 7777, "one", 3);
        Send(guest, lab.Guests[0], 7777, "two", 3);

        // Whenever ports or guests change the table is made anew.
        lab.Bridge.AddGuest(lab.Bridge.AddNamespace("-n"), "pnew", "02:77:00:00:03:02", "10.77.0.61", "fd77::61");
        bool IsNamed() => lab.Daemon.Records("alert").Any(a => a.TryGetProperty("vm", out JsonElement vm) && vm.GetProperty("name").GetString() == "by-mac"
            && vm.TryGetProperty("port", out JsonElement port) && port.GetString() == "pmac");
        Assert.True(BridgeLab.Until(() =>
        {
            Send(guest, lab.Guests[0], 7777, "three", 1);
            Thread.Sleep(200);
            return IsNamed();
        }, 15_000), string.Join('\n', lab.Daemon.Records("alert")));
        Assert.All(lab.Daemon.Records("alert").Where(a => a.GetProperty("src_ip").GetString() == guest.Address), a => Assert.Equal("by-mac", a.GetProperty("vm").GetProperty("name").GetString()));
    }

    private static void Say(string space, string mac, string name, byte[] address)
    {
        byte[] from = System.Net.NetworkInformation.PhysicalAddress.Parse(mac.Replace(':', '-')).GetAddressBytes();
        using Socket wire = BridgeLab.In(space, () => RawSockets.Open("eth0"));
        wire.Send([
            1, 0x80, 0xc2, 0, 0, 0xe, .. from, 0x88, 0xcc, 2, 7, 4, .. from, 4, 5, 5, .. "eth0"u8, 6, 2, 0, 120,
            10, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), 16, 12, 5, 1, .. address, 2, 0, 0, 0, 1, 0, 0, 0,
        ]);
    }

    private static void Replace(GuestLab lab, LabGuest guest, LabGuest server)
    {
        using Socket listener = BridgeLab.Listen(server.Space, 8081);
        using Socket client = BridgeLab.Connect(guest.Space, server.Address, 8081)!;
        using Socket accepted = listener.Accept();
        accepted.ReceiveTimeout = 5000;
        client.Send("my secret is safe"u8);
        byte[] buffer = new byte[100];
        Assert.Equal("my xxxxxx is safe", Encoding.ASCII.GetString(buffer, 0, accepted.Receive(buffer)));
    }

    private static void Bypass(GuestLab lab, LabGuest guest, LabGuest server)
    {
        using Socket listener = BridgeLab.Listen(server.Space, 8082);
        using Socket client = BridgeLab.Connect(guest.Space, server.Address, 8082)!;
        using Socket accepted = listener.Accept();
        accepted.ReceiveTimeout = 5000;
        byte[] buffer = new byte[100];
        foreach (string text in (string[])["trusted", "afterwards"])
        {
            client.Send(Encoding.ASCII.GetBytes(text));
            Assert.Equal(text, Encoding.ASCII.GetString(buffer, 0, accepted.Receive(buffer)));
        }
    }

    /// <summary>A captive page: another host, another port, in the middle of the connection.</summary>
    private static void Portal(GuestLab lab, LabGuest guest, LabGuest server, LabGuest portal)
    {
        using Socket listener = BridgeLab.Listen(portal.Space, 8088);
        using Socket client = BridgeLab.Connect(guest.Space, server.Address, 80)!;
        client.ReceiveTimeout = 5000;
        client.Send("GET /portal HTTP/1.1\r\nHost: x\r\n\r\n"u8);
        Assert.True(listener.Poll(5_000_000, SelectMode.SelectRead), "nothing came to the portal");
        using Socket accepted = listener.Accept();
        byte[] buffer = new byte[1000];
        Assert.StartsWith("GET /portal", Encoding.ASCII.GetString(buffer, 0, accepted.Receive(buffer)), StringComparison.Ordinal);
        accepted.Send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nlog in!"u8);
        Assert.EndsWith("log in!", Encoding.ASCII.GetString(buffer, 0, client.Receive(buffer)), StringComparison.Ordinal);
        Assert.True(BridgeLab.Until(() => lab.Daemon.Records("alert").Any(r => r.TryGetProperty("redirect", out _))));
        JsonElement told = lab.Daemon.Records("alert").Last(r => r.TryGetProperty("redirect", out _));
        Assert.Equal((server.Address, portal.Address, 8088), (told.GetProperty("dest_ip").GetString(), told.GetProperty("redirect").GetProperty("dest_ip").GetString(), told.GetProperty("redirect").GetProperty("dest_port").GetInt32()));
    }

    private static string Get(LabGuest from, LabGuest to, string path)
    {
        using Socket socket = BridgeLab.Connect(from.Space, to.Address, 80)!;
        socket.Send(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        byte[] buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    /// <summary>The address that a name resolves to; null without an answer.</summary>
    private static string? Resolve(LabGuest from, LabGuest server, string name)
    {
        using Socket socket = BridgeLab.Udp(from.Space, to: server.Address, toPort: 53);
        byte[] labels = [.. name.Split('.').SelectMany(l => (byte[])[(byte)l.Length, .. Encoding.ASCII.GetBytes(l)]), 0];
        socket.Send([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. labels, 0, 1, 0, 1]);
        try
        {
            byte[] buffer = new byte[512];
            int length = socket.Receive(buffer);
            Assert.Equal(0x1234, BinaryPrimitives.ReadUInt16BigEndian(buffer));
            return new IPAddress(buffer.AsSpan(length - 4, 4)).ToString();
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static void Send(LabGuest from, LabGuest to, int port, string text, int count)
    {
        using Socket socket = BridgeLab.Udp(from.Space, to: to.Address, toPort: port);
        for (int i = 0; i < count; i++)
        {
            socket.Send(Encoding.ASCII.GetBytes(text));
        }
    }

    private static int Count(Socket socket)
    {
        int count = 0;
        byte[] buffer = new byte[100];
        while (socket.Poll(700_000, SelectMode.SelectRead))
        {
            socket.Receive(buffer);
            count++;
        }

        return count;
    }

    private static List<int> Sids(GuestLab lab) => [.. lab.Daemon.Records("alert").Select(r => r.GetProperty("alert"))
        .Where(a => a.GetProperty("gid").GetInt32() == 1).Select(a => a.GetProperty("signature_id").GetInt32()).Distinct().Order()];

    private static string Nft(GuestLab lab, string arguments) => BridgeLab.Run("ip", $"netns exec {lab.Bridge.Host} nft {arguments}").Output;
}
