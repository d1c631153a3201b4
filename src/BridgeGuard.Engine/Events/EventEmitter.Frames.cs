using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;

namespace BridgeGuard.Engine.Events;

// Frame records, and the frame object in alerts.
public sealed partial class EventEmitter
{
    /// <summary>Bytes shown of a frame of a datagram, whatever <c>payload-buffer-size</c> says (observed of Suricata 8).</summary>
    private const int MostDatagramFrameBytes = 256;

    private byte[] _frameBytes = [];

    /// <summary>Writes the frames of the packet's direction that are due: whole, at the end of the direction, or long enough to be worth a record.</summary>
    /// <param name="packet">The packet.</param>
    /// <param name="flow">Its flow.</param>
    /// <param name="frames">Of the packet's direction; what needs no record any more is marked so.</param>
    /// <param name="isInspected">Rules have seen what they can; false: no rule will, so nothing waits for them.</param>
    public void Frames(Packet packet, Flow flow, FrameList frames, bool isInspected)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            ref Frame frame = ref frames[i];
            frame.IsInspected |= !isInspected;
            if (frame.IsLogged)
            {
                continue;
            }

            if (!WantsFrames)
            {
                frame.IsLogged = true;
                continue;
            }

            FrameState state = StateOf(packet, flow, in frame);
            if (!state.IsComplete && !state.IsLong && packet.Source != PacketSource.StreamDetectEnd)
            {
                continue;
            }

            frame.IsLogged = true;
            if (frame.IsOpenEnded && state.Length <= 0)
            {
                // A direction that ended without a byte.
                continue;
            }

            foreach (EveOutput output in _outputs)
            {
                if (output.Frame is { } options)
                {
                    BeginPacketRecord(output, "frame"u8, packet, flow);
                    _writer.Text("app_proto"u8, AppName(flow.App));
                    WriteFrame(packet, flow, in frame, (int)Math.Clamp(options.GetSize("payload-buffer-size", 4096), 0, EveWriter.MaxRecordBytes / 4));
                    Send(output, EventKind.Frame, packet, flow);
                }
            }
        }
    }

    /// <summary>What can be said of a frame at this packet.</summary>
    /// <param name="Length">Its length; of an open one what has come so far.</param>
    /// <param name="IsComplete">Its last byte is there, or none will come.</param>
    /// <param name="IsLong">An unfinished one that has a record's worth of bytes.</param>
    private readonly record struct FrameState(long Length, bool IsComplete, bool IsLong);

    private FrameState StateOf(Packet packet, Flow flow, in Frame frame)
    {
        if (flow.Tcp is null || Payloads is not { } payloads)
        {
            return new FrameState(frame.IsOpenEnded ? packet.PayloadLength - frame.Offset : frame.Length, true, true);
        }

        StreamPlaces places = payloads.Places(flow, packet.Direction);
        long length = frame.IsOpenEnded ? places.Received - frame.Offset : frame.Length;

        // While the parser waits for the rest of an element a long frame waits with it.
        long passed = Math.Min(places.Inspectable, places.Parsed);
        return new FrameState(length, places.IsEnded || places.Inspectable >= frame.End, passed - frame.Offset >= places.Chunk);
    }

    private void WriteFrame(Packet packet, Flow flow, in Frame frame, int mostBytes)
    {
        FrameState state = StateOf(packet, flow, in frame);
        Protocol? protocol = flow.AppState?.Protocol;
        _writer.StartObject("frame"u8);
        _writer.Text("type"u8, protocol is null ? FrameTypes.StreamName : FrameTypes.NameOf(protocol, frame.Type));
        _writer.Number("id"u8, (long)frame.Id);
        _writer.Text("direction"u8, packet.Direction == Direction.ToServer ? "toserver"u8 : "toclient"u8);
        if (flow.Tcp is not null)
        {
            _writer.Number("stream_offset"u8, frame.Offset);
        }

        _writer.Number("length"u8, state.Length);
        if (state.Length > 0 || flow.Tcp is null)
        {
            ReadOnlySpan<byte> bytes = BytesOf(packet, flow, in frame, state.Length, mostBytes);
            _writer.Base64("payload"u8, bytes);
            _writer.Printable("payload_printable"u8, bytes);
            _writer.Bool("complete"u8, state.IsComplete);
        }

        if (frame.HasTransaction)
        {
            _writer.Number("tx_id"u8, frame.TransactionId);
        }

        _writer.EndObject();
    }

    /// <summary>The frame's first bytes; what is not there is named by its length.</summary>
    private ReadOnlySpan<byte> BytesOf(Packet packet, Flow flow, in Frame frame, long length, int mostBytes)
    {
        if (flow.Tcp is null || Payloads is not { } payloads)
        {
            mostBytes = Math.Min(mostBytes, MostDatagramFrameBytes);
            ReadOnlySpan<byte> payload = packet.Payload;
            int start = (int)Math.Clamp(frame.Offset, 0, payload.Length);
            int count = (int)Math.Clamp(length, 0, Math.Min(mostBytes, payload.Length - start));
            return payload.Slice(start, count);
        }

        // Suricata's buffer ends with a zero.
        int most = Math.Max(0, mostBytes - 1);
        if (_frameBytes.Length < most)
        {
            _frameBytes = new byte[most];
        }

        return _frameBytes.AsSpan(0, payloads.Frame(flow, packet.Direction, frame.Offset, frame.Offset + length, _frameBytes.AsSpan(0, most)));
    }
}
