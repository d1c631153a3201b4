using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Bridge.Decisions;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>The decision maps through <see cref="BridgeDecisions"/>, on a bridge of three guests whose engine passes everything.</summary>
public sealed class KernelDecisionTests : IDisposable
{
    private const string AddressC = "10.77.0.3";
    private const string Address6C = "fd77::3";
    private const string MacC = "02:77:00:00:00:03";
    private const byte Tcp = 6;
    private const byte Udp = 17;

    private readonly BridgeLab _lab = new();
    private readonly string _c;
    private readonly RunningBridge _bridge;
    private readonly BridgeDecisions _decisions;
    private readonly ushort _bridgeId;

    public KernelDecisionTests()
    {
        _c = _lab.AddNamespace("c");
        BridgeLab.Ip($"-n {_c} link set lo up");
        _lab.AddGuest(_c, "pc", MacC, AddressC, Address6C);
        _bridge = RunningBridge.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass);
        _decisions = _bridge.Attachment.Decisions!;
        _bridgeId = _bridge.Port("pa").BridgeId;
    }

    public void Dispose()
    {
        _bridge.Dispose();
        _lab.Dispose();
    }

    private static PhysicalAddress Mac(string mac) => PhysicalAddress.Parse(mac.Replace(':', '-'));

    private static string Reply(Socket socket)
    {
        byte[] buffer = new byte[100];
        return System.Text.Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    /// <summary>A connection of A to B's port that C shall have, in both directions.</summary>
    private void MoveToC(byte protocol, string client, int clientPort, string server, int serverPort, string target, int targetPort)
    {
        (IPAddress from, IPAddress real, IPAddress moved) = (IPAddress.Parse(client), IPAddress.Parse(server), IPAddress.Parse(target));
        FlowSide there = new()
        {
            Verb = FlowVerb.Rewrite,
            Rewrite = new FlowRewrite { IsDestination = true, Address = moved, Port = (ushort)targetPort, MacTo = Mac(MacC) },
        };
        FlowSide back = new()
        {
            Verb = FlowVerb.Rewrite,
            Rewrite = new FlowRewrite { IsDestination = false, Address = real, Port = (ushort)serverPort },
        };
        Assert.True(_decisions.SetFlow(new FlowTuple(_bridgeId, protocol, from, (ushort)clientPort, real, (ushort)serverPort), there, FlowSide.Drop));
        Assert.True(_decisions.SetFlow(new FlowTuple(_bridgeId, protocol, from, (ushort)clientPort, moved, (ushort)targetPort), FlowSide.Pass, back));
        Thread.Sleep(250); // A decision waits that long at most for frames that are with the engine.
    }

    [Theory]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB, AddressC, true)]
    [InlineData(BridgeLab.Address6A, BridgeLab.Address6B, Address6C, true)]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB, AddressC, false)]
    [InlineData(BridgeLab.Address6A, BridgeLab.Address6B, Address6C, false)]
    public void AConnectionIsMovedByTheKernelWithPartialAndFullChecksums(string client, string server, string target, bool offloads)
    {
        if (!offloads)
        {
            // Full checksums and frames of the MTU, as from a guest without offloads; the receivers verify what they get.
            Assert.SkipUnless(Ethtool(_lab.A) && Ethtool(_c), "needs ethtool");
        }

        MoveToC(Tcp, client, 5555, server, 80, target, 8080);
        using Socket listener = BridgeLab.Listen(_c, 8080);
        using Socket connection = BridgeLab.In(_lab.A, () =>
        {
            Socket socket = new(IPAddress.Parse(client).AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5000, SendTimeout = 5000 };
            socket.Bind(new IPEndPoint(IPAddress.Parse(client), 5555));
            socket.Connect(IPAddress.Parse(server), 80);
            return socket;
        });
        using Socket accepted = listener.Accept();
        byte[] up = new byte[4 << 20];
        byte[] down = new byte[4 << 20];
        new Random(1).NextBytes(up);
        new Random(2).NextBytes(down);
        Thread sending = new(() => Exchange(accepted, down, out _));
        byte[] got = [];
        Thread receiving = new(() => got = Receive(accepted, up.Length));
        sending.Start();
        receiving.Start();
        Thread uploading = new(() => connection.Send(up));
        uploading.Start();
        Assert.Equal(down, Receive(connection, down.Length));
        receiving.Join();
        Assert.Equal(up, got);
        Assert.True(_bridge.Counters("pa").Moved.Bytes > up.Length, "the kernel did not move the bulk of it");
        Assert.True(_bridge.Counters("pc").Moved.Bytes > down.Length);
        Assert.Equal(0, ChecksumErrors(_c) + ChecksumErrors(_lab.A));
        (TrafficCount toServer, TrafficCount toClient) = _decisions.ReadFlow(
            new FlowTuple(_bridgeId, Tcp, IPAddress.Parse(client), 5555, IPAddress.Parse(server), 80)) ?? default;
        Assert.True(toServer.Bytes > up.Length && toClient.Bytes == 0, $"{toServer} {toClient}");
    }

    [Theory]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB, AddressC)]
    [InlineData(BridgeLab.Address6A, BridgeLab.Address6B, Address6C)]
    public void ADatagramFlowIsMovedBothWays(string client, string server, string target)
    {
        MoveToC(Udp, client, 5555, server, 53, target, 5353);
        using Socket honeypot = BridgeLab.Udp(_c, target, 5353);
        using Socket socket = BridgeLab.Udp(_lab.A, client, 5555, server, 53);
        socket.ReceiveTimeout = honeypot.ReceiveTimeout = 3000;
        socket.Send("question"u8);
        byte[] buffer = new byte[100];
        EndPoint from = new IPEndPoint(IPAddress.IPv6Any, 0);
        from = IPAddress.Parse(client).AddressFamily == AddressFamily.InterNetwork ? new IPEndPoint(IPAddress.Any, 0) : from;
        Assert.Equal("question"u8, buffer.AsSpan(0, honeypot.ReceiveFrom(buffer, ref from)));
        honeypot.SendTo("answer"u8, from);
        Assert.Equal("answer", Reply(socket)); // A connected socket takes it from the server's address only.
    }

    [Fact]
    public void AFlowIsSentToAnotherPortAsItIs()
    {
        FlowTuple flow = new(_bridgeId, Udp, IPAddress.Parse(BridgeLab.AddressA), 7000, IPAddress.Parse(BridgeLab.AddressB), 7001);
        FlowSide away = new() { Verb = FlowVerb.Redirect, PortId = _bridge.Port("pc").PortId };
        Assert.True(_decisions.SetFlow(in flow, away, FlowSide.Drop));
        Thread.Sleep(250);
        using Socket wire = BridgeLab.In(_c, () => RawSockets.Open("eth0"));
        wire.ReceiveTimeout = 3000;
        using Socket b = BridgeLab.Udp(_lab.B, port: 7001);
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 7000, BridgeLab.AddressB, 7001);
        a.Send("elsewhere"u8);
        byte[] buffer = new byte[2000];
        Assert.True(BridgeLab.Until(() => buffer.AsSpan(0, wire.Receive(buffer)).IndexOf("elsewhere"u8) > 0));
        Assert.False(b.Poll(200_000, SelectMode.SelectRead));
        Assert.Equal(1, _bridge.Counters("pa").Moved.Frames);
        Assert.True(_decisions.RemoveFlow(in flow));
        a.Send("home again"u8);
        Assert.Equal("home again", Reply(b));
    }

    [Fact]
    public void WhatIsOverALimitIsDroppedAndTheRestIsInspectedStill()
    {
        Assert.True(_decisions.SetLimit(7, new RateLimit(1, 3, ByPackets: true)));
        FlowTuple flow = new(_bridgeId, Udp, IPAddress.Parse(BridgeLab.AddressA), 7000, IPAddress.Parse(BridgeLab.AddressB), 7001);
        Assert.True(_decisions.SetFlow(in flow, new FlowSide { Limit = 7 }, FlowSide.Inspect));
        using Socket b = BridgeLab.Udp(_lab.B, port: 7001);
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 7000, BridgeLab.AddressB, 7001);
        long inspected = _bridge.Attachment.Stats.Frames;
        for (int i = 0; i < 10; i++)
        {
            a.Send("again"u8);
        }

        byte[] buffer = new byte[100];
        int received = 0;
        while (b.Poll(300_000, SelectMode.SelectRead))
        {
            b.Receive(buffer);
            received++;
        }

        LimitTraffic traffic = _decisions.ReadLimit(7)!.Value;
        Assert.InRange(received, 3, 5); // Three at once, and what a slow second adds.
        Assert.Equal((received, 10 - received), (traffic.Passed.Frames, traffic.Dropped.Frames));
        Assert.Equal(10 - received, _bridge.Counters("pa").Limited.Frames);
        Assert.True(_bridge.Attachment.Stats.Frames - inspected >= received);
        Assert.True(_decisions.RemoveLimit(7));
        a.Send("free"u8);
        Assert.Equal("free", Reply(b));
    }

    [Fact]
    public void AGuestsOrPeersRateIsHeldInBytes()
    {
        // A megabyte and the burst in the second that it lasts; without the limit it is hundreds.
        Assert.True(_decisions.SetLimit(1, new RateLimit(1_000_000, 200_000)));
        Assert.True(_decisions.LimitPort(_bridge.Port("pa").PortId, 1));
        Assert.InRange(BytesInASecond(), 100_000, 3_000_000);
        Assert.True(_decisions.LimitPort(_bridge.Port("pa").PortId, 0));
        Assert.True(_decisions.LimitHost(IPAddress.Parse(BridgeLab.AddressA), 1));
        Assert.InRange(BytesInASecond(), 100_000, 3_000_000);
        BlockedHost host = Assert.Single(_decisions.ListBlocked());
        Assert.Equal((1u, (TimeSpan?)null), (host.Limit, host.Remaining));
        Assert.True(_decisions.Unblock(IPAddress.Parse(BridgeLab.AddressA)));
        Assert.True(BytesInASecond() > 10_000_000);
    }

    [Fact]
    public void ABlockEndsByItself()
    {
        IPAddress address = IPAddress.Parse(BridgeLab.AddressB);
        Assert.True(_decisions.Block(address, TimeSpan.FromSeconds(3)));
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        BlockedHost host = Assert.Single(_decisions.ListBlocked());
        Assert.Equal(address, host.Address);
        Assert.InRange(host.Remaining!.Value.TotalSeconds, 0, 3);
        Assert.True(host.Dropped.Frames > 0);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB)));
        Assert.Empty(_decisions.ListBlocked());
    }

    [Fact]
    public void AQuarantinedGuestReachesItsRemediationOnlyAndNobodyReachesIt()
    {
        ushort port = _bridge.Port("pa").PortId;
        Assert.True(BridgeLab.Ping(_lab.A, AddressC) && BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.True(_decisions.Quarantine(port, [Mac(BridgeLab.MacA)], [new Remedy(IPAddress.Parse(AddressC), Udp, 69), new Remedy(IPAddress.Parse(Address6C))]));
        using Socket c69 = BridgeLab.Udp(_c, port: 69);
        using Socket c70 = BridgeLab.Udp(_c, port: 70);
        using Socket b = BridgeLab.Udp(_lab.B, port: 69);
        using Socket a = BridgeLab.Udp(_lab.A, BridgeLab.AddressA, 5000);
        a.SendTo("allowed"u8, new IPEndPoint(IPAddress.Parse(AddressC), 69));
        Assert.Equal("allowed", Reply(c69));
        c69.SendTo("answer"u8, new IPEndPoint(IPAddress.Parse(BridgeLab.AddressA), 5000));
        Assert.Equal("answer", Reply(a));
        a.SendTo("other port"u8, new IPEndPoint(IPAddress.Parse(AddressC), 70));
        a.SendTo("other host"u8, new IPEndPoint(IPAddress.Parse(BridgeLab.AddressB), 69));
        b.SendTo("to it"u8, new IPEndPoint(IPAddress.Parse(BridgeLab.AddressA), 5000));
        Assert.False(c70.Poll(300_000, SelectMode.SelectRead) || b.Poll(0, SelectMode.SelectRead) || a.Poll(0, SelectMode.SelectRead));
        Assert.True(BridgeLab.Ping(_lab.A, Address6C)); // All of an address, neighbour discovery included.
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.Address6B));
        Assert.True(BridgeLab.Ping(_c, BridgeLab.AddressB));
        Assert.True(_decisions.Release(port));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
    }

    [Fact]
    public void AGuardedPortTakesItsOwnSendersOnly()
    {
        ushort port = _bridge.Port("pa").PortId;
        Assert.True(_decisions.Guard(port, GuardMode.Drop, [new PortBinding(Mac(BridgeLab.MacA), [IPAddress.Parse(BridgeLab.AddressA), IPAddress.Parse(BridgeLab.Address6A)])]));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.Address6B));
        using Socket wire = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.Udp(_lab.B, port: 9);
        long before = _bridge.Counters("pa").Guarded.Frames;
        wire.Send(FrameBuilder.Udp(AddressC, BridgeLab.AddressB, 1, 9, "false address"));
        wire.Send(FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 1, 9, "false mac", macFrom: MacC));
        wire.Send(Arp(BridgeLab.MacA, BridgeLab.MacA, AddressC));
        wire.Send(Arp(BridgeLab.MacA, MacC, BridgeLab.AddressA));
        Assert.True(BridgeLab.Until(() => _bridge.Counters("pa").Guarded.Frames == before + 4));
        Assert.False(b.Poll(100_000, SelectMode.SelectRead));
        wire.Send(Arp(BridgeLab.MacA, BridgeLab.MacA, BridgeLab.AddressA));
        wire.Send(FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 1, 9, "true"));
        Assert.Equal("true", Reply(b));
        Assert.Equal(before + 4, _bridge.Counters("pa").Guarded.Frames);

        Assert.True(_decisions.Guard(port, GuardMode.Report, [new PortBinding(Mac(BridgeLab.MacA), [])]));
        wire.Send(FrameBuilder.Udp(AddressC, BridgeLab.AddressB, 1, 9, "any address now"));
        Assert.Equal("any address now", Reply(b));
        wire.Send(FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 1, 9, "seen", macFrom: MacC));
        Assert.Equal("seen", Reply(b));
        Assert.Equal(before + 5, _bridge.Counters("pa").Guarded.Frames);
    }

    private long BytesInASecond()
    {
        using Socket listener = BridgeLab.Listen(_lab.B, 0);
        using Socket client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, ((IPEndPoint)listener.LocalEndPoint!).Port)!;
        using Socket server = listener.Accept();
        client.Blocking = false;
        server.Blocking = false;
        byte[] block = new byte[65536];
        long received = 0;
        for (long end = Environment.TickCount64 + 1000; Environment.TickCount64 < end;)
        {
            client.Send(block, SocketFlags.None, out _);
            int got = server.Receive(block, SocketFlags.None, out SocketError error);
            received += error == SocketError.Success ? got : 0;
            if (error == SocketError.WouldBlock)
            {
                server.Poll(2000, SelectMode.SelectRead);
            }
        }

        return received;
    }

    private static byte[] Arp(string macFrom, string sender, string address) =>
    [
        .. Enumerable.Repeat((byte)255, 6), .. Mac(macFrom).GetAddressBytes(), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
        .. Mac(sender).GetAddressBytes(), .. IPAddress.Parse(address).GetAddressBytes(), .. new byte[6], .. IPAddress.Parse(BridgeLab.AddressB).GetAddressBytes(),
        .. new byte[18],
    ];

    private static void Exchange(Socket socket, byte[] data, out int sent) => sent = socket.Send(data);

    private static byte[] Receive(Socket socket, int length)
    {
        byte[] data = new byte[length];
        for (int at = 0; at < length;)
        {
            int got = socket.Receive(data, at, length - at, SocketFlags.None);
            if (got == 0)
            {
                break;
            }

            at += got;
        }

        return data;
    }

    private static bool Ethtool(string space)
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

    /// <summary>TCP segments and datagrams that the guest refused for their checksum.</summary>
    private static long ChecksumErrors(string space)
    {
        string[] lines = BridgeLab.Run("ip", $"netns exec {space} cat /proc/net/snmp").Output.Split('\n');
        return Field(lines, "Tcp:", "InCsumErrors") + Field(lines, "Udp:", "InCsumErrors");

        static long Field(string[] lines, string protocol, string name)
        {
            string[][] rows = [.. lines.Where(line => line.StartsWith(protocol, StringComparison.Ordinal)).Select(line => line.Split(' '))];
            return long.Parse(rows[1][Array.IndexOf(rows[0], name)], null);
        }
    }
}
