using System.Collections.Concurrent;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What a bridge does to frames it still does with us in between: sizes, tags, fragments, learning, flooding, control protocols.</summary>
public sealed class BridgeWireTests : IDisposable
{
    private const string MacC = "02:77:00:00:00:03";
    private const int DontFragment = 10; // IP_MTU_DISCOVER
    private const int Always = 2;        // IP_PMTUDISC_DO

    private readonly BridgeLab _lab = new();
    private readonly ConcurrentQueue<(byte[] Frame, ushort PortId)> _seen = new();

    public void Dispose() => _lab.Dispose();

    private Verdict Remember(Span<byte> frame, in FrameInfo info, FrameInjector injector)
    {
        _seen.Enqueue((frame.ToArray(), info.PortId));
        return Verdict.Pass;
    }

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0;

    private static int Receive(Socket wire, string text, int waitMs = 500)
    {
        byte[] buffer = new byte[70_000];
        int count = 0;
        while (wire.Poll(waitMs * 1000, SelectMode.SelectRead))
        {
            count += Is(buffer.AsSpan(0, wire.Receive(buffer)), text) ? 1 : 0;
        }

        return count;
    }

    private void AddC(out string space)
    {
        space = _lab.AddNamespace("c");
        _lab.AddGuest(space, "pc", MacC, "10.77.0.3", "fd77::3");
    }

    [Theory]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB)]
    [InlineData(BridgeLab.Address6A, BridgeLab.Address6B)]
    public void JumboFramesPassWhole(string from, string to)
    {
        foreach ((string space, string device) in ((string, string)[])[(_lab.Host, "pa"), (_lab.Host, "pb"), (_lab.Host, "br0"), (_lab.A, "eth0"), (_lab.B, "eth0")])
        {
            BridgeLab.Ip($"-n {space} link set {device} mtu 9000");
        }

        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        using Socket b = BridgeLab.Udp(_lab.B, to.Contains(':') ? "::" : "0.0.0.0", 9000);
        using Socket a = BridgeLab.Udp(_lab.A, from, to: to, toPort: 9000);
        byte[] sent = new byte[8900];
        new Random(1).NextBytes(sent);
        a.Send(sent);
        byte[] got = new byte[10_000];
        Assert.Equal(sent, got[..b.Receive(got)]);
        Assert.Contains(_seen, seen => seen.Frame.Length > 8900);
    }

    /// <summary>Guests without offloads: their segments go through the bridge joined, and reach the receiver in the size in which they were sent.</summary>
    [Theory]
    [InlineData(BridgeLab.AddressB)]
    [InlineData(BridgeLab.Address6B)]
    public void SegmentsOfGuestsWithoutOffloadsAreJoinedAndArriveAsTheyWere(string to)
    {
        foreach ((string space, string device) in ((string, string)[])[(_lab.Host, "pa"), (_lab.Host, "pb"), (_lab.A, "eth0"), (_lab.B, "eth0")])
        {
            BridgeLab.Run("ip", $"netns exec {space} ethtool -K {device} tx off rx off tso off gso off gro off");
        }

        using RunningBridge bridge = RunningBridge.Start(_lab, PassSlowly);
        using Socket wire = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        wire.ReceiveBufferSize = 16 << 20;
        using Socket listening = BridgeLab.Listen(_lab.B, 9000);
        using Socket a = BridgeLab.Connect(_lab.A, to, 9000)!;
        using Socket b = listening.Accept();
        byte[] sent = new byte[3_000_000];
        new Random(2).NextBytes(sent);
        Thread sending = new(() => a.Send(sent));
        sending.Start();
        byte[] got = new byte[sent.Length];
        int count = 0;
        while (count < got.Length)
        {
            count += b.Receive(got, count, got.Length - count, SocketFlags.None);
        }

        sending.Join();
        Assert.Equal(sent, got);
        Assert.True(bridge.Attachment.Stats.Joined > 100, $"{bridge.Attachment.Stats.Joined} segments were joined");
        byte[] frame = new byte[70_000];
        int largest = 0;
        while (wire.Poll(0, SelectMode.SelectRead))
        {
            largest = Math.Max(largest, wire.Receive(frame));
        }

        Assert.InRange(largest, 1400, 1514);
        Assert.Equal(0, bridge.Attachment.Stats.WriteFailed);
    }

    // So that the next segment is there already.
    private static Verdict PassSlowly(Span<byte> frame, in FrameInfo info, FrameInjector injector)
    {
        if (frame.Length > 1000)
        {
            Thread.SpinWait(500);
        }

        return Verdict.Pass;
    }

    [Fact]
    public void FragmentsArePassedEachAndReachTheGuestWhole()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        foreach (string to in (string[])[BridgeLab.AddressB, BridgeLab.Address6B])
        {
            using Socket b = BridgeLab.Udp(_lab.B, to.Contains(':') ? "::" : "0.0.0.0", 9000);
            using Socket a = BridgeLab.Udp(_lab.A, to.Contains(':') ? "::" : "0.0.0.0", to: to, toPort: 9000);
            byte[] sent = new byte[5000];
            new Random(1).NextBytes(sent);
            a.Send(sent);
            byte[] got = new byte[10_000];
            Assert.Equal(sent, got[..b.Receive(got)]);
        }

        Assert.True(_seen.Count(seen => seen.Frame[12] == 8 && seen.Frame[13] == 0 && ((seen.Frame[20] & 0x3F) | seen.Frame[21]) != 0) >= 4);
        Assert.True(_seen.Count(seen => seen.Frame[12] == 0x86 && seen.Frame[20] == 44) >= 4);
    }

    [Fact]
    public void ASenderLearnsThePathMtuThroughUs()
    {
        // A routes to C by the host, whose other bridge is narrower: its "fragmentation needed" leaves by the bridge device.
        string c = _lab.AddNamespace("c");
        BridgeLab.Ip($"-n {_lab.Host} link add br1 type bridge forward_delay 0 mcast_snooping 0");
        BridgeLab.Ip($"link add pc netns {_lab.Host} type veth peer name eth0 netns {c}");
        BridgeLab.Ip($"-n {_lab.Host} link set pc master br1");
        BridgeLab.Ip($"-n {_lab.Host} link set pc mtu 1300 up");
        BridgeLab.Ip($"-n {_lab.Host} link set br1 mtu 1300 up");
        BridgeLab.Ip($"-n {_lab.Host} addr add 10.78.0.254/24 dev br1");
        BridgeLab.Ip($"-n {c} addr add 10.78.0.1/24 dev eth0");
        BridgeLab.Ip($"-n {c} link set eth0 mtu 1300 up");
        BridgeLab.Ip($"-n {c} route add default via 10.78.0.254");
        BridgeLab.Ip($"-n {_lab.A} route add 10.78.0.0/24 via {BridgeLab.AddressHost}");
        BridgeLab.Run("ip", $"netns exec {_lab.Host} sysctl -qw net.ipv4.ip_forward=1");
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember, RunningBridge.Options("br0", "br1"));
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, "10.78.0.1")));
        using Socket socket = BridgeLab.Udp(_lab.A, to: "10.78.0.1", toPort: 9000);
        socket.SetRawSocketOption(0, DontFragment, BitConverter.GetBytes(Always));
        Assert.True(BridgeLab.Until(() =>
        {
            try
            {
                socket.Send(new byte[1400]);
                Thread.Sleep(50);
                return false;
            }
            catch (SocketException error)
            {
                return error.SocketErrorCode == SocketError.MessageSize;
            }
        }));
        ushort host = bridge.Port("br0").PortId;
        Assert.Contains(_seen, seen => seen.PortId == host && seen.Frame[12] == 8 && seen.Frame[13] == 0 && seen.Frame[23] == 1 && seen.Frame[34] == 3 && seen.Frame[35] == 4);
    }

    [Theory]
    [InlineData(100, 0)]
    [InlineData(200, 300)]
    [InlineData(4094, 0)]
    public void TaggedFramesArriveWithTheirTags(int outer, int inner)
    {
        int[] tags = inner == 0 ? [outer] : [outer, inner];
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        byte[] sent = FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 1, 2, "tagged frame of some length, so that nothing is padded", tags: tags);
        a.Send(sent);
        byte[] got = [];
        Assert.True(BridgeLab.Until(() =>
        {
            byte[] buffer = new byte[2000];
            got = b.Poll(1_000_000, SelectMode.SelectRead) ? buffer[..b.Receive(buffer)] : [];
            return Is(got, "tagged frame");
        }));

        // The socket takes the outer tag off into its ancillary data: what it leaves must be there byte for byte, the inner tag included.
        Assert.Equal(sent[^(sent.Length - 16)..], got[^(sent.Length - 16)..]);
        Assert.Contains(_seen, seen => seen.Frame.AsSpan().SequenceEqual(sent));
    }

    [Fact]
    public void TheBridgeLearnsGuestsOnTheirOwnPorts()
    {
        AddC(out string c);
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        Assert.True(BridgeLab.Until(() => BridgeLab.Ping(_lab.A, BridgeLab.AddressB) && BridgeLab.Ping(c, BridgeLab.AddressA)));
        (int code, string table) = BridgeLab.Run("ip", $"netns exec {_lab.Host} bridge fdb show br br0");
        Assert.SkipUnless(code == 0, $"needs bridge(8): {table}");
        foreach ((string mac, string port) in ((string, string)[])[(BridgeLab.MacA, "pa"), (BridgeLab.MacB, "pb"), (MacC, "pc")])
        {
            string[] places = [.. table.Split('\n').Where(line => line.StartsWith(mac, StringComparison.Ordinal))];
            Assert.All(places, line => Assert.Contains($"dev {port} ", line, StringComparison.Ordinal));
            Assert.NotEmpty(places);
        }

        // So what is known is not flooded.
        using Socket bystander = BridgeLab.In(c, () => RawSockets.Open("eth0"));
        using Socket a = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        a.Send("private"u8);
        Assert.Equal(0, Receive(bystander, "private"));
    }

    [Theory]
    [InlineData("ff:ff:ff:ff:ff:ff")]
    [InlineData("01:00:5e:01:02:03")]
    [InlineData("02:99:99:99:99:99")]
    public void WhatIsFloodedIsInspectedOnceAndReachesEachGuestOnce(string to)
    {
        AddC(out string c);
        using RunningBridge bridge = RunningBridge.Start(_lab, Remember);
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        using Socket other = BridgeLab.In(c, () => RawSockets.Open("eth0"));
        a.Send(FrameBuilder.Udp(BridgeLab.AddressA, "239.1.2.3", 1, 2, "flooded", macTo: to));
        Assert.Equal((1, 1), (Receive(b, "flooded"), Receive(other, "flooded", 1)));
        Assert.Equal(1, _seen.Count(seen => Is(seen.Frame, "flooded")));
    }

    [Fact]
    public void ControlProtocolsOfTheLinkAreNeverTouched()
    {
        // The bridge forwards LLDP only where it is told to; STP goes to the bridge itself.
        BridgeLab.Run("ip", $"netns exec {_lab.Host} sh -c \"echo 0x4000 > /sys/class/net/br0/bridge/group_fwd_mask\"");
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector injector) =>
        {
            Remember(frame, in info, injector);
            return new Verdict { Action = VerdictAction.Drop };
        });
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        byte[] from = PhysicalAddress.Parse(BridgeLab.MacA.Replace(':', '-')).GetAddressBytes();
        a.Send([0x01, 0x80, 0xC2, 0, 0, 0x0E, .. from, 0x88, 0xCC, .. "a neighbour says who it is"u8, .. new byte[40]]);
        a.Send([0x01, 0x80, 0xC2, 0, 0, 0x00, .. from, 0, 38, 0x42, 0x42, 3, .. new byte[60]]);
        Assert.Equal(1, Receive(b, "a neighbour says"));
        Assert.True(BridgeLab.Until(() => bridge.Counters("pa").Control.Frames == 2));

        // The engine hears who the neighbour is, from a copy: whatever it says about that, the frame has gone on.
        Assert.True(BridgeLab.Until(() => _seen.Any(seen => seen.Frame[0] == 1 && seen.Frame[1] == 0x80)));
        (byte[] copy, ushort port) = Assert.Single(_seen, seen => seen.Frame[0] == 1 && seen.Frame[1] == 0x80);
        Assert.Equal((0x0E, 0x88, 0xCC, bridge.Port("pa").PortId), (copy[5], copy[12], copy[13], port));
    }
}
