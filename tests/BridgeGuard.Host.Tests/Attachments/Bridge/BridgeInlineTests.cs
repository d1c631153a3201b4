using System.Collections.Concurrent;
using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Frames on a real bridge: what passes, what does not, and what the engine is told of it.</summary>
public sealed class BridgeInlineTests : IDisposable
{
    private readonly BridgeLab _lab = new();
    private readonly ConcurrentQueue<(byte[] Frame, FrameInfo Info)> _seen = new();

    public void Dispose() => _lab.Dispose();

    private Verdict Pass(Span<byte> frame, in FrameInfo info, FrameInjector injector)
    {
        _seen.Enqueue((frame.ToArray(), info));
        return Verdict.Pass;
    }

    private static bool IsIcmp(ReadOnlySpan<byte> frame) => frame.Length > 34 && frame[12] == 8 && frame[13] == 0 && frame[23] == 1;

    private static bool IsUdp(ReadOnlySpan<byte> frame) => frame.Length > 34 && frame[12] == 8 && frame[13] == 0 && frame[23] == 17;

    private static bool IsTcp(ReadOnlySpan<byte> frame) => frame.Length > 34 && frame[12] == 8 && frame[13] == 0 && frame[23] == 6;

    [Fact]
    public void ArpIpv4AndIpv6PassAndAreSeenOnceEach()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Pass);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.Address6B));
        ushort portA = bridge.Port("pa").PortId;
        ushort portB = bridge.Port("pb").PortId;
        Assert.Contains(_seen, seen => seen.Frame[12] == 8 && seen.Frame[13] == 6 && seen.Info.PortId == portA);
        Assert.Equal([portA, portB], _seen.Where(seen => IsIcmp(seen.Frame)).Select(seen => seen.Info.PortId));
        Assert.Contains(_seen, seen => seen.Frame[12] == 0x86 && seen.Frame[13] == 0xDD && seen.Info.PortId == portB);
    }

    [Fact]
    public void HostAndGuestTalkThroughTheEngineBothWays()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Pass);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressHost));
        Assert.True(BridgeLab.Ping(_lab.Host, BridgeLab.AddressB));
        ushort[] ports = [.. _seen.Where(seen => IsIcmp(seen.Frame)).Select(seen => seen.Info.PortId)];
        ushort host = bridge.Port("br0").PortId;
        Assert.Equal([bridge.Port("pa").PortId, host, host, bridge.Port("pb").PortId], ports);
        Assert.Equal(PortRole.Host, bridge.Port("br0").Role);
    }

    [Fact]
    public void ADroppedFrameDoesNotArrive()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            IsUdp(frame) && frame.IndexOf("evil"u8) >= 0 ? new Verdict { Action = VerdictAction.Drop } : Verdict.Pass);
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        sender.Send("good 1"u8);
        sender.Send("evil 2"u8);
        sender.Send("good 3"u8);
        Assert.Equal(["good 1", "good 3"], [Receive(receiver), Receive(receiver)]);
        Assert.Equal(1, bridge.Attachment.Stats.Dropped);
    }

    [Fact]
    public void BulkTcpPassesWholeInSuperFramesWithPartialChecksums()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Pass);
        byte[] sent = new byte[4 << 20];
        new Random(1).NextBytes(sent);
        Assert.Equal(sent, Transfer(sent));
        Assert.Contains(_seen, seen => seen.Info.GsoSize > 1000 && seen.Frame.Length > 10_000);
        Assert.Contains(_seen, seen => IsTcp(seen.Frame) && seen.Info.Checksum == ChecksumState.Partial);
        Assert.Equal(0, bridge.Attachment.Stats.WriteFailed);
    }

    [Fact]
    public void AFrameRewrittenInPlaceArrivesRewrittenWithGsoAndPartialChecksums()
    {
        // Equal length and partial checksums: the sum in the frame covers only the pseudo-header, so a changed payload needs no work.
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            bool isModified = false;
            if (IsTcp(frame) && info.Checksum == ChecksumState.Partial)
            {
                for (int at = frame.IndexOf("virus"u8); at >= 0; at = frame.IndexOf("virus"u8))
                {
                    "clean"u8.CopyTo(frame[at..]);
                    isModified = true;
                }
            }

            return new Verdict { Modified = isModified };
        });
        byte[] sent = [.. Enumerable.Range(0, 8000).SelectMany(_ => "a virus in a text. "u8.ToArray())];
        byte[] received = Transfer(sent);
        Assert.Equal(sent.Length, received.Length);
        Assert.True(received.AsSpan().Count("clean"u8) > 7000); // Those that no frame border cut.
        Assert.True(bridge.Attachment.Stats.Modified > 0);
    }

    [Fact]
    public void ATrunkWithVlanTagsPassesWithItsTags()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, Pass);
        byte[] tagged = [2, 0x77, 0, 0, 0, 2, 2, 0x77, 0, 0, 0, 1, 0x81, 0, 0x20, 0x64, 0x88, 0xB5, .. Enumerable.Repeat((byte)0x5A, 60)];
        Socket Raw(string space) => BridgeLab.In(space, () => RawSockets.Open("eth0"));
        using Socket receiver = Raw(_lab.B);
        using Socket sender = Raw(_lab.A);
        sender.Send(tagged);
        Assert.Contains(ReceiveAll(receiver, 300), frame => RawSockets.EndsWith(frame, tagged));
        Assert.Contains(_seen, seen => seen.Frame.AsSpan().SequenceEqual(tagged));
    }

    [Fact]
    public void AfterACleanStopTrafficGoesOnUninspected()
    {
        using RunningBridge bridge = RunningBridge.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            IsIcmp(frame) ? new Verdict { Action = VerdictAction.Drop } : Verdict.Pass);
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        bridge.Stop();
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.DoesNotContain("bgpunt0", BridgeLab.Ip($"-n {_lab.Host} link"));
    }

    [Fact]
    public void AnExceptionInAProcessorCostsItsFrameOnly()
    {
        int thrown = 0;
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            IsIcmp(frame) && Interlocked.Exchange(ref thrown, 1) == 0 ? throw new InvalidOperationException("bug") : Verdict.Pass);
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.Equal(1, bridge.Attachment.Faults);
    }

    private byte[] Transfer(byte[] bytes)
    {
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket? client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 9100);
        Assert.NotNull(client);
        using Socket server = listener.Accept();
        server.ReceiveTimeout = 5000;
        Thread sending = new(() =>
        {
            client.Send(bytes);
            client.Shutdown(SocketShutdown.Send);
        });
        sending.Start();
        MemoryStream received = new();
        byte[] buffer = new byte[65536];
        for (int length = server.Receive(buffer); length > 0; length = server.Receive(buffer))
        {
            received.Write(buffer, 0, length);
        }

        sending.Join();
        return received.ToArray();
    }

    private static string Receive(Socket socket)
    {
        byte[] buffer = new byte[2048];
        return System.Text.Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    private static List<byte[]> ReceiveAll(Socket socket, int forMs)
    {
        List<byte[]> frames = [];
        byte[] buffer = new byte[4096];
        long end = Environment.TickCount64 + forMs;
        while (Environment.TickCount64 < end)
        {
            if (socket.Poll(10_000, SelectMode.SelectRead))
            {
                frames.Add(buffer[..socket.Receive(buffer)]);
            }
        }

        return frames;
    }
}
