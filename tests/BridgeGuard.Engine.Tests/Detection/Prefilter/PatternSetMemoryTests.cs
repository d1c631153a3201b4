using BridgeGuard.Engine.Detection.Prefilter;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Prefilter;

/// <summary>Engines stay inside the buffer, and large sets stay small and quick to build.</summary>
public sealed class PatternSetMemoryTests
{
    [Theory]
    [MemberData(nameof(PatternSetTests.Engines), MemberType = typeof(PatternSetTests))]
    public void BuffersBetweenGuardPagesAreScannedAndNothingElse(PrefilterEngine engine)
    {
        using var memory = new GuardedMemory(1);
        foreach (int count in (ReadOnlySpan<int>)[1, 10, 400])
        {
            var random = new Random(count);
            var builder = new PatternSetBuilder();
            var oracle = new NaivePatternSet();
            for (int id = 0; id < count; id++)
            {
                byte[] bytes = PatternSetTests.RandomBytes(random, 1 + (id % 12), 3);
                PatternPlacement placement = (id % 7) switch { 0 => PatternPlacement.Ending, 1 => PatternPlacement.AtStart(bytes.Length), _ => PatternPlacement.Anywhere };
                builder.Add(bytes, id % 2 == 0, placement, id);
                oracle.Add(bytes, id % 2 == 0, placement, id);
            }
            using PatternSet set = builder.Build(engine);
            var matches = new MatchSet(count);
            for (int length = 0; length < 150; length++)
            {
                byte[] content = PatternSetTests.RandomBytes(random, length, 3);
                int[] expected = oracle.Scan(content);
                matches.Clear();
                set.Scan(memory.AtEnd(content), matches);
                Assert.Equal(expected, matches.Ids.ToArray().Order());
                matches.Clear();
                set.Scan(memory.AtStart(content), matches);
                Assert.Equal(expected, matches.Ids.ToArray().Order());
            }
        }
    }

    [Fact]
    public void SixtyThousandPatternsAreFoundAgain()
    {
        const int Count = 60_000;
        var random = new Random(5);
        var builder = new PatternSetBuilder();
        var patterns = new byte[Count][];
        for (int id = 0; id < Count; id++)
        {
            patterns[id] = new byte[random.Next(4, 30)];
            random.NextBytes(patterns[id]);
            builder.Add(patterns[id], id % 2 == 0, id % 5 == 0 ? PatternPlacement.Ending : PatternPlacement.Anywhere, id);
        }
        using PatternSet set = builder.Build(PrefilterEngine.Managed);
        Assert.True(set.MemoryBytes < 12 << 20, $"{set.MemoryBytes} bytes");
        var matches = new MatchSet(Count);
        for (int id = 0; id < Count; id += 17)
        {
            matches.Clear();
            set.Scan([.. new byte[id % 40], .. patterns[id]], matches);
            Assert.True(matches.Contains(id));
        }
    }

    [Fact]
    public void PatternsThatNoBufferCanSatisfyNeverMatch()
    {
        var builder = new PatternSetBuilder();
        builder.Add("abcdef"u8, false, PatternPlacement.Window(3, 8), 0);
        using PatternSet set = builder.Build(PrefilterEngine.Managed);
        var matches = new MatchSet(1);
        set.Scan("xxxabcdefabcdef"u8, matches);
        Assert.Equal(0, matches.Count);
    }
}
