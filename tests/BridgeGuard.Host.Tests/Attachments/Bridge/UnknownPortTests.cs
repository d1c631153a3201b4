using System.Collections.Concurrent;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Ports that forward already and that the data plane has not been told of: nothing of theirs passes unseen, whoever it is for.</summary>
public sealed class UnknownPortTests : IDisposable
{
    private const int LinkMs = 30_000;

    private readonly BridgeLab _lab = new();
    private readonly ScratchFolder _scratch = new();
    private readonly ConcurrentQueue<string> _judged = [];
    private readonly ManualResetEventSlim _goOn = new();
    private readonly string _guests;
    private bool _isMounted;

    public UnknownPortTests()
    {
        _guests = _lab.AddNamespace("g");
        BridgeLab.Run("ip", $"netns exec {_guests} sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
    }

    public void Dispose()
    {
        _goOn.Set();
        _lab.Dispose();
        if (_isMounted)
        {
            BridgeLab.Run("umount", Path.Combine(_scratch.Path, "bpf"));
        }

        _scratch.Dispose();
        _goOn.Dispose();
    }

    [Fact]
    public void TwoOfThemDoNotReachEachOtherUntilOneIsInspected()
    {
        MakePorts(3);
        using RunningBridge bridge = Start();
        using Release held = StopAt(bridge, "t0");
        Plug(0);
        Plug(1);
        Plug(2);
        using Socket g1 = Open("g1");
        using Socket g2 = Open("g2");
        Assert.True(BridgeLab.Until(() => IsForwarding("t1") && IsForwarding("t2"), LinkMs));
        for (int i = 0; i < 20; i++)
        {
            g1.Send(Frame($"early {i:00}", to: "02:78:00:00:00:02"));
            g2.Send(Frame($"early {i + 20:00}", from: "02:78:00:00:00:02", to: "ff:ff:ff:ff:ff:ff"));
        }

        string[] got = [.. Drain(g2, "early"), .. Drain(g1, "early")];
        Assert.DoesNotContain(bridge.Attachment.Ports.All, port => port.Name is "t1" or "t2");
        SkipWithoutFence(bridge);
        Assert.All(got, text => Assert.Contains(text, _judged));
        Assert.Contains(Enumerable.Range(0, 20).Select(i => $"early {i:00}"), text => !got.Contains(text) && !_judged.Contains(text));

        // To a port that is inspected the same frames went by way of the engine, each once; the others as long as the bridge did not know whose they were.
        string[] flooded = [.. _judged.Where(text => text.StartsWith("early", StringComparison.Ordinal))];
        Assert.Equal(flooded.Distinct(), flooded);
        Assert.Equal(Enumerable.Range(20, 20).Select(i => $"early {i:00}"), flooded.Where(text => string.CompareOrdinal(text, "early 20") >= 0));

        _goOn.Set();
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Ports.All.Count(port => port.Name is "t1" or "t2") == 2, LinkMs));
        g1.Send(Frame("later", to: "02:78:00:00:00:02"));
        Assert.Equal(["later"], Drain(g2, "later"));
        Assert.Contains("later", _judged);
    }

    [Fact]
    public void WhatOneSendsToAHostThatIsNotInspectedIsJudged()
    {
        MakePorts(2);
        using RunningBridge bridge = Start(RunningBridge.Options() with { InspectHost = false });
        using Release held = StopAt(bridge, "t0");
        Plug(0);
        Plug(1);
        using Socket g1 = Open("g1");
        string mac = HostMac();
        int sent = 0;
        Assert.True(
            BridgeLab.Until(() =>
            {
                g1.Send(Frame($"host {sent++:000000}", to: mac, address: BridgeLab.AddressHost));
                Thread.Sleep(20);
                return _judged.Any(text => text.StartsWith("host", StringComparison.Ordinal));
            }, LinkMs),
            "never judged");
        Assert.DoesNotContain(bridge.Attachment.Ports.All, port => port.Name == "t1");
    }

    /// <summary>The bridge is closed while there is no data plane: a guest that is plugged in then is as closed as the others.</summary>
    [Fact]
    public void OneThatComesWhileAClosedBridgeHasNoDataPlaneReachesNobody()
    {
        MakePorts(2);
        string pins = PinFolder();
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        using (BridgeChild child = BridgeChild.Start(_lab.Host, "closed", pins))
        {
            child.Signal("KILL");
        }

        Plug(0);
        Plug(1);
        using Socket g0 = Open("g0");
        using Socket g1 = Open("g1");
        Assert.True(BridgeLab.Until(() => IsForwarding("t0") && IsForwarding("t1"), LinkMs));
        for (int i = 0; i < 20; i++)
        {
            g0.Send(Frame($"early {i:00}", to: BridgeLab.MacB));
            g0.Send(Frame($"early {i:00}", to: "ff:ff:ff:ff:ff:ff"));
            g0.Send(Frame($"early {i:00}", to: "02:78:00:00:00:02"));
        }

        Assert.Empty(Drain(b, "early"));
        if (BridgeLab.Run("nsenter", $"--net=/run/netns/{_lab.Host} nft list table bridge bridgeguard-bgpunt0-closed").Code == 0)
        {
            Assert.Empty(Drain(g1, "early"));
        }

        // Nor the host.
        using Socket host = BridgeLab.Udp(_lab.Host, port: 2);
        byte[] ToHost(string text) => FrameBuilder.Udp("10.77.0.99", BridgeLab.AddressHost, 1, 2, $"[{text}]", macFrom: "02:78:00:00:00:00", macTo: HostMac());
        g0.Send(ToHost("early host"));
        Assert.Empty(Drain(host, "early"));

        // The next one inspects them, and nothing of the first is left.
        using (RunningBridge next = Start(RunningBridge.Options() with { WhenStale = FailMode.Closed, PinFolder = pins }))
        {
            Assert.True(BridgeLab.Until(() => next.Attachment.Ports.All.Count(port => port.Name is "t0" or "t1") == 2, LinkMs));
            g0.Send(Frame("later", to: BridgeLab.MacB));
            Assert.Equal(["later"], Drain(b, "later"));
            Assert.Contains("later", _judged);
            g0.Send(ToHost("later host"));
            Assert.Equal(["later host"], Drain(host, "later"));
        }

        g0.Send(Frame("after", to: "02:78:00:00:00:02"));
        Assert.Equal(["after"], Drain(g1, "after"));
        Assert.Empty(Directory.GetFiles(pins, "*", SearchOption.AllDirectories));
        Assert.NotEqual(0, BridgeLab.Run("nsenter", $"--net=/run/netns/{_lab.Host} nft list table bridge bridgeguard-bgpunt0-closed").Code);
    }

    /// <summary>As before on an open one: nothing of a dead data plane stands in the way.</summary>
    [Fact]
    public void OnesThatComeWhileAnOpenBridgeHasNoDataPlaneReachEverybody()
    {
        MakePorts(2);
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        using (BridgeChild child = BridgeChild.Start(_lab.Host))
        {
            child.Signal("KILL");
        }

        Plug(0);
        Plug(1);
        using Socket g0 = Open("g0");
        using Socket g1 = Open("g1");
        Assert.True(BridgeLab.Until(() => IsForwarding("t0") && IsForwarding("t1"), LinkMs));
        g0.Send(Frame("goes on", to: BridgeLab.MacB));
        g0.Send(Frame("goes on", to: "02:78:00:00:00:02"));
        Assert.Equal(["goes on"], Drain(b, "goes on").Distinct());
        Assert.Equal(["goes on"], Drain(g1, "goes on"));
    }

    /// <summary>More happens than the kernel keeps for a listener that is held up: ports that came meanwhile are found, and those that went are gone.</summary>
    [Fact]
    public void PortsAreFoundAfterMessagesWereLost()
    {
        MakePorts(6);
        using RunningBridge bridge = Start();
        Plug(1);
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Ports.All.Any(port => port.Name == "t1"), LinkMs));
        using Release held = StopAt(bridge, "t0");
        Plug(0);
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Ports.All.Any(port => port.Name == "t0"), LinkMs));
        Plug(2);
        BridgeLab.Ip($"-n {_lab.Host} link del t2"); // Is still told of, that it is gone perhaps no more.
        string noise = Path.Combine(_scratch.Path, "noise");
        File.WriteAllLines(noise, Enumerable.Range(0, 12_000).Select(i => $"link set t5 mtu {1400 + (i & 1)}"));
        BridgeLab.Ip($"-n {_lab.Host} -batch {noise}");
        Plug(3);
        BridgeLab.Ip($"-n {_lab.Host} link del t1");
        Plug(4);
        _goOn.Set();

        Assert.True(
            BridgeLab.Until(() => bridge.Attachment.Ports.All.Where(port => port.Name[0] == 't').Select(port => port.Name).Order().SequenceEqual(["t0", "t3", "t4"]), LinkMs),
            string.Join(' ', bridge.Attachment.Ports.All.Select(port => port.Name)));
        Assert.True(bridge.Attachment.Overruns > 0, "nothing was lost: make more noise");
        Assert.All(bridge.Attachment.Ports.All, port => Assert.Null(port.Uncovered));
    }

    private static byte[] Frame(string text, string from = "02:78:00:00:00:01", string to = BridgeLab.MacB, string address = BridgeLab.AddressB) =>
        FrameBuilder.Udp("10.77.1.1", address, 1, 2, $"[{text}]", macFrom: from, macTo: to);

    private static string? TextIn(ReadOnlySpan<byte> frame)
    {
        int at = frame.IndexOf((byte)'[');
        int end = at < 0 ? -1 : frame[at..].IndexOf((byte)']');
        return end < 0 ? null : System.Text.Encoding.ASCII.GetString(frame.Slice(at + 1, end - 1));
    }

    private static List<string> Drain(Socket socket, string begin)
    {
        List<string> texts = [];
        byte[] buffer = new byte[2000];
        while (socket.Poll(300_000, SelectMode.SelectRead))
        {
            if (TextIn(buffer.AsSpan(0, socket.Receive(buffer))) is { } text && text.StartsWith(begin, StringComparison.Ordinal))
            {
                texts.Add(text);
            }
        }

        return texts;
    }

    private static void SkipWithoutFence(RunningBridge bridge) =>
        Assert.SkipWhen(bridge.Warnings.Find(line => line.Contains("nftables family bridge", StringComparison.Ordinal)) is not null, string.Join(Environment.NewLine, bridge.Warnings));

    private Socket Open(string device) => BridgeLab.In(_guests, () => RawSockets.Open(device));

    private RunningBridge Start(BridgeOptions? options = null) => RunningBridge.Start(
        _lab,
        (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
        {
            if (TextIn(frame) is { } text)
            {
                _judged.Enqueue(text);
            }

            return Verdict.Pass;
        },
        options);

    /// <summary>Whoever tells of ports waits at the first one: those plugged in after it are not known until the test goes on.</summary>
    private Release StopAt(RunningBridge bridge, string port)
    {
        bridge.Attachment.Ports.Changed += change =>
        {
            if (change.After?.Name == port)
            {
                _goOn.Wait(LinkMs);
            }
        };
        return new Release(_goOn);
    }

    /// <summary>A test that fails must not leave the attachment waiting.</summary>
    private sealed class Release(ManualResetEventSlim goOn) : IDisposable
    {
        public void Dispose() => goOn.Set();
    }

    private void MakePorts(int count)
    {
        for (int i = 0; i < count; i++)
        {
            BridgeLab.Ip($"link add t{i} netns {_lab.Host} type veth peer name g{i} address 02:78:00:00:00:{i:x2} netns {_guests}");
            BridgeLab.Ip($"-n {_guests} link set g{i} up");
        }
    }

    private void Plug(int port)
    {
        BridgeLab.Ip($"-n {_lab.Host} link set t{port} master br0");
        BridgeLab.Ip($"-n {_lab.Host} link set t{port} up");
    }

    private string HostMac() => BridgeLab.Ip($"-n {_lab.Host} -o link show br0").Split("link/ether ")[1][..17];

    private bool IsForwarding(string port) => BridgeLab.Ip($"-n {_lab.Host} -d link show {port}").Contains("state forwarding", StringComparison.Ordinal);

    private string PinFolder()
    {
        string mountPoint = Directory.CreateDirectory(Path.Combine(_scratch.Path, "bpf")).FullName;
        if (Libc.Mount("bpf", mountPoint, "bpf", 0, 0) != 0)
        {
            Assert.Skip($"cannot mount a bpffs: {Libc.LastMessage()}");
        }

        _isMounted = true;
        return Path.Combine(mountPoint, "bridgeguard");
    }
}
