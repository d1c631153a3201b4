using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What the kernel decides by itself: flows, blocked addresses, quarantine. The counters say who has seen what.</summary>
public sealed class BridgeDecisionTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(System.Text.Encoding.ASCII.GetBytes(text)) >= 0;

    private static Verdict DecideOnWords(Span<byte> frame, in FrameInfo info, FrameInjector injector) =>
        Is(frame, "deny") ? new Verdict { Action = VerdictAction.Drop, Offload = FlowOffload.Drop }
        : Is(frame, "allow") ? new Verdict { Offload = FlowOffload.Pass }
        : Verdict.Pass;

    public static TheoryData<string, string, int[]?> Networks => new()
    {
        { BridgeLab.AddressA, BridgeLab.AddressB, null },
        { BridgeLab.Address6A, BridgeLab.Address6B, null },
        { BridgeLab.AddressA, BridgeLab.AddressB, [100] },
        { BridgeLab.Address6B, BridgeLab.Address6A, [4094] },
        { BridgeLab.AddressB, BridgeLab.AddressA, [200, 300] },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void ADroppedFlowIsDroppedByTheKernelBothWaysAndNoOtherIs(string from, string to, int[]? tags)
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, DecideOnWords);
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        a.Send(FrameBuilder.Udp(from, to, 40000, 53, "deny", tags: tags));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded == 1));
        a.Send(FrameBuilder.Udp(from, to, 40000, 53, "more", tags: tags));
        b.Send(FrameBuilder.Udp(to, from, 53, 40000, "answer", BridgeLab.MacB, BridgeLab.MacA, tags));
        a.Send(FrameBuilder.Udp(from, to, 40001, 53, "other port", tags: tags));
        a.Send(FrameBuilder.Udp(from, to, 40000, 53, "other vlan", tags: [77]));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Passed >= 2));
        Assert.Equal(1, bridge.Counters("pa").Dropped.Frames);
        Assert.True(BridgeLab.Until(() => bridge.Counters("pb").Dropped.Frames == 1));
    }

    [Fact]
    public void APassedFlowGoesByTheKernelAndTheBytesAddUp()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, DecideOnWords);
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 9100)!;
        using Socket server = listener.Accept();
        client.Send("allow"u8);
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded >= 1));
        byte[] bulk = new byte[8 << 20];
        Thread sending = new(() => client.Send(bulk));
        sending.Start();
        byte[] buffer = new byte[65536];
        int received = 0;
        while (received < bulk.Length + 5)
        {
            received += server.Receive(buffer);
        }

        sending.Join();
        Assert.True(bridge.Counters("pa").Passed.Bytes > bulk.Length);

        // Late acknowledgements and neighbour discovery go on: the sums are compared when they have come to rest.
        PortCounters[] ports = [];
        Assert.True(
            BridgeLab.Until(() =>
            {
                ports = [bridge.Counters("pa"), bridge.Counters("pb"), bridge.Counters("br0")];
                return ports.All(port => port.Seen == port.Punted + port.Passed + port.Control)
                    && bridge.Attachment.Stats.Bytes == ports.Sum(port => port.Punted.Bytes + port.Late.Bytes);
            }),
            $"{bridge.Attachment.Stats.Bytes} bytes in the engine, {string.Join("; ", ports)}");
        Assert.True(bridge.Attachment.Stats.Bytes < 1 << 20, "the engine has seen the bulk of it");
    }

    [Fact]
    public void FramesOfAFlowKeepTheirOrderWhenItsDecisionFallsInTheMiddle()
    {
        // Frames pile up behind each one; neither a stale heartbeat nor an overload of this busy machine may let some by.
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            if (Is(frame, "number"))
            {
                Thread.SpinWait(200);
                return new Verdict { Offload = Is(frame, "number 0200") ? FlowOffload.Pass : FlowOffload.None };
            }

            return Verdict.Pass;
        }, RunningBridge.Options() with { BacklogFrames = 8192 });
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB)); // Frames that wait for ARP may leave out of order by themselves.
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        receiver.ReceiveBufferSize = 4 << 20;
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        List<string> received = [];
        byte[] buffer = new byte[64];
        for (int i = 0; i < 3000; i++)
        {
            sender.Send(System.Text.Encoding.ASCII.GetBytes($"number {i:d4}"));
            if (i % 20 == 19)
            {
                Thread.Sleep(1);
            }
        }

        while (receiver.Poll(300_000, SelectMode.SelectRead))
        {
            received.Add(System.Text.Encoding.ASCII.GetString(buffer, 0, receiver.Receive(buffer)));
        }

        Assert.True(bridge.Counters("pa").Passed.Frames > 0, "the decision never took hold");
        Assert.Equal(received.Order(StringComparer.Ordinal), received);
    }

    [Theory]
    [InlineData("allow", "deny")]
    [InlineData("deny", "allow")]
    public void ADropStandsWhicheverDecisionCameFirst(string first, string second)
    {
        // The kernel asks for passes before drops: of a flow with both it must have the drop alone.
        using RunningBridge bridge = RunningBridge.Start(_lab, DecideOnWords);
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        const string From = "10.77.0.50";
        const string To = "10.77.0.60";
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "A", payload: first));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded == 1));
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "FA", payload: second)); // A decided flow's FIN is still the engine's.
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded == 2));
        PortCounters before = bridge.Counters("pa");
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "A", payload: "more"));
        Assert.True(BridgeLab.Until(() => bridge.Counters("pa").Dropped.Frames == before.Dropped.Frames + 1));
        Assert.Equal(before.Passed, bridge.Counters("pa").Passed);
    }

    [Fact]
    public void ANewConnectionWithAnOldKeyIsJudgedAfresh()
    {
        int syns = 0;
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            if (frame[12] == 8 && frame[13] == 0 && frame[23] == 6 && (frame[47] & 2) != 0)
            {
                Interlocked.Increment(ref syns);
            }

            return DecideOnWords(frame, in info, null!);
        });
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        const string From = "10.77.0.50";
        const string To = "10.77.0.60";
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "A", payload: "deny"));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded == 1));
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "A", payload: "dropped"));
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "S"));
        Assert.True(BridgeLab.Until(() => Volatile.Read(ref syns) == 1));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Passed >= 1));
        long passed = bridge.Attachment.Stats.Passed;
        a.Send(FrameBuilder.Tcp(From, To, 1, 2, "A", payload: "new"));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Passed > passed));
        Assert.Equal(1, bridge.Counters("pa").Dropped.Frames);
    }

    [Fact]
    public void BlockedAddressesAndQuarantinedPortsAreDroppedUntilTheyAreReleased()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass);
        IPAddress address = IPAddress.Parse(BridgeLab.AddressA);
        Assert.True(bridge.Attachment.Decisions!.Block(address));
        Assert.False(BridgeLab.Ping(_lab.B, BridgeLab.AddressA));
        Assert.True(BridgeLab.Ping(_lab.B, BridgeLab.Address6A));
        Assert.True(bridge.Attachment.Decisions!.Unblock(address));
        Assert.True(BridgeLab.Ping(_lab.B, BridgeLab.AddressA));

        PhysicalAddress mac = PhysicalAddress.Parse(BridgeLab.MacB.Replace(':', '-'));
        Assert.True(bridge.Attachment.Decisions!.Block(mac, bridge.Port("pa").BridgeId));
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.True(bridge.Attachment.Decisions!.Unblock(mac, bridge.Port("pa").BridgeId));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));

        Assert.True(bridge.Attachment.Decisions!.Quarantine(bridge.Port("pb").PortId, [], []));
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.True(bridge.Counters("pb").Blocked.Frames > 0);
        Assert.True(bridge.Attachment.Decisions!.Release(bridge.Port("pb").PortId));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
    }

    [Fact]
    public void ADecisionIsForgottenAfterItsIdleTime()
    {
        BridgeOptions options = RunningBridge.Options() with { DecidedFlowIdleSeconds = 1 };
        using RunningBridge bridge = RunningBridge.Start(_lab, DecideOnWords, options);
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        a.Send(FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 5, 6, "deny"));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Offloaded == 1));
        Thread.Sleep(6500); // The scan comes every five seconds.
        long frames = bridge.Attachment.Stats.Passed;
        a.Send(FrameBuilder.Udp(BridgeLab.AddressA, BridgeLab.AddressB, 5, 6, "again"));
        Assert.True(BridgeLab.Until(() => bridge.Attachment.Stats.Passed > frames));
        Assert.Equal(0, bridge.Counters("pa").Dropped.Frames);
    }
}
