using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Tests.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Flows;

public sealed class FlowTableTests : IFlowEndHandler
{
    private readonly List<(ulong Id, FlowEndReason Reason)> _ends = [];
    private readonly WorkerCounters _counters = new();

    [Fact]
    public void BothOrientationsAreOneFlow()
    {
        FlowTable table = Create();
        TcpPacketMaker maker = new();
        Packet there = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
        Packet back = maker.Make(Direction.ToClient, TcpFlags.Syn | TcpFlags.Ack, 1, 2);
        Flow? first = table.GetOrCreate(there);
        Assert.NotNull(first);
        Assert.Same(first, table.GetOrCreate(back));
        Assert.Equal(Direction.ToServer, there.Direction);
        Assert.Equal(Direction.ToClient, back.Direction);
        Assert.Equal(1, table.Count);
    }

    [Fact]
    public void TheHashIsSymmetricAndKeyed()
    {
        FlowKey key = new(IpAddress.FromV4(1), IpAddress.FromV4(2), 3, 4, 6, 4, 5, 0, 0, 0, 0);
        Assert.Equal(new FlowHash(1, 2).Compute(key), new FlowHash(1, 2).Compute(key.Reversed()));
        Assert.NotEqual(new FlowHash(1, 2).Compute(key), new FlowHash(1, 3).Compute(key));
        Assert.NotEqual(new FlowHash(1, 2).Compute(key), new FlowHash(1, 2).Compute(key with { Vlan0 = 6 }));
        Assert.NotEqual(new FlowHash(1, 2).Compute(key), new FlowHash(1, 2).Compute(key with { BridgeId = 6 }));
    }

    [Fact]
    public void VlansSeparateFlowsOnlyWhenTracked()
    {
        TcpPacketMaker maker = new();
        Packet plain = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
        Packet tagged = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
        tagged.Vlan0 = 7;
        FlowTable tracked = Create();
        Assert.NotSame(tracked.GetOrCreate(plain), tracked.GetOrCreate(tagged));
        FlowTable untracked = Create(new EngineSettings { Flow = new FlowSettings { VlanTracking = false } });
        Assert.Same(untracked.GetOrCreate(plain), untracked.GetOrCreate(tagged));
    }

    [Fact]
    public void SilentFlowsEndByPacketTime()
    {
        FlowTable table = Create();
        Packet packet = new TcpPacketMaker().Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
        Flow flow = table.GetOrCreate(packet)!;
        table.Touch(flow, packet);
        table.Expire(packet.TimeUs + 59_000_000, this);
        Assert.Empty(_ends);
        table.Expire(packet.TimeUs + 63_000_000, this);
        Assert.Equal(FlowEndReason.Timeout, Assert.Single(_ends).Reason);
        Assert.Equal(0, table.Count);
    }

    [Fact]
    public void APacketAfterTheTimeoutBeginsANewFlow()
    {
        FlowTable table = Create();
        table.EndHandler = this;
        TcpPacketMaker maker = new();
        ulong first = table.GetOrCreate(maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0))!.Id;
        maker.TimeUs += 61_000_000;
        ulong second = table.GetOrCreate(maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0))!.Id;
        Assert.NotEqual(first, second);
        Assert.Equal((first, FlowEndReason.Timeout), Assert.Single(_ends));
    }

    [Fact]
    public void AFullTableGivesUpUnestablishedFlowsOnly()
    {
        FlowTable table = Create(new EngineSettings { Flow = new FlowSettings { MaxFlows = 4, MemcapPolicy = ExceptionPolicy.DropPacket } });
        table.EndHandler = this;
        TcpPacketMaker maker = new();
        for (ushort i = 0; i < 4; i++)
        {
            maker.ClientPort = i;
            Flow flow = table.GetOrCreate(maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0))!;
            table.SetState(flow, i == 2 ? FlowState.New : FlowState.Established);
        }

        maker.ClientPort = 10;
        Flow? made = table.GetOrCreate(maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0));
        Assert.NotNull(made);
        Assert.Equal(FlowEndReason.Forced, Assert.Single(_ends).Reason);
        Assert.True(table.IsEmergency);
        table.SetState(made, FlowState.Established);
        maker.ClientPort = 11;
        Packet refused = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
        Assert.Null(table.GetOrCreate(refused));
        Assert.Equal(DropReason.FlowMemcap, refused.DropReason);
        Assert.Equal(1, _counters[Counter.FlowMemcap]);
        Assert.Equal(4, table.Count);
    }

    [Theory]
    [InlineData(IpProtocols.Icmp, 4, 3, false)]
    [InlineData(IpProtocols.Icmp, 4, 11, false)]
    [InlineData(IpProtocols.Icmp, 4, 8, true)]
    [InlineData(IpProtocols.IcmpV6, 6, 1, true)]
    [InlineData(IpProtocols.IcmpV6, 4, 128, false)]
    public void AnErrorAboutNothingKnownIsNoConversation(byte protocol, byte version, byte type, bool hasFlow)
    {
        FlowTable table = Create();
        Packet packet = new();
        packet.Reset(new byte[28], 0, 28, new FrameInfo { TimestampUs = 1 });
        packet.IpVersion = version;
        packet.NetworkOffset = 0;
        packet.NetworkEnd = 28;
        packet.Protocol = protocol;
        packet.TransportOffset = 20;
        packet.IcmpType = type;
        packet.SourceAddress = IpAddress.FromV4(0x0a0000fe);
        packet.DestinationAddress = IpAddress.FromV4(0x0a000001);
        Assert.Equal(hasFlow, table.GetOrCreate(packet) is not null);
        Assert.Equal(hasFlow ? 1 : 0, table.Count);
    }

    [Fact]
    public void AnIcmpErrorBelongsToTheFlowItQuotes()
    {
        FlowTable table = Create();
        TcpPacketMaker maker = new();
        Packet syn = maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0);
        Flow flow = table.GetOrCreate(syn)!;
        byte[] frame = new byte[20 + 8 + 28];
        byte[] quoted = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x9c, 0x40, 0, 80, 0, 0, 0, 1];
        quoted.CopyTo(frame, 28);
        Packet error = new();
        error.Reset(frame, 0, frame.Length, new FrameInfo { TimestampUs = syn.TimeUs + 1 });
        error.IpVersion = 4;
        error.NetworkOffset = 0;
        error.Protocol = IpProtocols.Icmp;
        error.TransportOffset = 20;
        error.IcmpType = 3;
        error.IcmpCode = 3;
        error.SourceAddress = IpAddress.FromV4(0x0a0000fe);
        error.DestinationAddress = maker.Client;
        Assert.Same(flow, table.GetOrCreate(error));
        Assert.Equal(Direction.ToClient, error.Direction);
        Assert.True(error.Has(PacketFlags.IcmpError));
        for (int length = 0; length < 24; length++)
        {
            error.NetworkEnd = 28 + length;
            error.Flow = null;
            Assert.NotSame(flow, table.GetOrCreate(error));
        }
    }

    [Fact]
    public void EndAllEndsEveryFlowOnce()
    {
        FlowTable table = Create();
        TcpPacketMaker maker = new();
        HashSet<ulong> ids = [];
        for (ushort i = 0; i < 3000; i++)
        {
            maker.ClientPort = i;
            ids.Add(table.GetOrCreate(maker.Make(Direction.ToServer, TcpFlags.Syn, 1, 0))!.Id);
        }

        table.EndAll(this);
        Assert.Equal(3000, ids.Count);
        Assert.Equal(3000, _ends.Count);
        Assert.True(ids.SetEquals(_ends.Select(end => end.Id)));
        Assert.All(ids, id => Assert.InRange(id, 1UL, (1UL << 51) - 1));
        Assert.Equal(0, table.Count);
    }

    void IFlowEndHandler.OnFlowEnd(Flow flow, FlowEndReason reason) => _ends.Add((flow.Id, reason));

    private FlowTable Create(EngineSettings? settings = null) => new(settings ?? new EngineSettings(), new FlowHash(1, 2), _counters);
}
