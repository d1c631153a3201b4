using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Streams;

/// <summary>How far a flow's newest transaction has come in a direction: taken before and after bytes are parsed, the two say whether rules on the stream are to look now.</summary>
internal readonly struct MessageMark
{
    private readonly Transaction? _newest;
    private readonly byte _progress;
    private readonly bool _isComplete;

    private MessageMark(Transaction newest, byte progress, bool isComplete)
    {
        _newest = newest;
        _progress = progress;
        _isComplete = isComplete;
    }

    public static MessageMark Of(Flow flow, Direction direction)
    {
        if (flow.AppState is not { Transactions.Count: > 0 } state)
        {
            return default;
        }

        Transaction newest = state.Transactions[state.Transactions.Count - 1];
        byte progress = newest.Progress(direction);
        return new MessageMark(newest, progress, newest.ExistsIn(direction) && progress >= state.Protocol.CompletedProgress(direction));
    }

    /// <summary>Something came to its end, or moved, since <paramref name="before"/>: as the protocol has it (<see cref="StreamShow"/>).</summary>
    public bool Shows(MessageMark before, Flow flow, Direction direction, int consumed)
    {
        bool isSame = ReferenceEquals(_newest, before._newest);
        return (flow.AppState?.Protocol.ShowsStream(direction) ?? StreamShow.AtEnd) switch
        {
            StreamShow.Never => false,
            StreamShow.WithProgress => _newest is not null && (!isSame || _progress != before._progress),
            StreamShow.WithEachPart => _newest is not null && consumed > 0 && !(isSame && before._isComplete),

            // A new message after a complete one counts as well as a newly complete one.
            _ => _isComplete != before._isComplete || (_isComplete && !isSame),
        };
    }
}
