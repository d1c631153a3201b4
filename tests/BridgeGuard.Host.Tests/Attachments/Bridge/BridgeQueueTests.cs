using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Attachments.Interop;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>Which worker gets which frame, and guests behind a TAP with offloads as QEMU makes them.</summary>
public sealed class BridgeQueueTests : IDisposable
{
    private readonly BridgeLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BothDirectionsOfAFlowReachOneWorkerAndFlowsAreSpread(bool byPorts)
    {
        ConcurrentDictionary<(string Flow, int Worker), int> seen = new();
        BridgeOptions options = RunningBridge.Options() with { WorkerCount = 4, SteerByPorts = byPorts };
        using RunningBridge bridge = RunningBridge.Start(_lab, worker => new JudgingProcessor((Span<byte> frame, in FrameInfo _, FrameInjector _) =>
        {
            if (frame.Length > 62 && frame[12] == 8 && frame[13] == 0 && frame[23] == 17)
            {
                string[] ends = [Convert.ToHexString(frame[26..30]), Convert.ToHexString(frame[30..34])];
                string[] ports = [Convert.ToHexString(frame[34..36]), Convert.ToHexString(frame[36..38])];
                Array.Sort(ends);
                Array.Sort(ports);
                string flow = string.Join('-', byPorts ? [.. ends, .. ports] : ends);
                seen.AddOrUpdate((flow, worker), 1, (_, count) => count + 1);
            }

            return Verdict.Pass;
        }), options);
        using Socket a = BridgeLab.In(_lab.A, () => RawSockets.Open("eth0"));
        using Socket b = BridgeLab.In(_lab.B, () => RawSockets.Open("eth0"));
        const int Flows = 40;
        for (int i = 0; i < Flows; i++)
        {
            string from = byPorts ? "10.77.0.50" : $"10.77.1.{i}";
            a.Send(FrameBuilder.Udp(from, "10.77.2.1", 1000 + i, 53, "a question of some length"));
            b.Send(FrameBuilder.Udp("10.77.2.1", from, 53, 1000 + i, "an answer of some length", BridgeLab.MacB, BridgeLab.MacA));
        }

        Assert.True(BridgeLab.Until(() => seen.Values.Sum() == 2 * Flows));
        Assert.All(seen, entry => Assert.Equal(2, entry.Value));
        Assert.Equal(Flows, seen.Count);
        Assert.True(seen.Keys.Select(key => key.Worker).Distinct().Count() > 2, "40 flows all fell on two of four workers");
    }

    [Fact]
    public void FragmentsMeetTheRestOfTheirFlowOnOneWorker()
    {
        ConcurrentDictionary<int, int> seen = new();
        BridgeOptions options = RunningBridge.Options() with { WorkerCount = 4 };
        using RunningBridge bridge = RunningBridge.Start(_lab, worker => new JudgingProcessor((Span<byte> frame, in FrameInfo _, FrameInjector _) =>
        {
            if (frame[12] == 8 && frame[13] == 0 && frame[23] == 17)
            {
                seen.AddOrUpdate(worker, 1, (_, count) => count + 1);
            }

            return Verdict.Pass;
        }), options);
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        using Socket sender = BridgeLab.Udp(_lab.A, to: BridgeLab.AddressB, toPort: 9000);
        sender.Send("whole"u8);
        sender.Send(new byte[4000]);
        byte[] buffer = new byte[5000];
        Assert.Equal(5, receiver.Receive(buffer));
        Assert.Equal(4000, receiver.Receive(buffer));
        Assert.Equal(4, Assert.Single(seen).Value);
    }

    [Fact]
    public void AGuestBehindATapSendsPartialChecksumsAndGsoThroughTheEngine()
    {
        ConcurrentQueue<FrameInfo> seen = new();
        using RunningBridge bridge = RunningBridge.Start(_lab, (Span<byte> frame, in FrameInfo info, FrameInjector _) =>
        {
            if (frame[12] == 8 && frame[13] == 0 && frame[23] == 17)
            {
                seen.Enqueue(info);
            }

            return Verdict.Pass;
        });
        using PuntDevice tap = BridgeLab.In(_lab.Host, () =>
        {
            Assert.Null(PuntDevice.TryCreate("tg0", 1, 100, out PuntDevice? device));
            return device!;
        });
        BridgeLab.Ip($"-n {_lab.Host} link set tg0 master br0");
        Assert.Equal(PortRole.Guest, bridge.Port("tg0").Role);
        BridgeLab.Ip($"-n {_lab.Host} link set tg0 up");
        using Socket receiver = BridgeLab.Udp(_lab.B, port: 9000);
        Assert.True(BridgeLab.Until(() => Send(tap, Datagram(new string('x', 100)), 0)));
        byte[] buffer = new byte[5000];
        Assert.Equal(100, receiver.Receive(buffer));

        // UDP segmentation (USO): one frame of 3,000 bytes becomes three datagrams of 1,000 at the receiver.
        const byte GsoUdp = 5;
        Assert.True(Send(tap, Datagram(new string('y', 3000)), GsoUdp));
        Assert.Equal([1000, 1000, 1000], [receiver.Receive(buffer), receiver.Receive(buffer), receiver.Receive(buffer)]);
        Assert.Contains(seen, info => info.GsoSize == 1000 && info.PortId == bridge.Port("tg0").PortId);
        Assert.All(seen, info => Assert.Equal(ChecksumState.Partial, info.Checksum));
    }

    /// <summary>A datagram as a driver hands it over: the checksum field holds the pseudo-header's sum only.</summary>
    private static byte[] Datagram(string payload)
    {
        byte[] frame = FrameBuilder.Udp("10.77.0.9", BridgeLab.AddressB, 7, 9000, payload, "02:77:00:00:00:09");
        Span<byte> ip = frame.AsSpan(14);
        uint sum = 17 + (uint)(8 + payload.Length);
        for (int i = 12; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(40), (ushort)((sum & 0xFFFF) + (sum >> 16)));
        return frame;
    }

    private static bool Send(PuntDevice tap, byte[] frame, byte gsoType)
    {
        byte[] all = new byte[PuntDevice.VnetHeaderBytes + frame.Length];
        frame.CopyTo(all, PuntDevice.VnetHeaderBytes);
        all[0] = 1;
        all[1] = gsoType;
        BinaryPrimitives.WriteUInt16LittleEndian(all.AsSpan(2), 42);
        BinaryPrimitives.WriteUInt16LittleEndian(all.AsSpan(4), gsoType == 0 ? (ushort)0 : (ushort)1000);
        BinaryPrimitives.WriteUInt16LittleEndian(all.AsSpan(6), 34);
        BinaryPrimitives.WriteUInt16LittleEndian(all.AsSpan(8), 6);
        return Libc.Write(tap.QueueFd(0), ref all[0], all.Length) == all.Length;
    }
}
