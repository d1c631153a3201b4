using System.Net.Sockets;
using System.Text;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Policy.Redirects;
using BridgeGuard.Engine.Policy.Roles;
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
        Assert.True(BridgeLab.Ping(_c, server)); // Its frames tell where it is.
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

    private PacketWorker Worker(string honeypot)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions
        {
            Texts = [("trap.rules", """alert tcp any any -> any any (msg:"attack"; flow:established,to_server; content:"ev1l-payload"; sid:1;)""")],
        });
        System.Net.IPAddress address = System.Net.IPAddress.Parse(honeypot);
        IpAddress target = address.AddressFamily == AddressFamily.InterNetwork ? IpAddress.ReadV4(address.GetAddressBytes()) : IpAddress.ReadV6(address.GetAddressBytes());
        RoleModel role = new() { Name = "default", RedirectTarget = 0, Rules = [new RoleRule { Sid = 1, Action = RoleAction.Redirect }] };
        PolicyModel policy = new([role], [new RedirectTarget("trap", target, 0, 0)]);
        return new PacketWorker(new WorkerEnvironment { Settings = new EngineSettings { IsInline = true }, Events = this })
        {
            Program = new EngineProgram(loaded.Rules, new CompiledPolicy(policy, loaded.Rules.Rules)),
        };
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
