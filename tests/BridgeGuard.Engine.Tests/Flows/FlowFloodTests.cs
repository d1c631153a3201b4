using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Flows;

/// <summary>What a flood of flows may cost: no long stop when they end together, no way to aim them at one bucket.</summary>
public sealed class FlowFloodTests : IFlowEndHandler
{
    private const int Flood = 3000;
    private readonly List<ulong> _ends = [];

    [Fact]
    public void FlowsThatEndTogetherAreSeenOffInSmallSteps()
    {
        FlowTable table = new(new EngineSettings(), new FlowHash(1, 2), new WorkerCounters());
        TcpPacketMaker maker = Fill(table);
        long late = maker.TimeUs + 70_000_000;
        for (int left = Flood; left > 0; left -= 10)
        {
            table.Expire(late, this, most: 10);
            Assert.Equal(left - 10, table.Count);
        }

        Assert.Equal(Flood, _ends.Distinct().Count());
        table.Expire(late, this, most: 10);
        Assert.Equal(Flood, _ends.Count);
    }

    [Fact]
    public void FlowsThatWaitForTheirEndMayEndOtherwise()
    {
        FlowTable table = new(new EngineSettings(), new FlowHash(1, 2), new WorkerCounters()) { EndHandler = this };
        TcpPacketMaker maker = Fill(table);
        maker.TimeUs += 70_000_000;
        table.Expire(maker.TimeUs, this, most: 100);

        // Packets of flows that are over but were not looked at yet begin new ones.
        for (ushort port = 0; port < Flood; port += 7)
        {
            maker.ClientPort = port;
            Packet packet = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
            Flow flow = table.GetOrCreate(packet)!;
            Assert.Equal(packet.TimeUs, flow.StartUs);
            table.Expire(packet.TimeUs, this, most: 3);
        }

        table.Expire(maker.TimeUs, this);
        Assert.Equal(Flood, _ends.Distinct().Count());
        Assert.Equal(_ends.Count, _ends.Distinct().Count());
        int live = table.Count;
        Assert.InRange(live, 1, (Flood / 7) + 1);
        table.Expire(maker.TimeUs + 70_000_000, this);
        Assert.Equal(0, table.Count);
        Assert.Equal(Flood + live, _ends.Count);
    }

    /// <summary>An attacker who knows the code but not the key can only aim with a key of his own.</summary>
    [Fact]
    public void KeysChosenForOneBucketScatterUnderAnotherKey()
    {
        const ulong Mask = 4095;
        FlowHash guessed = new(1, 2);
        List<FlowKey> aimed = [];
        for (uint i = 0; aimed.Count < 500; i++)
        {
            FlowKey key = Key(0x0a00_0000 + (i >> 16), (ushort)i);
            if ((guessed.Compute(in key) & Mask) == 0)
            {
                aimed.Add(key);
            }
        }

        FlowHash real = new(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
        int worst = aimed.GroupBy(key => real.Compute(in key) & Mask).Max(bucket => bucket.Count());
        Assert.InRange(worst, 1, 6);
    }

    [Fact]
    public void NeighbouringFlowsScatter()
    {
        const ulong Mask = 65_535;
        FlowHash hash = new(3, 4);
        int[] buckets = new int[Mask + 1];
        for (uint i = 0; i < 100_000; i++)
        {
            FlowKey key = Key(0xc0a8_0000 + (i >> 8), (ushort)(1024 + (i & 255)));
            buckets[hash.Compute(in key) & Mask]++;
        }

        // Random throws of 1.5 balls per bucket: more than 12 in any is a chance of one in a million.
        Assert.InRange(buckets.Max(), 2, 12);
        Assert.InRange(buckets.Count(count => count == 0), 13_000, 15_500);
    }

    [Fact]
    public void EveryPartOfAKeyCounts()
    {
        FlowHash hash = new(5, 6);
        FlowKey key = Key(1, 1000);
        FlowKey six = key with { IpVersion = 6, Source = new IpAddress(1, 2), Destination = new IpAddress(3, 4) };
        FlowKey[] all =
        [
            key, six, key with { Protocol = 17 }, key with { TunnelId = 1 }, key with { TunnelDepth = 1 }, key with { Vlan1 = 1 }, key with { Vlan2 = 1 },
            key with { BridgeId = 1 }, key with { SourcePort = 1001 }, key with { Destination = IpAddress.FromV4(9) }, key with { IpVersion = 6 },
            six with { TunnelId = 1 }, six with { SourcePort = 1 }, six with { Source = new IpAddress(2, 1) }, six with { Protocol = 58 },
        ];
        Assert.Equal(all.Length, all.Select(one => hash.Compute(in one)).Distinct().Count());
        Assert.All(all, one => Assert.Equal(hash.Compute(in one), hash.Compute(one.Reversed())));
    }

    void IFlowEndHandler.OnFlowEnd(Flow flow, FlowEndReason reason) => _ends.Add(flow.Id);

    private static FlowKey Key(uint source, ushort port) => new(IpAddress.FromV4(source), IpAddress.FromV4(0x0a01_0101), port, 443, 6, 4, 0, 0, 0, 0, 0);

    private static TcpPacketMaker Fill(FlowTable table)
    {
        TcpPacketMaker maker = new();
        for (ushort i = 0; i < Flood; i++)
        {
            maker.ClientPort = i;
            Packet packet = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
            table.Touch(table.GetOrCreate(packet)!, packet);
        }

        return maker;
    }
}
