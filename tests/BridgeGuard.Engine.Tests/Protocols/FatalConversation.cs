using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>A conversation of the samples with one turn at its end that the parser gives up at.</summary>
/// <param name="Before">Good turns, at least one, so that the protocol is known.</param>
/// <param name="Fatal">The turn that cannot be read.</param>
public sealed record FatalConversation(Turn[] Before, Turn Fatal)
{
    /// <summary>Bytes of a sample that are damaged one at a time.</summary>
    private const int Damaged = 96;

    /// <summary>Longer than any line or header that a parser waits for.</summary>
    private const int JunkBytes = 80_000;

    private static readonly byte[] JunkValues = [0xff, 0x00, (byte)'A', 0x30, 0x80];

    /// <summary>The first that is found; null: neither junk nor a damaged sample makes the parser give up.</summary>
    public static FatalConversation? Find(ProtocolSamples samples)
    {
        foreach (Turn[] sample in samples.Conversations)
        {
            for (int cut = 1; cut <= sample.Length; cut++)
            {
                foreach (Turn candidate in Candidates(samples, sample, cut))
                {
                    if (!samples.IsDatagram && !sample[..cut].Any(turn => turn.Direction == candidate.Direction))
                    {
                        // What the first bytes of a direction are is for detection to say.
                        continue;
                    }

                    var bench = new ProtocolBench(samples.Protocol, samples.Settings) { IsDatagram = samples.IsDatagram };
                    bench.Feed(sample[..cut]);
                    if (bench.HasStopped || bench.Change.Requested)
                    {
                        break;
                    }

                    bench.Feed(candidate.Direction, candidate.Bytes);
                    if (bench.HasStopped)
                    {
                        return new FatalConversation(sample[..cut], candidate);
                    }
                }
            }
        }

        return null;
    }

    private static IEnumerable<Turn> Candidates(ProtocolSamples samples, Turn[] sample, int cut)
    {
        foreach (Turn turn in cut < sample.Length ? [sample[cut]] : sample.AsEnumerable())
        {
            for (int at = 0; at < Math.Min(turn.Bytes.Length, Damaged); at++)
            {
                foreach (byte value in (byte[])[0xff, 0x00, (byte)(turn.Bytes[at] ^ 0x80)])
                {
                    byte[] bytes = [.. turn.Bytes];
                    bytes[at] = value;
                    yield return turn with { Bytes = bytes };
                }
            }
        }

        foreach (byte value in JunkValues)
        {
            byte[] junk = new byte[samples.IsDatagram ? 1000 : JunkBytes];
            junk.AsSpan().Fill(value);
            yield return new Turn(Direction.ToServer, junk);
            yield return new Turn(Direction.ToClient, junk);
        }
    }
}
