using System.Buffers.Binary;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Tests.Protocols;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>One parser over whole conversations: each turn is a byte of direction, two bytes of length, and the bytes.</summary>
/// <remarks>
/// Oracle: a stream protocol sees the same conversation whole and cut (where, the input's own bytes say) and must come to the same transactions,
/// buffers, anomalies and EVE records. A datagram protocol must come to the same from a state that was used before.
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

        ProtocolBench second = Bench();
        if (samples.IsDatagram)
        {
            second.Feed(turns);
            second.State.Reset();
            second.Feed(turns);
        }
        else
        {
            Random random = new(input.Length == 0 ? 0 : input[^1] + (input.Length << 8));
            foreach (Turn turn in turns)
            {
                FeedCut(second, turn, random);
            }
        }

        second.End();
        string actual = second.Describe();
        if (actual != expected)
        {
            throw new InvalidOperationException($"cut or repeated:\n{actual}\nwhole:\n{expected}");
        }
    }

    private static void FeedCut(ProtocolBench bench, Turn turn, Random random)
    {
        ReadOnlySpan<byte> rest = turn.Bytes;
        do
        {
            int length = Math.Min(rest.Length, random.Next(4) == 0 ? 1 : 1 + random.Next(1 + rest.Length));
            bench.Feed(turn.Direction, rest[..length]);
            rest = rest[length..];
        }
        while (!rest.IsEmpty);
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
