using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Host.Tests.Evasion;

/// <summary>Stands between attacker and host: judges a frame, which it may change in place.</summary>
internal interface IInspector
{
    /// <returns>True when the frame goes on.</returns>
    bool Inspect(byte[] frame, bool fromHost);
}

/// <summary>The engine's path from frame to stream, inline: what it has put together of what one client sent.</summary>
internal sealed class StreamInspector : IInspector, IStreamConsumer
{
    private readonly PacketDecoder _decoder = new(new DecoderSettings());
    private readonly PacketQueue _inner = new();
    private readonly Packet _packet = new();
    private readonly FlowTable _table;
    private readonly TcpTracker _tracker;
    private readonly StringBuilder _seen = new();
    private long _nowUs = 1_000_000;

    public StreamInspector()
    {
        EngineSettings settings = new() { IsInline = true, HostOs = [new HostOsEntry(default, 0, HostOs.Linux)] };
        _table = new FlowTable(settings, new FlowHash(1, 2), new WorkerCounters());
        _tracker = new TcpTracker(settings, _table, this, new WorkerCounters());
    }

    /// <summary>The bytes the client sent, as the application layer got them; a hole is a bell character, which no test sends.</summary>
    public string Seen => _seen.ToString();

    public bool Inspect(byte[] frame, bool fromHost)
    {
        // What the host's kernel sends over a veth has a checksum that a card was to fill in.
        ChecksumState checksum = fromHost ? ChecksumState.Partial : ChecksumState.Unknown;
        _packet.Reset(frame, 0, frame.Length, new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = _nowUs += 100, Checksum = checksum });
        _decoder.Decode(_packet, _inner);
        if (!Checksums.IsTransportValid(_packet) || !Checksums.IsIpv4Valid(_packet))
        {
            _packet.Flags |= PacketFlags.BadChecksum;
        }

        if (!_packet.Has(PacketFlags.Invalid | PacketFlags.BadTransport) && _table.GetOrCreate(_packet) is { } flow)
        {
            _table.Touch(flow, _packet);
            _tracker.Process(_packet, flow);
        }

        return _packet.Action != VerdictAction.Drop;
    }

    public int OnData(Flow flow, Packet packet, Direction direction, ReadOnlySpan<byte> data, StreamChunkFlags flags)
    {
        if (direction == Direction.ToServer)
        {
            _seen.Append(Encoding.Latin1.GetString(data));
        }

        return data.Length;
    }

    public void OnGap(Flow flow, Packet packet, Direction direction, long bytes)
    {
        if (direction == Direction.ToServer)
        {
            _seen.Append('\a');
        }
    }

    public bool TakeRedelivery() => false;
}
