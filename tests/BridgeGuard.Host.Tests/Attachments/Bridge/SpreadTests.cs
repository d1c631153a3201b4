using System.Globalization;
using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What goes on by way of other CPUs (<see cref="BridgeOptions.SpreadBulk"/>) arrives whole and in order, also when the kernel takes the flow over in the middle; what is little does not.</summary>
/// <remarks>A trial that is off by default and not held by every run: BRIDGEGUARD_TEST_SPREAD=1.</remarks>
public sealed class SpreadTests : IDisposable
{
    private const int BlockBytes = 1 << 20;
    private const int Blocks = 256;

    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(BridgeLab.AddressB, 0)]
    [InlineData(BridgeLab.Address6B, 0)]
    [InlineData(BridgeLab.AddressB, Blocks / 4)]
    [InlineData(BridgeLab.Address6B, Blocks / 4)]
    public void BulkGoesByOtherCpusAndArrivesInOrder(string server, int decidedAfter)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("BRIDGEGUARD_TEST_SPREAD") == "1", "BRIDGEGUARD_TEST_SPREAD is not 1: a trial");
        Assert.SkipUnless(Environment.ProcessorCount > 1, "needs two CPUs");
        Assert.SkipUnless(File.Exists("/sys/class/net/lo/queues/rx-0/rps_cpus"), "this kernel has no receive packet steering");
        long bytes = 0;
        using RunningBridge bridge = RunningBridge.Start(_lab, _ => new JudgingProcessor((Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            bytes += frame.Length;
            bool isDecided = decidedAfter > 0 && bytes >= (long)decidedAfter * BlockBytes && frame.Length > BlockBytes / 32;
            return isDecided ? Verdict.Pass with { Offload = FlowOffload.Pass } : Verdict.Pass;
        }), RunningBridge.Options() with { WorkerCount = 1, SpreadBulk = true }, seesDevices: true);
        using Socket listener = BridgeLab.Listen(_lab.B, 9000);
        using Socket client = BridgeLab.Connect(_lab.A, server, 9000)!;
        using Socket peer = listener.Accept();
        client.SendTimeout = peer.ReceiveTimeout = 20_000;
        long before = OutOfOrder();
        byte[] block = new byte[BlockBytes];
        new Random(1).NextBytes(block);
        Thread sending = new(() =>
        {
            for (int i = 0; i < Blocks; i++)
            {
                client.Send(block);
            }
        });
        sending.Start();
        byte[] got = new byte[BlockBytes];
        for (int i = 0; i < Blocks; i++)
        {
            for (int at = 0; at < got.Length;)
            {
                int count = peer.Receive(got, at, got.Length - at, SocketFlags.None);
                Assert.True(count > 0, $"the connection ended in block {i}");
                at += count;
            }

            Assert.True(got.AsSpan().SequenceEqual(block), $"block {i} is not what was sent");
        }

        sending.Join();
        AttachmentStats stats = bridge.Attachment.Stats;
        Assert.True(stats.Spread > 0, $"nothing went by other CPUs: {stats}");
        Assert.Equal(0, OutOfOrder() - before);
        Assert.Equal(0, bridge.Attachment.Lost);
        if (decidedAfter > 0)
        {
            Assert.True(bridge.Counters("pa").Passed.Bytes > (Blocks / 4) * (long)BlockBytes, bridge.Counters("pa").ToString());
        }

        // Afterwards the shortest way again: what is little is not handed over.
        Thread.Sleep(50);
        Assert.True(BridgeLab.Ping(_lab.A, server));
        long spread = bridge.Attachment.Stats.Spread;
        for (int i = 0; i < 20; i++)
        {
            Assert.True(BridgeLab.Ping(_lab.A, server));
            Thread.Sleep(5);
        }

        Assert.Equal(spread, bridge.Attachment.Stats.Spread);
    }

    /// <summary>Segments that the receiver's kernel had to put in order.</summary>
    private long OutOfOrder()
    {
        string[] lines = BridgeLab.Run("ip", $"netns exec {_lab.B} cat /proc/net/netstat").Output.Split('\n');
        string[] names = lines[0].Split(' ');
        return long.Parse(lines[1].Split(' ')[Array.IndexOf(names, "TCPOFOQueue")], CultureInfo.InvariantCulture);
    }
}
