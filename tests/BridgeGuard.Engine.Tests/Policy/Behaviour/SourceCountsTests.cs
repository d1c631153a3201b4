using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Behaviour;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Engine.Policy.Standing;
using Xunit;

namespace BridgeGuard.Engine.Tests.Policy.Behaviour;

public sealed class SourceCountsTests
{
    private const long Second = 1_000_000;
    private static readonly IpAddress Scanner = IpAddress.FromV4(0x0a4d0001);

    private static readonly BehaviourModel Model = new()
    {
        PortScan = new BehaviourThreshold(20, 60, RoleAction.Alert, 0),
        HostSweep = new BehaviourThreshold(20, 60, RoleAction.Alert, 0),
        ConnectionFlood = new BehaviourThreshold(1000, 10, RoleAction.Alert, 0),
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void ASweepIsFoundOnceHoweverManyWorkersSeeAPartOfIt(int workers)
    {
        BehaviourTracker[] trackers = Trackers(workers);
        var found = new List<(int At, BehaviourFinding What)>();
        for (int i = 0; i < 60; i++)
        {
            BehaviourFinding what = trackers[i % workers].OnFlow(Scanner, IpAddress.FromV4(0x0a4d0100 + (uint)i), 22, IpProtocols.Tcp, Second + i, Model);
            if (what != BehaviourFinding.None)
            {
                found.Add((i + 1, what));
            }
        }

        (int at, BehaviourFinding finding) = Assert.Single(found);
        Assert.Equal(BehaviourFinding.HostSweep, finding);
        Assert.InRange(at, 19, 22); // Counted by a sketch.
    }

    [Fact]
    public void APortScanAndAFloodAreCountedTogetherAndAnewInTheNextWindow()
    {
        BehaviourTracker[] trackers = Trackers(4);
        for (int window = 0; window < 3; window++)
        {
            long at = Second + (window * 61 * Second);
            var found = Enumerable.Range(0, 1000).Select(i => trackers[i % 4].OnFlow(Scanner, IpAddress.FromV4(0x0a4d0102), (ushort)(1 + (i % 40)), IpProtocols.Tcp, at + i, Model))
                .Where(f => f != BehaviourFinding.None).ToList();
            Assert.Equal([BehaviourFinding.PortScan, BehaviourFinding.ConnectionFlood], found);
        }
    }

    [Fact]
    public void ThreadsThatCountAtOnceTellOnce()
    {
        BehaviourTracker[] trackers = Trackers(4);
        for (int round = 0; round < 50; round++)
        {
            IpAddress source = IpAddress.FromV4(0x0b000000 + (uint)round);
            int told = 0;
            Parallel.For(0, 4, worker =>
            {
                for (uint i = 0; i < 100; i++)
                {
                    if (trackers[worker].OnFlow(source, IpAddress.FromV4(0x0a4d0000 + (i * 4) + (uint)worker), 22, IpProtocols.Tcp, Second, Model) == BehaviourFinding.HostSweep)
                    {
                        Interlocked.Increment(ref told);
                    }
                }
            });
            Assert.Equal(1, told);
        }
    }

    [Fact]
    public void MoreSourcesThanThereIsRoomForAreRefusedAndCountedAndOldOnesMakeRoom()
    {
        SourceCounts counts = new();
        counts.Prepare();
        for (uint i = 0; i < 3 * SourceCounts.MaxSources; i++)
        {
            counts.OnFlow(IpAddress.FromV4(i + 1), Scanner, 1, IpProtocols.Udp, Second, Model);
        }

        Assert.True(counts.Refused >= 2 * SourceCounts.MaxSources);
        long refused = counts.Refused;
        for (uint i = 0; i < 100; i++)
        {
            counts.OnFlow(IpAddress.FromV4(0x70000000 + i), Scanner, 1, IpProtocols.Udp, 200 * Second, Model);
        }

        Assert.Equal(refused, counts.Refused);
    }

    [Fact]
    public void AMarkHoldsForItsTimeAndTheLastOneCounts()
    {
        MarkedSources marks = new();
        Assert.True(marks.IsEmpty);
        Assert.Equal(RoleAction.AsRule, marks.Find(Scanner, Second));
        marks.Add(Scanner, RoleAction.Redirect, Second, 10);
        Assert.Equal(RoleAction.Redirect, marks.Find(Scanner, 2 * Second));
        Assert.Equal(RoleAction.AsRule, marks.Find(IpAddress.FromV4(0x0a4d0002), 2 * Second));
        marks.Add(Scanner, RoleAction.Drop, 2 * Second, 10);
        Assert.Equal(RoleAction.Drop, marks.Find(Scanner, 11 * Second));
        Assert.Equal(RoleAction.AsRule, marks.Find(Scanner, 12 * Second));
        marks.Add(Scanner, RoleAction.Drop, 12 * Second, 0);
        Assert.Equal(RoleAction.AsRule, marks.Find(Scanner, 12 * Second));
    }

    private static BehaviourTracker[] Trackers(int workers)
    {
        SourceCounts counts = new();
        counts.Prepare();
        return [.. Enumerable.Range(0, workers).Select(_ => new BehaviourTracker(counts))];
    }
}
