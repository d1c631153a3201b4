using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>What makes a flow of a protocol hold as many transactions as possible: one turn of a sample, said again and again without an answer.</summary>
/// <param name="Samples">The protocol.</param>
/// <param name="Before">What comes first, once.</param>
/// <param name="Request">What is repeated; numbered by <see cref="ProtocolSamples.Renumber"/>.</param>
/// <param name="Answer">What the other side said next in the sample; null when it said nothing.</param>
/// <param name="Open">Of <see cref="Tried"/> repetitions so many were open transactions in the end.</param>
public sealed record OpenConversation(ProtocolSamples Samples, Turn[] Before, Turn Request, Turn? Answer, int Open)
{
    /// <summary>Repetitions by which a turn is judged.</summary>
    public const int Tried = 64;

    /// <summary>The turn of the samples that leaves most transactions open, or where none does, that makes most; of equals the shortest.</summary>
    public static OpenConversation Find(ProtocolSamples samples)
    {
        OpenConversation? best = null;
        (int Open, int Made, int Bytes) bestScore = (-1, -1, 0);
        foreach (Turn[] sample in samples.Conversations)
        {
            for (int turn = 0; turn < sample.Length; turn++)
            {
                Turn? answer = turn + 1 < sample.Length && sample[turn + 1].Direction != sample[turn].Direction ? sample[turn + 1] : null;
                var tried = new OpenConversation(samples, sample[..turn], sample[turn], answer, 0);
                (int Open, int Made, int Bytes) score = tried.Try();
                if (score.CompareTo(bestScore) > 0)
                {
                    bestScore = score;
                    best = tried with { Open = score.Open };
                }
            }
        }

        return best!;
    }

    /// <summary>A turn with a number of its own.</summary>
    public byte[] Numbered(Turn turn, uint number)
    {
        byte[] bytes = [.. turn.Bytes];
        Samples.Renumber?.Invoke(bytes, number);
        return bytes;
    }

    private (int Open, int Made, int Bytes) Try()
    {
        var bench = new ProtocolBench(Samples.Protocol, Samples.Settings) { IsDatagram = Samples.IsDatagram };
        bench.Feed(Before);
        ulong before = bench.State.Transactions.NextId;
        for (uint i = 0; i < Tried && !bench.HasStopped; i++)
        {
            bench.Feed(Request.Direction, Numbered(Request, i + 1000));
        }

        int open = 0;
        for (int i = 0; i < bench.State.Transactions.Count; i++)
        {
            Transaction transaction = bench.State.Transactions[i];
            open += IsComplete(transaction, Direction.ToServer) && IsComplete(transaction, Direction.ToClient) ? 0 : 1;
        }

        return bench.HasStopped ? (-1, -1, 0) : (open, (int)(bench.State.Transactions.NextId - before), -Request.Bytes.Length);
    }

    private bool IsComplete(Transaction transaction, Direction direction) =>
        !transaction.ExistsIn(direction) || transaction.Progress(direction) >= Samples.Protocol.CompletedProgress(direction);
}
