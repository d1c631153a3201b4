using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The real engine moves connections to a honeypot on a bridge of three guests; their kernels judge every checksum and sequence number.</summary>
public sealed class HoneypotTests : IEventSink, IDisposable
{
    private const string AddressC = "10.77.0.3";
    private const string Address6C = "fd77::3";

    private readonly BridgeLab _lab = new();
    private readonly ConcurrentQueue<JsonElement> _events = new();
    private readonly string _c;

    public HoneypotTests()
    {
        _c = _lab.AddNamespace("c");
        BridgeLab.Ip($"-n {_c} link set lo up");
        _lab.AddGuest(_c, "pc", "02:77:00:00:00:03", AddressC, Address6C);
    }

    public void Dispose() => _lab.Dispose();

    void IEventSink.Write(in EventHeader header, ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        _events.Enqueue(JsonElement.ParseValue(ref reader));
    }

    /// <summary>Moved at its beginning by an action, or in its middle by a match; either way the kernel has it once nothing more can be seen in it.</summary>
    [Theory]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB, AddressC, false, true)]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB, AddressC, true, true)]
    [InlineData(BridgeLab.Address6A, BridgeLab.Address6B, Address6C, true, true)]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB, AddressC, false, false)]
    public void AMovedConnectionThatIsSettledIsCarriedByTheKernelBothWays(string own, string server, string honeypot, bool inTheMiddle, bool isInspected)
    {
        const int block = 8 << 20;
        PacketWorker? worker = null;
        using (RunningBridge bridge = RunningBridge.Start(_lab, _ => worker = Worker(honeypot, inTheMiddle ? null : own, isInspected), RunningBridge.Options() with { WorkerCount = 1 }))
        {
            Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_c, server), 10_000)); // Its frames tell where it is.
            using Socket real = BridgeLab.Listen(_lab.B, 9000);
            using Socket trap = BridgeLab.Listen(_c, 9000);
            using Socket client = BridgeLab.Connect(_lab.A, server, 9000)!;
            client.ReceiveTimeout = 10_000;
            client.Send("\u0001\u0002 hello "u8);
            if (inTheMiddle)
            {
                using Socket atServer = real.Accept();
                Assert.Contains("hello", Text(atServer), StringComparison.Ordinal);
                client.Send("ev1l-payload"u8);
            }

            using Socket atTrap = Accept(trap);
            Exchange(client, atTrap, block, inTheMiddle ? "\u0001\u0002 hello ev1l-payload".Length : "\u0001\u0002 hello ".Length);
            Assert.True(inTheMiddle || !real.Poll(0, SelectMode.SelectRead), "the real server saw the connection");

            // Behind the depth of both streams there is nothing more to see: of the next blocks, one each way, the engine sees at most what was on its way.
            (long up, long down, long seen) = (bridge.Counters("pa").Moved.Bytes, bridge.Counters("pc").Moved.Bytes, bridge.Attachment.Stats.Bytes);
            Exchange(client, atTrap, block, 0);
            Assert.True(bridge.Counters("pa").Moved.Bytes - up > block / 2, $"up: {bridge.Counters("pa").Moved}, {bridge.Attachment.Stats}");
            Assert.True(bridge.Counters("pc").Moved.Bytes - down > block / 2, $"down: {bridge.Counters("pc").Moved}, {bridge.Attachment.Stats}");
            Assert.InRange(bridge.Attachment.Stats.Bytes - seen, 0, block / 2);
            Assert.True(bridge.Attachment.Stats.Offloaded > 0);
            if (isInspected && !inTheMiddle)
            {
                Thread.Sleep(6000); // What the kernel carried is told every five seconds.
            }
        }

        worker!.Finish();
        JsonElement flow = _events.Single(e => e.GetProperty("event_type").GetString() == "flow" && e.TryGetProperty("dest_port", out JsonElement port) && port.GetInt32() == 9000);
        Assert.Equal(System.Net.IPAddress.Parse(server), System.Net.IPAddress.Parse(flow.GetProperty("dest_ip").GetString()!));
        if (isInspected && !inTheMiddle)
        {
            Assert.True(flow.GetProperty("flow").GetProperty("bytes_toserver").GetInt64() > block, flow.ToString());
            Assert.True(flow.GetProperty("flow").GetProperty("bytes_toclient").GetInt64() > block, flow.ToString());
        }
    }

    /// <summary>So many random bytes each way, behind those that have been sent already.</summary>
    private static void Exchange(Socket client, Socket atTrap, int length, int before)
    {
        atTrap.ReceiveTimeout = client.SendTimeout = atTrap.SendTimeout = 20_000;
        byte[] up = new byte[length];
        byte[] down = new byte[length];
        new Random(1).NextBytes(up);
        new Random(2).NextBytes(down);
        byte[] got = [];
        Thread[] threads = [new(() => client.Send(up)), new(() => atTrap.Send(down)), new(() => got = Take(atTrap, before + length))];
        Array.ForEach(threads, t => t.Start());
        Assert.Equal(down, Take(client, length));
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(up, got[before..]);
    }

    private static byte[] Take(Socket socket, int length)
    {
        byte[] got = new byte[length];
        for (int at = 0; at < length;)
        {
            int count = socket.Receive(got, at, length - at, SocketFlags.None);
            Assert.True(count > 0, $"the connection ended after {at} bytes");
            at += count;
        }

        return got;
    }

    [Theory]
    [InlineData(BridgeLab.AddressB, AddressC, true)]
    [InlineData(BridgeLab.Address6B, Address6C, true)]
    [InlineData(BridgeLab.AddressB, AddressC, false)]
    [InlineData(BridgeLab.Address6B, Address6C, false)]
    public void ARequestThatGivesItselfAwayHalfWayReachesTheHoneypotWhole(string server, string honeypot, bool offloads)
    {
        if (!offloads)
        {
            Assert.SkipUnless(new[] { _lab.A, _lab.B, _c }.All(WithoutOffloads), "needs ethtool");
        }

        using RunningBridge bridge = RunningBridge.Start(_lab, _ => Worker(honeypot), RunningBridge.Options() with { WorkerCount = 1 });
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_c, server), 10_000)); // Its frames tell where it is.
        using Socket real = BridgeLab.Listen(_lab.B, 80);
        using Socket trap = BridgeLab.Listen(_c, 80);
        using Socket client = BridgeLab.Connect(_lab.A, server, 80)!;
        using Socket atServer = real.Accept();
        atServer.ReceiveTimeout = trap.ReceiveTimeout = client.ReceiveTimeout = 5000;

        // An exchange that is over stays with the real server.
        client.Send("GET /before HTTP/1.1\r\nHost: x\r\n\r\n"u8);
        Assert.StartsWith("GET /before", Text(atServer), StringComparison.Ordinal);
        atServer.Send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"u8);
        Assert.EndsWith("hi", Text(client), StringComparison.Ordinal);

        // The next comes in pieces, of which the last one tells.
        string filler = new('f', 3000);
        client.Send("GET /login HTTP/1.1\r\nHost: x\r\n"u8);
        Assert.StartsWith("GET /login", Text(atServer), StringComparison.Ordinal);
        client.Send(Encoding.ASCII.GetBytes($"X-Fill: {filler}\r\n"));
        Assert.Contains("ffff", Text(atServer, filler.Length), StringComparison.Ordinal);
        client.Send("X-Attack: ev1l-payload\r\n\r\n"u8);
        using Socket atTrap = Accept(trap);
        atTrap.ReceiveTimeout = 5000;
        string wanted = $"GET /login HTTP/1.1\r\nHost: x\r\nX-Fill: {filler}\r\nX-Attack: ev1l-payload\r\n\r\n";
        Assert.Equal(wanted, Text(atTrap, wanted.Length));

        // And it goes on there, both ways, with more than a window of bytes.
        byte[] page = new byte[1 << 20];
        new Random(1).NextBytes(page);
        Thread answering = new(() => atTrap.Send(page));
        answering.Start();
        byte[] got = new byte[page.Length];
        for (int at = 0; at < got.Length;)
        {
            at += client.Receive(got, at, got.Length - at, SocketFlags.None);
        }

        answering.Join();
        Assert.Equal(page, got);
        client.Send("thank you"u8);
        Assert.Equal("thank you", Text(atTrap));
        Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => atServer.Receive(got)).SocketErrorCode);
    }

    private static Socket Accept(Socket listener)
    {
        Assert.True(listener.Poll(5_000_000, SelectMode.SelectRead), "nothing came to the honeypot");
        return listener.Accept();
    }

    private static string Text(Socket socket, int length = 0)
    {
        byte[] buffer = new byte[8192];
        int got = 0;
        do
        {
            got += socket.Receive(buffer, got, buffer.Length - got, SocketFlags.None);
        }
        while (got < length);
        return Encoding.ASCII.GetString(buffer, 0, got);
    }

    /// <param name="honeypot">The trap's address.</param>
    /// <param name="moved">Whose connections are moved at their beginning; null: those that a rule finds.</param>
    /// <param name="isInspected">Whether moved flows are looked at.</param>
    private PacketWorker Worker(string honeypot, string? moved = null, bool isInspected = true)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions
        {
            Texts = [("trap.rules", """alert tcp any any -> any any (msg:"attack"; flow:established,to_server; content:"ev1l-payload"; sid:1;)""")],
        });
        IpAddress target = AddressOf(honeypot);
        RoleModel role = new() { Name = "default", RedirectTarget = 0, Rules = [new RoleRule { Sid = 1, Action = RoleAction.Redirect }] };
        PolicyModel policy = new([role], [new RedirectTarget("trap", target, 0, 0) { IsInspected = isInspected }]);
        EngineSettings settings = new() { IsInline = true, EarlyVerdicts = true, Eve = new EveSettings { Types = [new EveTypeSettings("flow", ProtocolSettings.Empty)] } };
        return new PacketWorker(new WorkerEnvironment { Settings = settings, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(policy, loaded.Rules.Rules))
            {
                Actions = new StandingActions(moved is null ? [] : [new StandingAction { Id = 1, Peer = AddressOf(moved), Action = RoleAction.Redirect, Target = 0 }]),
            },
        };
    }

    private static IpAddress AddressOf(string text)
    {
        System.Net.IPAddress address = System.Net.IPAddress.Parse(text);
        return address.AddressFamily == AddressFamily.InterNetwork ? IpAddress.ReadV4(address.GetAddressBytes()) : IpAddress.ReadV6(address.GetAddressBytes());
    }

    private static bool WithoutOffloads(string space)
    {
        try
        {
            return BridgeLab.Run("ip", $"netns exec {space} ethtool -K eth0 tx off rx off tso off gso off gro off").Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
