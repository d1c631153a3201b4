using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Streams;

/// <summary>Hands the bytes of TCP streams to a log, each once and in order, when they may be looked at: passively with their acknowledgement.</summary>
/// <remarks>Owner: one worker. Costs an entry of a table per connection, so it is there only where somebody wants it.</remarks>
internal sealed class StreamLog(IDataLog log)
{
    /// <summary>Offset up to which a stream has been logged; none: nothing of it.</summary>
    private readonly Dictionary<TcpStream, long> _logged = [];

    /// <summary>Logs what has come of both directions. Call it after each packet, before what was inspected is given back.</summary>
    public void Write(Reassembler reassembler, Flow flow)
    {
        Write(reassembler, flow, Direction.ToServer);
        Write(reassembler, flow, Direction.ToClient);
    }

    /// <summary>The connection is over; its session will be used for another.</summary>
    public void Forget(Flow flow)
    {
        if (flow.Tcp is { } session)
        {
            _logged.Remove(session.Client);
            _logged.Remove(session.Server);
        }
    }

    private void Write(Reassembler reassembler, Flow flow, Direction direction)
    {
        TcpStream stream = flow.Tcp!.StreamOf(direction);
        _logged.TryGetValue(stream, out long from);
        long at = from;
        for (int i = 0; Reassembler.TryGetHeldFrameWindow(flow, direction, i, at, long.MaxValue, out RawWindow held); i++)
        {
            Write(flow, direction, held, ref at);
        }

        Write(flow, direction, reassembler.GetFrameWindow(flow, direction, at, long.MaxValue), ref at);
        if (at != from)
        {
            _logged[stream] = at;
        }
    }

    private void Write(Flow flow, Direction direction, RawWindow window, ref long at)
    {
        if (!window.Data.IsEmpty)
        {
            log.Stream(flow, direction, window.Data);
            at = window.Offset + window.Data.Length;
        }
    }
}
