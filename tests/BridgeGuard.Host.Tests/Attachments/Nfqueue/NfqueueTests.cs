using System.Net;
using System.Net.Sockets;
using System.Text;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Nfqueue;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Host.Tests.Attachments.Bridge;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Nfqueue;

/// <summary>Netfilter queues on a real bridge, with br_netfilter and iptables.</summary>
public sealed class NfqueueTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public NfqueueTests() => RunningQueue.SkipUnlessPossible(_lab);

    public void Dispose() => _lab.Dispose();

    private static bool Is(ReadOnlySpan<byte> frame, string text) => frame.IndexOf(Encoding.ASCII.GetBytes(text)) >= 0;

    [Theory]
    [InlineData(BridgeLab.AddressB, true)]
    [InlineData(BridgeLab.Address6B, true)]
    [InlineData(BridgeLab.AddressB, false)]
    public void BulkPassesWholeAndIsSeenWholeWithoutAllocating(string address, bool gso)
    {
        long payload = 0;
        int largest = 0;
        int cut = 0;
        using RunningQueue queue = RunningQueue.Start(
            _lab,
            (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
            {
                Interlocked.Add(ref payload, frame.Length);
                largest = Math.Max(largest, frame.Length);
                cut += info.WireLength != 0 ? 1 : 0;
                return Verdict.Pass;
            },
            RunningQueue.Options() with { Gso = gso });
        byte[] sent = new byte[8 << 20];
        new Random(5).NextBytes(sent);
        long before = 0;
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket client = BridgeLab.Connect(_lab.A, address, 9100)!;
        using Socket server = listener.Accept();
        Thread sending = new(() =>
        {
            client.Send(sent.AsSpan(0, 1 << 20));
            Thread.Sleep(300);
            before = queue.Attachment.AllocatedBytes;
            client.Send(sent.AsSpan(1 << 20));
        });
        sending.Start();
        byte[] got = new byte[sent.Length];
        for (int at = 0; at < got.Length;)
        {
            at += server.Receive(got, at, got.Length - at, SocketFlags.None);
        }

        sending.Join();
        Assert.Equal(sent, got);
        Assert.True(payload > sent.Length);
        Assert.Equal((gso, 0), (largest > 4000, cut));
        Assert.Equal(before, queue.Attachment.AllocatedBytes);
        Assert.Equal(0, queue.Attachment.Faults);
    }

    [Fact]
    public void TheEngineSeesFramesWithTheirPortsAndSenders()
    {
        List<(byte[] Frame, FrameInfo Info)> seen = [];
        using RunningQueue queue = RunningQueue.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            lock (seen)
            {
                seen.Add((frame.ToArray(), info));
            }

            return Verdict.Pass;
        });
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        PortInfo a = queue.Attachment.Ports.All.Single(port => port.Name == "pa");
        PortInfo b = queue.Attachment.Ports.All.Single(port => port.Name == "pb");
        (byte[] Frame, FrameInfo Info)[] echoes = [.. seen.Where(one => one.Frame[12] == 8 && one.Frame[13] == 0 && one.Frame[23] == 1)];
        Assert.Equal([a.PortId, b.PortId], echoes.Select(echo => echo.Info.PortId));
        Assert.Equal([1, 1], echoes.Select(echo => (int)echo.Info.BridgeId));
        Assert.Equal(BridgeLab.MacA.Replace(":", ""), Convert.ToHexStringLower(echoes[0].Frame.AsSpan(6, 6)));
        Assert.Equal(BridgeLab.MacA.Replace(":", ""), Convert.ToHexStringLower(echoes[1].Frame.AsSpan(0, 6))); // Remembered from its question.
        Assert.True(queue.Attachment.ReadCounters(a.PortId).Punted.Frames > 0);
    }

    [Fact]
    public void DroppedPacketsStayAwayAndTheOthersKeepTheirOrder()
    {
        using RunningQueue queue = RunningQueue.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            Is(frame, "7 number") ? new Verdict { Action = VerdictAction.Drop } : Verdict.Pass);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        receiver.ReceiveBufferSize = 4 << 20;
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        for (int i = 0; i < 1000; i++)
        {
            sender.Send(Encoding.ASCII.GetBytes($"{i:d4} number"));
            if (i % 50 == 49)
            {
                Thread.Sleep(1);
            }
        }

        List<string> received = [];
        byte[] buffer = new byte[64];
        while (receiver.Poll(300_000, SelectMode.SelectRead))
        {
            received.Add(Encoding.ASCII.GetString(buffer, 0, receiver.Receive(buffer)));
        }

        Assert.Equal(Enumerable.Range(0, 1000).Where(i => i % 10 != 7).Select(i => $"{i:d4} number"), received);
        Assert.Equal(100, queue.Attachment.Stats.Dropped);
    }

    [Fact]
    public void PacketsCarryTheMarkOfTheirVerdictAndTheOthersThatOfTheConfiguration()
    {
        foreach (string mark in (string[])["0x20", "0x7"])
        {
            BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -t mangle -A POSTROUTING -p udp --dport 9000 -m mark --mark {mark}");
        }

        using RunningQueue queue = RunningQueue.Start(
            _lab,
            static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            {
                bool changes = Is(frame, "changed");
                if (changes)
                {
                    frame[frame.IndexOf("changed"u8)] = (byte)'C';
                    frame.Slice(14 + 20 + 6, 2).Clear(); // IPv4 without options; no checksum is the right one for any change.
                }

                return new Verdict { Mark = changes || Is(frame, "marked") ? 0x20u : 0, Modified = changes };
            },
            RunningQueue.Options() with { Mark = 7 });
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        for (int i = 0; i < 50; i++)
        {
            sender.Send("marked"u8);
            sender.Send("plain"u8);
            sender.Send("changed"u8);
        }

        long Counted(string mark) => long.Parse(
            BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -t mangle -L POSTROUTING -v -x -n").Output.Split('\n')
                .Single(line => line.Contains($"mark match {mark}", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[0],
            System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(BridgeLab.Until(() => Counted("0x20") == 100 && Counted("0x7") == 50), $"{Counted("0x20")} {Counted("0x7")}");
        byte[] buffer = new byte[64];
        Assert.All(Enumerable.Range(0, 150), i => Assert.Equal(((string[])["marked", "plain", "Changed"])[i % 3], Encoding.ASCII.GetString(buffer, 0, receiver.Receive(buffer))));
    }

    [Theory]
    [InlineData(BridgeLab.AddressB)]
    [InlineData(BridgeLab.Address6B)]
    public void ARejectedConnectionIsRefusedAtBothEnds(string address)
    {
        using RunningQueue queue = RunningQueue.Start(_lab, static (Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            Is(frame, "attack") ? new Verdict { Action = VerdictAction.Drop, Reject = RejectTarget.Both } : Verdict.Pass);
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket client = BridgeLab.Connect(_lab.A, address, 9100)!;
        using Socket server = listener.Accept();
        client.Send("hello"u8);
        byte[] buffer = new byte[100];
        Assert.Equal(5, server.Receive(buffer));
        server.ReceiveTimeout = 3000;
        client.Send("attack"u8);
        Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => server.Receive(buffer)).SocketErrorCode);
        Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => client.Receive(buffer)).SocketErrorCode);
        Assert.True(BridgeLab.Until(() => queue.Attachment.Stats.Rejects == 2));
    }

    [Theory]
    [InlineData(BridgeLab.AddressA, BridgeLab.AddressB)]
    [InlineData(BridgeLab.Address6A, BridgeLab.Address6B)]
    public void ARewrittenPacketArrivesRewrittenWithItsChecksumMade(string from, string to)
    {
        using RunningQueue queue = RunningQueue.Start(_lab, static (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            int at = frame.IndexOf("ab rewrite"u8);
            if (at < 0)
            {
                return Verdict.Pass;
            }

            // An unfinished checksum is the pseudo-header's, so only its maker's kind counts; a finished one is the sum of words, whose order is free.
            Assert.Equal(ChecksumState.Partial, info.Checksum);
            (frame[at], frame[at + 1]) = ((byte)'X', (byte)'Y');
            return new Verdict { Modified = true };
        });
        using Socket receiver = BridgeLab.Udp(_lab.B, to.Contains(':') ? "::" : "0.0.0.0", 9000);
        using Socket sender = BridgeLab.Udp(_lab.A, from, to: to, toPort: 9000);
        receiver.ReceiveTimeout = 3000;
        sender.Send("ab rewrite"u8);
        byte[] buffer = new byte[100];
        Assert.Equal("XY rewrite", Encoding.ASCII.GetString(buffer, 0, receiver.Receive(buffer)));
    }

    [Fact]
    public void ARewrittenLargeSegmentIsDroppedAndCountedNotBroken()
    {
        using RunningQueue queue = RunningQueue.Start(_lab, static (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
            info.GsoSize > 0 ? new Verdict { Modified = true } : Verdict.Pass);
        using Socket listener = BridgeLab.Listen(_lab.B, 9100);
        using Socket client = BridgeLab.Connect(_lab.A, BridgeLab.AddressB, 9100)!;
        using Socket server = listener.Accept();
        client.Send(new byte[60_000]);
        Assert.True(BridgeLab.Until(() => queue.Attachment.ModifyRefused > 0));
    }

    [Fact]
    public void TwoQueuesKeepBothDirectionsOfAFlowTogether()
    {
        Dictionary<string, HashSet<int>> workersOf = [];
        using RunningQueue queue = RunningQueue.Start(
            _lab,
            worker => new JudgingProcessor((Span<byte> frame, in FrameInfo _, FrameInjector _) =>
            {
                if (frame[12] == 8 && frame[13] == 0 && frame[23] == 17)
                {
                    string[] ends = [Convert.ToHexString(frame.Slice(26, 4)), Convert.ToHexString(frame.Slice(30, 4))];
                    lock (workersOf)
                    {
                        string key = string.Join('-', ends.Order(StringComparer.Ordinal));
                        (workersOf.TryGetValue(key, out HashSet<int>? set) ? set : workersOf[key] = []).Add(worker);
                    }
                }

                return Verdict.Pass;
            }),
            RunningQueue.Options() with { WorkerCount = 2 });
        using Socket b = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket a = BridgeLab.Udp(_lab.A, "0.0.0.0", 9001, BridgeLab.AddressB, 9000);
        byte[] buffer = new byte[10];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        for (int i = 0; i < 5; i++)
        {
            a.Send("ask"u8);
            b.ReceiveFrom(buffer, ref from);
            b.SendTo("answer"u8, from);
            a.Receive(buffer);
        }

        Assert.All(workersOf.Values, set => Assert.Single(set));
        Assert.NotEmpty(workersOf);
    }

    [Fact]
    public void OnlyItsOwnRulesComeAndGo()
    {
        BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -A FORWARD -s 192.0.2.1 -j DROP");
        BridgeLab.Run("ip", $"netns exec {_lab.Host} sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=1");
        string before = Rules();
        using (RunningQueue queue = RunningQueue.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass))
        {
            string during = Rules();
            Assert.Contains("-A FORWARD -s 192.0.2.1/32 -j DROP", during, StringComparison.Ordinal);
            Assert.Contains("--queue-bypass", during, StringComparison.Ordinal);
            Assert.Equal("1 1", Switches());
            Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
            Assert.Equal(NfqueueRules.Iptables, queue.Attachment.Way);
        }

        Assert.Equal(before, Rules());
        Assert.Equal("0 1", Switches());
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
    }

    [Fact]
    public void WithNobodyListeningOpenPassesAndClosedDrops()
    {
        // The rules alone, as a killed process leaves them.
        using QueueRules open = new(RunningQueue.Options());
        Assert.Null(BridgeLab.In(_lab.Host, open.Make));
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        BridgeLab.In(_lab.Host, () => Dispose(open));
        using QueueRules closed = new(RunningQueue.Options() with { Fail = FailMode.Closed });
        Assert.Null(BridgeLab.In(_lab.Host, closed.Make));
        Assert.False(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));

        // The next start takes what it finds of its own and leaves nothing.
        using (RunningQueue.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass))
        {
            Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        }

        Assert.DoesNotContain("BRIDGEGUARD", Rules(), StringComparison.Ordinal);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
    }

    [Fact]
    public void WhatIsMissingIsSaidInOneLine()
    {
        AttachmentError? none = RunningQueue.TryStart(_lab, RunningQueue.Options() with { Bridges = ["br9"] });
        Assert.Equal((AttachmentErrorKind.NotFound, "bridge br9 does not exist"), (none!.Kind, none.Message));
        using RunningQueue first = RunningQueue.Start(_lab, static (Span<byte> _, in FrameInfo _, FrameInjector _) => Verdict.Pass);
        AttachmentError? taken = RunningQueue.TryStart(_lab, RunningQueue.Options());
        Assert.Equal("queue 40 is taken by another program", taken?.Message);
        Assert.True(BridgeLab.Ping(_lab.A, BridgeLab.AddressB));
        Assert.Contains("BRIDGEGUARD-40", Rules(), StringComparison.Ordinal); // The second one took nothing away.
    }

    private static bool Dispose(QueueRules rules)
    {
        rules.Dispose();
        return true;
    }

    private string Rules() => BridgeLab.Run("ip", $"netns exec {_lab.Host} iptables -w -S").Output + BridgeLab.Run("ip", $"netns exec {_lab.Host} ip6tables -w -S").Output;

    private string Switches() =>
        BridgeLab.Run("ip", $"netns exec {_lab.Host} sysctl -n net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables").Output.Trim().ReplaceLineEndings(" ");
}
