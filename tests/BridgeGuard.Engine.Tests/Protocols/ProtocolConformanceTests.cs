using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Testing.Events;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols;

/// <summary>What every parser owes, checked over its sample conversations. A protocol's tests inherit it and name their samples.</summary>
public abstract class ProtocolConformanceTests
{
    protected abstract Protocol Protocol { get; }

    /// <summary>Well-formed conversations; with a stream protocol each turn may be cut anywhere.</summary>
    protected abstract IReadOnlyList<Turn[]> Samples { get; }

    protected virtual IReadOnlyDictionary<string, string>? Settings => null;

    /// <summary>Turns are datagrams, which are never cut.</summary>
    protected virtual bool IsDatagram => !Protocol.UsesTcp;

    /// <summary>
    /// With malformed input the protocol tells by the end of a segment whether a message is over. Then a fuzz target may not ask for the same result
    /// when it cuts just there; a cut within a message still must change nothing.
    /// </summary>
    protected virtual bool SegmentsEndMessages => false;

    /// <summary>
    /// Writes a number into a request that makes it another exchange (message, stream or transaction id), where the protocol has such: for flows with
    /// very many open ones. Turns of other forms are left alone.
    /// </summary>
    protected virtual void Renumber(byte[] turn, uint number)
    {
    }

    /// <summary>What the fuzz targets are made of: the protocol with its sample conversations.</summary>
    public ProtocolSamples Subject => new(Protocol, Samples, Settings, IsDatagram, SegmentsEndMessages, Renumber);

    [Fact]
    public void WellFormedConversationsAreTakenWhole()
    {
        foreach (Turn[] sample in Samples)
        {
            ProtocolBench bench = Run(sample);
            Assert.False(bench.HasStopped);
            Assert.True(bench.State.Transactions.Count > 0, "no transaction");
        }
    }

    [Fact]
    public void EachSplitPointGivesTheWholeBufferResult()
    {
        foreach (Turn[] sample in Samples.Where(_ => !IsDatagram))
        {
            string whole = Run(sample).Describe();
            for (int turn = 0; turn < sample.Length; turn++)
            {
                for (int cut = 1; cut < sample[turn].Bytes.Length; cut++)
                {
                    string split = Run(Cut(sample, turn, cut)).Describe();
                    Assert.True(whole == split, $"turn {turn} cut at {cut}:\n{split}\ninstead of\n{whole}");
                }
            }
        }
    }

    [Fact]
    public void OneByteAtATimeGivesTheWholeBufferResult()
    {
        foreach (Turn[] sample in Samples.Where(_ => !IsDatagram))
        {
            Turn[] bytes = [.. sample.SelectMany(t => t.Bytes.Select(b => new Turn(t.Direction, [b])))];
            Assert.Equal(Run(sample).Describe(), Run(bytes).Describe());
        }
    }

    [Fact]
    public void EachOneByteCorruptionReturns()
    {
        foreach (Turn[] sample in Samples)
        {
            for (int turn = 0; turn < sample.Length; turn++)
            {
                for (int at = 0; at < sample[turn].Bytes.Length; at++)
                {
                    foreach (byte change in (byte[])[0x01, 0x80, 0xff])
                    {
                        byte[] bytes = [.. sample[turn].Bytes];
                        bytes[at] ^= change;
                        Turn[] corrupt = [.. sample];
                        corrupt[turn] = sample[turn] with { Bytes = bytes };
                        Assert.NotNull(Run(corrupt).Describe());
                    }
                }
            }
        }
    }

    [Fact]
    public void EachTruncationReturns()
    {
        foreach (Turn[] sample in Samples)
        {
            for (int turn = 0; turn < sample.Length; turn++)
            {
                for (int length = 0; length < sample[turn].Bytes.Length; length++)
                {
                    Turn[] cut = [.. sample[..turn], sample[turn] with { Bytes = sample[turn].Bytes[..length] }];
                    Assert.NotNull(Run(cut).Describe());
                }
            }
        }
    }

    [Fact]
    public void AGapAnywhereReturnsAndLeavesAUsableParser()
    {
        foreach (Turn[] sample in Samples.Where(_ => Protocol.AcceptsGaps && !IsDatagram))
        {
            for (int turn = 0; turn < sample.Length; turn++)
            {
                for (int at = 0; at < sample[turn].Bytes.Length; at += 7)
                {
                    var bench = new ProtocolBench(Protocol, Settings);
                    bench.Feed(sample[..turn]);
                    bench.Feed(sample[turn].Direction, sample[turn].Bytes.AsSpan(0, at));
                    bench.Gap(sample[turn].Direction, sample[turn].Bytes.Length - at);
                    bench.Feed(sample[(turn + 1)..]);
                    bench.End();
                    Assert.NotNull(bench.Describe());
                }
            }
        }
    }

    [Fact]
    public void AResetParserBehavesLikeANewOne()
    {
        foreach (Turn[] sample in Samples)
        {
            ProtocolBench bench = Run(sample);
            string first = bench.Describe();
            bench.State.Reset();
            bench.Feed(sample);
            bench.End();
            Assert.Equal(first, bench.Describe());
        }
    }

    [Fact]
    public void NothingIsAllocatedOnceWarm()
    {
        foreach (Turn[] sample in Samples)
        {
            var bench = new ProtocolBench(Protocol, Settings);
            for (int i = 0; i < 40; i++)
            {
                Replay(bench, sample);
            }

            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10; i++)
            {
                Replay(bench, sample);
            }

            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    [Fact]
    public void RecordsAreAsThePublicSchemaHasThem()
    {
        Assert.SkipUnless(EveSchema.IsPresent, EveSchema.Absent);
        var all = new ProtocolSettings(new Dictionary<string, string> { ["extended"] = "yes", ["passwords"] = "yes", ["dump-all-headers"] = "both" });
        foreach (Turn[] sample in Samples)
        {
            ProtocolBench bench = Run(sample);
            for (int i = 0; i < bench.State.Transactions.Count; i++)
            {
                foreach (string record in (string[])[bench.Eve(i), bench.Eve(i, all)])
                {
                    IReadOnlyList<string> faults = EveSchema.Check(record);
                    Assert.True(faults.Count == 0, $"{string.Join("\n", faults)}\n{record}");
                }
            }
        }
    }

    /// <summary>Feeds a sample without the bench's own copying: whole turns, the tail dropped.</summary>
    private static void Replay(ProtocolBench bench, Turn[] sample)
    {
        foreach (Turn turn in sample)
        {
            bench.State.Parse(turn.Bytes, new ParseContext
            {
                Flow = bench.Flow,
                Direction = turn.Direction,
                TimeUs = 1,
                Files = bench.Files,
            });
            bench.State.TakeProtocolChange();
        }

        bench.State.Reset();
    }

    private ProtocolBench Run(Turn[] sample)
    {
        var bench = new ProtocolBench(Protocol, Settings) { IsDatagram = IsDatagram };
        bench.Feed(sample);
        bench.End();
        return bench;
    }

    private static Turn[] Cut(Turn[] sample, int turn, int at) =>
    [
        .. sample[..turn],
        sample[turn] with { Bytes = sample[turn].Bytes[..at] },
        sample[turn] with { Bytes = sample[turn].Bytes[at..] },
        .. sample[(turn + 1)..],
    ];
}

/// <summary>A protocol with well-formed conversations of it.</summary>
public sealed record ProtocolSamples(
    Protocol Protocol, IReadOnlyList<Turn[]> Conversations, IReadOnlyDictionary<string, string>? Settings, bool IsDatagram, bool SegmentsEndMessages,
    Action<byte[], uint>? Renumber = null)
{
    /// <summary>Those of every protocol, by name. They are found, not listed: a protocol with conformance tests cannot be forgotten.</summary>
    public static IEnumerable<(string Name, ProtocolSamples Samples)> All() =>
        typeof(ProtocolConformanceTests).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(ProtocolConformanceTests)) && !type.IsAbstract)
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .Select(type => (type.Name.Replace("ConformanceTests", "", StringComparison.Ordinal).ToLowerInvariant(),
                ((ProtocolConformanceTests)Activator.CreateInstance(type)!).Subject));
}
