using System.Buffers.Binary;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>TCP tracker and reassembler: the first byte chooses settings, then each ten bytes are one segment of a connection near its numbers.</summary>
/// <remarks>Oracle: a parser never consumes more than it was given, and when the flow has ended every block is back in the pool.</remarks>
internal sealed class ReassemblerTarget : IPacketTarget
{
    private const int RecordBytes = 10;
    private const uint ClientFirst = 0xffff_ff00;
    private const uint ServerFirst = 0x0000_1000;

    private readonly GuardedBuffer _guarded = new();

    public string Name => "reassembler";

    public long Packets { get; private set; }

    public IReadOnlyList<byte[]> Seeds()
    {
        byte[] session =
        [
            0,
            0, 0x02, 0, 0, 0, 0, 0, 0, 0, 0,
            1, 0x12, 0, 0, 0, 1, 0, 0, 0, 0,
            0, 0x10, 0, 1, 0, 1, 0, 0, 0, 0,
            0, 0x18, 0, 1, 0, 1, 40, 7, 0, 0,
            0, 0x38, 0, 61, 0, 1, 20, 9, 3, 0,
            0, 0x18, 0, 21, 0, 1, 60, 5, 0, 0,
            1, 0x10, 0, 1, 0, 81, 0, 0, 0, 0,
            0, 0x11, 0, 81, 0, 1, 0, 0, 0, 0,
            1, 0x11, 0, 1, 0, 82, 0, 0, 0, 0,
            0, 0x04, 0, 82, 0, 2, 0, 0, 0, 0,
        ];
        byte[] inline = [.. session];
        inline[0] = 1;
        return [session, inline];
    }

    public void Run(byte[] input)
    {
        if (input.Length == 0)
        {
            return;
        }

        EngineSettings settings = new()
        {
            IsInline = (input[0] & 1) != 0,
            Flow = new FlowSettings { MaxFlows = 16 },
            HostOs = [new HostOsEntry(default, 0, (HostOs)((input[0] >> 4) % 15))],
            Stream = new StreamSettings
            {
                Midstream = (input[0] & 2) != 0,
                AsyncOneside = (input[0] & 4) != 0,
                Reassembly = new ReassemblySettings { MemcapBytes = 1 << 20, Depth = (input[0] & 8) != 0 ? 500u : 0 },
            },
        };
        WorkerCounters counters = new();
        Consumer consumer = new();
        FlowTable table = new(settings, new FlowHash(1, 2), counters);
        TcpTracker tracker = new(settings, table, consumer, counters);
        End end = new(tracker);
        table.EndHandler = end;
        for (int at = 1; at + RecordBytes <= input.Length; at += RecordBytes)
        {
            Packets++;
            Packet packet = Make(input.AsSpan(at, RecordBytes), at);
            Flow? flow = table.GetOrCreate(packet);
            if (flow is null)
            {
                continue;
            }

            table.Touch(flow, packet);
            tracker.Process(packet, flow);
            if (tracker.Reassembler.TryGetRawWindow(flow, packet.Direction, out RawWindow window))
            {
                consumer.Seen += window.Data.Length;
                tracker.Reassembler.MarkRawInspected(flow, packet.Direction);
            }
        }

        table.EndAll(end);
        if (tracker.Reassembler.UsedBytes != 0)
        {
            throw new InvalidOperationException($"{tracker.Reassembler.UsedBytes} bytes did not come back.");
        }
    }

    private Packet Make(ReadOnlySpan<byte> record, int number)
    {
        bool toServer = (record[0] & 1) == 0;
        int length = record[6];
        int start = _guarded.Reserve(40 + length);
        _guarded.Array.AsSpan(start + 40, length).Fill(record[7]);
        Packet packet = new();
        packet.Reset(_guarded.Array, start, 40 + length, new FrameInfo { TimestampUs = number * 1000L, Number = (ulong)number });
        packet.IpVersion = 4;
        packet.Protocol = IpProtocols.Tcp;
        packet.NetworkOffset = start;
        packet.TransportOffset = start + 20;
        packet.TransportHeaderLength = 20;
        packet.NetworkEnd = start + 40 + length;
        packet.PayloadOffset = start + 40;
        packet.PayloadLength = length;
        packet.SourceAddress = IpAddress.FromV4(toServer ? 1u : 2u);
        packet.DestinationAddress = IpAddress.FromV4(toServer ? 2u : 1u);
        packet.SourcePort = toServer ? (ushort)1000 : (ushort)80;
        packet.DestinationPort = toServer ? (ushort)80 : (ushort)1000;
        packet.Tcp.Flags = (TcpFlags)record[1];
        packet.Tcp.Sequence = (toServer ? ClientFirst : ServerFirst) + BinaryPrimitives.ReadUInt16BigEndian(record[2..]);
        packet.Tcp.Acknowledgement = (toServer ? ServerFirst : ClientFirst) + BinaryPrimitives.ReadUInt16BigEndian(record[4..]);
        packet.Tcp.UrgentPointer = record[8];
        packet.Tcp.Window = (ushort)(60_000 >> (record[9] & 15));
        packet.Tcp.WindowScale = -1;
        return packet;
    }

    private sealed class End(TcpTracker tracker) : IFlowEndHandler
    {
        public void OnFlowEnd(Flow flow, FlowEndReason reason)
        {
            Packet pseudo = new();
            pseudo.Reset([], 0, 0, default);
            tracker.Flush(flow, pseudo);
        }
    }

    private sealed class Consumer : IStreamConsumer
    {
        public long Seen { get; set; }

        public int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags)
        {
            Seen += data.Length;
            return data.Length * (data.Length & 3) / 3;
        }

        public void OnGap(Flow flow, Packet packet, Direction direction, long bytes)
        {
            if (bytes <= 0)
            {
                throw new InvalidOperationException("A gap of nothing.");
            }
        }

        public bool TakeRedelivery() => false;
    }
}
