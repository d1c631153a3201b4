using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>A flow table, a tracker and a recorder, fed with packets of one connection.</summary>
internal sealed class TcpBench : IFlowEndHandler
{
    public const uint ClientIsn = 1000;
    public const uint ServerIsn = 5000;
    private const uint First = ClientIsn + 1;
    private const uint FirstOfServer = ServerIsn + 1;

    public TcpBench(EngineSettings? settings = null)
    {
        Settings = settings ?? new EngineSettings();
        Table = new FlowTable(Settings, new FlowHash(1, 2), Counters) { EndHandler = this };
        Tracker = new TcpTracker(Settings, Table, Consumer, Counters);
    }

    public EngineSettings Settings { get; }

    public WorkerCounters Counters { get; } = new();

    public FlowTable Table { get; }

    public TcpTracker Tracker { get; }

    public RecordingConsumer Consumer { get; } = new();

    public TcpPacketMaker Maker { get; } = new();

    public List<(ulong Id, FlowEndReason Reason)> Ends { get; } = [];

    public Flow? LastFlow { get; private set; }

    public static EngineSettings Inline() => new() { IsInline = true };

    public Packet Send(Packet packet)
    {
        Flow? flow = Table.GetOrCreate(packet);
        LastFlow = flow;
        if (flow is not null)
        {
            Table.Touch(flow, packet);
            Tracker.Process(packet, flow);
        }

        return packet;
    }

    public Packet Send(Direction direction, TcpFlags flags, uint sequence, uint acknowledgement, string payload = "") =>
        Send(Maker.Make(direction, flags, sequence, acknowledgement, payload));

    public void Handshake(uint clientIsn = ClientIsn, uint serverIsn = ServerIsn)
    {
        Send(Direction.ToServer, TcpFlags.Syn, clientIsn, 0);
        Send(Direction.ToClient, TcpFlags.Syn | TcpFlags.Ack, serverIsn, clientIsn + 1);
        Send(Direction.ToServer, TcpFlags.Ack, clientIsn + 1, serverIsn + 1);
    }

    /// <summary>Client data at an offset from its first byte, acknowledging nothing new.</summary>
    public Packet Data(int offset, string payload) => Send(Direction.ToServer, TcpFlags.Ack | TcpFlags.Psh, First + (uint)offset, FirstOfServer, payload);

    /// <summary>The server acknowledges the client's first <paramref name="bytes"/> bytes.</summary>
    public Packet ServerAck(int bytes) => Send(Direction.ToClient, TcpFlags.Ack, FirstOfServer, First + (uint)bytes);

    public void OnFlowEnd(Flow flow, FlowEndReason reason)
    {
        Ends.Add((flow.Id, reason));
        Packet pseudo = new();
        pseudo.Reset([], 0, 0, default);
        pseudo.Flags |= PacketFlags.Pseudo;
        Tracker.Flush(flow, pseudo);
    }
}
