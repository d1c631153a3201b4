using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Tests.Protocols;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>One parser over whole conversations: each turn is a byte of direction, two bytes of length, and the bytes.</summary>
/// <remarks>
/// Oracle: a stream protocol sees the same conversation whole and cut (where, the input's own bytes say) and must come to the same transactions,
/// buffers, anomalies and EVE records, except for <see cref="ProtocolSamples.SegmentsEndMessages"/>. A datagram protocol must come to the same from a state that was used before.
/// </remarks>
internal sealed class ProtocolTarget(string name, ProtocolSamples samples) : IFuzzTarget
{
    private const int HeaderBytes = 3;

    public string Name => name;

    public IReadOnlyList<byte[]> Seeds() => [.. samples.Conversations.Select(Encode)];

    public void Run(byte[] input)
    {
        List<Turn> turns = Decode(input);
        ProtocolBench whole = Bench();
        whole.Feed(turns);
        whole.End();
        string expected = whole.Describe();

        string actual = samples.IsDatagram ? DescribeRepeated(turns) : DescribeCut(turns, input, expected);
        if (actual != expected)
        {
            throw new InvalidOperationException($"cut or repeated:\n{actual}\nwhole:\n{expected}");
        }
    }

    private string DescribeRepeated(List<Turn> turns)
    {
        ProtocolBench bench = Bench();
        bench.Feed(turns);
        bench.State.Reset();
        bench.Feed(turns);
        bench.End();
        return bench.Describe();
    }

    private string DescribeCut(List<Turn> turns, byte[] input, string expected)
    {
        List<Turn> pieces = Cut(turns, new Random(input.Length == 0 ? 0 : input[^1] + (input.Length << 8)), out List<bool> endTurn);
        while (true)
        {
            string actual = DescribePieces(pieces, endTurn, out int between);
            if (actual == expected || !samples.SegmentsEndMessages || between < 0)
            {
                return actual;
            }

            // This cut fell between two messages, where the protocol may ask whether the segment goes on: without it, and with all others, once more.
            pieces[between] = pieces[between] with { Bytes = [.. pieces[between].Bytes, .. pieces[between + 1].Bytes] };
            endTurn[between] = endTurn[between + 1];
            pieces.RemoveAt(between + 1);
            endTurn.RemoveAt(between + 1);
        }
    }

    /// <param name="pieces">What is fed.</param>
    /// <param name="endTurn">For each piece: it is the last of its turn.</param>
    /// <param name="between">The first piece after which its direction was between messages though its turn went on; -1: none.</param>
    private string DescribePieces(List<Turn> pieces, List<bool> endTurn, out int between)
    {
        ProtocolBench bench = Bench();
        between = -1;
        for (int i = 0; i < pieces.Count; i++)
        {
            bench.Feed(pieces[i].Direction, pieces[i].Bytes);
            if (between < 0 && !endTurn[i] && bench.IsBetweenMessages(pieces[i].Direction))
            {
                between = i;
            }
        }

        bench.End();
        return bench.Describe();
    }

    private static List<Turn> Cut(List<Turn> turns, Random random, out List<bool> endTurn)
    {
        var pieces = new List<Turn>();
        endTurn = [];
        foreach (Turn turn in turns)
        {
            int at = 0;
            do
            {
                int rest = turn.Bytes.Length - at;
                int length = Math.Min(rest, random.Next(4) == 0 ? 1 : 1 + random.Next(1 + rest));
                pieces.Add(turn with { Bytes = turn.Bytes[at..(at + length)] });
                at += length;
                endTurn.Add(at == turn.Bytes.Length);
            }
            while (at < turn.Bytes.Length);
        }

        return pieces;
    }

    private ProtocolBench Bench() => new(samples.Protocol, samples.Settings) { IsDatagram = samples.IsDatagram };

    private static byte[] Encode(Turn[] turns)
    {
        var bytes = new List<byte>();
        foreach (Turn turn in turns)
        {
            // A longer turn becomes two: the length has 16 bits.
            foreach (byte[] part in turn.Bytes.Chunk(ushort.MaxValue))
            {
                bytes.AddRange([(byte)turn.Direction, (byte)(part.Length >> 8), (byte)part.Length, .. part]);
            }
        }

        return [.. bytes];
    }

    private static List<Turn> Decode(byte[] input)
    {
        var turns = new List<Turn>();
        int at = 0;
        while (at + HeaderBytes <= input.Length)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input.AsSpan(at + 1)), input.Length - at - HeaderBytes);
            turns.Add(new Turn((Direction)(input[at] & 1), input[(at + HeaderBytes)..(at + HeaderBytes + length)]));
            at += HeaderBytes + length;
        }

        return turns;
    }
}
