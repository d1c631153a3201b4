using System.Text;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Prefilter.Interop;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Prefilter;

/// <summary>One table over all engines: every case runs on every engine that this machine has.</summary>
public sealed class PatternSetTests
{
    public static TheoryData<PrefilterEngine> Engines()
    {
        var data = new TheoryData<PrefilterEngine>();
        foreach (PrefilterEngine engine in Enum.GetValues<PrefilterEngine>())
        {
            if (engine != PrefilterEngine.Hyperscan || HyperscanLibrary.IsAvailable)
            {
                data.Add(engine);
            }
        }
        return data;
    }

    /// <summary>Pattern, no case, min start, max end (-1: none), at end, text, found.</summary>
    private static readonly (string Pattern, bool NoCase, int MinStart, int MaxEnd, bool AtEnd, string Text, bool Found)[] Table =
    [
        ("a", false, 0, -1, false, "xxa", true),
        ("a", false, 0, -1, false, "xxA", false),
        ("a", true, 0, -1, false, "xxA", true),
        ("A", true, 0, -1, false, "a", true),
        ("1", true, 0, -1, false, "\u0011", false),
        ("a", false, 0, 1, false, "a", true),
        ("a", false, 1, 3, false, "axxa", false),
        ("a", false, 1, 3, false, "xxaa", true),
        ("a", false, 0, -1, true, "ab", false),
        ("a", false, 0, -1, true, "ba", true),
        ("", false, 0, -1, false, "", false),
        ("ab", false, 0, -1, false, "xxab", true),
        ("ab", false, 0, -1, false, "xxaxb", false),
        ("ab", true, 0, -1, false, "AB", true),
        ("@b", true, 0, -1, false, "`B", false),
        ("[b", true, 0, -1, false, "{b", false),
        ("abc", false, 0, -1, false, "ab", false),
        ("abc", false, 0, -1, false, "abc", true),
        ("abc", false, 3, -1, false, "abcabc", true),
        ("abc", false, 4, -1, false, "abcabc", false),
        ("abcd", true, 0, -1, false, "..aBcD", true),
        ("abcdefg", false, 0, -1, false, "abcdefabcdefg", true),
        ("abcdefg", false, 0, 7, false, "xabcdefg", false),
        ("abcdefg", false, 0, 8, false, "xabcdefg", true),
        ("abcdefg", false, 0, 7, false, "abcdefg", true),
        ("abcdefg", true, 0, 7, true, "ABCDEFG", true),
        ("abcdefg", true, 0, 7, true, "ABCDEFGH", false),
        ("abcdefgh", false, 0, -1, false, "xxabcdefgh", true),
        ("abcdefgh", false, 0, 3, false, "abcdefgh", false),
        ("user-agent: ", true, 0, -1, false, "GET / HTTP/1.1\r\nUser-Agent: x\r\n", true),
        ("User-Agent: ", false, 0, -1, false, "GET / HTTP/1.1\r\nuser-Agent: x\r\n", false),
        (".duckdns.org", true, 0, -1, true, ".evil.DuckDNS.org", true),
        (".duckdns.org", true, 0, -1, true, ".evil.duckdns.org.", false),
        ("\u0000\u0000\u0000\u0000", false, 0, -1, false, "    ", false),
        ("\u0000\u0000\u0000\u0000", false, 0, -1, false, "x\u0000\u0000\u0000\u0000", true),
        ("\u00e9t\u00e9", true, 0, -1, false, "\u00e9T\u00e9", true),
        ("\u00e9t\u00e9", true, 0, -1, false, "\u00c9T\u00c9", false),
    ];

    [Theory]
    [MemberData(nameof(Engines))]
    public void EveryRowOfTheTableHolds(PrefilterEngine engine)
    {
        foreach (var row in Table)
        {
            if (row.Pattern.Length == 0)
            {
                continue;
            }
            var builder = new PatternSetBuilder();
            var placement = new PatternPlacement(row.MinStart, row.MaxEnd < 0 ? int.MaxValue : row.MaxEnd, row.AtEnd);
            builder.Add(Encoding.Latin1.GetBytes(row.Pattern), row.NoCase, placement, 0);
            using PatternSet set = builder.Build(engine);
            var matches = new MatchSet(1);
            set.Scan(Encoding.Latin1.GetBytes(row.Text), matches);
            Assert.True(row.Found == (matches.Count == 1), $"{row}");
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AnEmptySetFindsNothing(PrefilterEngine engine)
    {
        using PatternSet set = new PatternSetBuilder().Build(engine);
        var matches = new MatchSet(0);
        set.Scan("anything"u8, matches);
        Assert.Equal(0, matches.Count);
        Assert.Equal(0, set.PatternCount);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void SeveralIdsMayShareAPatternAndAnIdMayHaveSeveralPatterns(PrefilterEngine engine)
    {
        var builder = new PatternSetBuilder();
        Assert.Equal(0, builder.Add("shared pattern"u8, false, PatternPlacement.Anywhere, 3));
        Assert.Equal(0, builder.Add("shared pattern"u8, false, PatternPlacement.Anywhere, 5));
        Assert.Equal(1, builder.Add("other"u8, false, PatternPlacement.Anywhere, 3));
        using PatternSet set = builder.Build(engine);
        var matches = new MatchSet(6);
        set.Scan("the shared pattern and the other; shared pattern"u8, matches);
        Assert.Equal([3, 5], matches.Ids.ToArray().Order());
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void AgreesWithTheOracleOnRandomSets(PrefilterEngine engine)
    {
        // Hyperscan compiles slowly; fewer rounds there.
        int rounds = engine == PrefilterEngine.Hyperscan ? 25 : 120;
        for (int seed = 0; seed < rounds; seed++)
        {
            var random = new Random(seed);
            int alphabet = random.Next(3) switch { 0 => 2, 1 => 6, _ => 256 };
            var builder = new PatternSetBuilder();
            var oracle = new NaivePatternSet();
            int count = random.Next(1, random.Next(2) == 0 ? 12 : 300);
            for (int id = 0; id < count; id++)
            {
                AddRandomPattern(random, alphabet, id, builder, oracle);
            }
            using PatternSet set = builder.Build(engine);
            var matches = new MatchSet(count);
            for (int i = 0; i < 30; i++)
            {
                byte[] text = RandomBytes(random, random.Next(random.Next(2) == 0 ? 20 : 300), alphabet);
                matches.Clear();
                set.Scan(text, matches);
                int[] expected = oracle.Scan(text);
                int[] actual = [.. matches.Ids.ToArray().Order()];
                Assert.True(expected.AsSpan().SequenceEqual(actual), $"seed {seed}, text {i}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void PiecesThatOverlapGiveTheSameAsTheWhole(PrefilterEngine engine)
    {
        int rounds = engine == PrefilterEngine.Hyperscan ? 15 : 60;
        for (int seed = 0; seed < rounds; seed++)
        {
            var random = new Random(seed);
            var builder = new PatternSetBuilder();
            var oracle = new NaivePatternSet();
            for (int id = 0; id < 40; id++)
            {
                AddRandomPattern(random, 3, id, builder, oracle);
            }
            using PatternSet set = builder.Build(engine);
            byte[] text = RandomBytes(random, 400, 3);
            var matches = new MatchSet(40);
            int overlap = set.MaxPatternLength - 1;
            int seen = 0;
            while (seen < text.Length)
            {
                int end = Math.Min(text.Length, seen + random.Next(1, 80));
                int start = Math.Max(0, seen - overlap);
                set.ScanChunk(text.AsSpan(start, end - start), start, end == text.Length, matches);
                seen = end;
            }
            Assert.Equal(oracle.Scan(text), matches.Ids.ToArray().Order());
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void ScanningAllocatesNothing(PrefilterEngine engine)
    {
        var random = new Random(1);
        var builder = new PatternSetBuilder();
        for (int id = 0; id < 100; id++)
        {
            AddRandomPattern(random, 4, id, builder, new NaivePatternSet());
        }
        using PatternSet set = builder.Build(engine);
        byte[] text = RandomBytes(random, 2000, 4);
        var matches = new MatchSet(100);
        set.Scan(text, matches);
        Assert.NotEqual(0, matches.Count);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 20; i++)
        {
            matches.Clear();
            set.Scan(text, matches);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    internal static byte[] RandomBytes(Random random, int length, int alphabet)
    {
        var bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            // Small alphabets mix cases, so that case matters; the large one is every byte.
            bytes[i] = alphabet == 256 ? (byte)random.Next(256) : (byte)("aAbBcC"[random.Next(Math.Min(6, alphabet * 2))]);
        }
        return bytes;
    }

    private static void AddRandomPattern(Random random, int alphabet, int id, PatternSetBuilder builder, NaivePatternSet oracle)
    {
        byte[] bytes = RandomBytes(random, random.Next(4) == 0 ? random.Next(1, 60) : random.Next(1, 12), alphabet);
        bool ignoreCase = random.Next(2) == 0;
        int first = random.Next(20);
        PatternPlacement placement = random.Next(6) switch
        {
            0 => PatternPlacement.Ending,
            1 => PatternPlacement.AtStart(bytes.Length),
            2 => PatternPlacement.Window(first, first + random.Next(40)),
            3 => new PatternPlacement(random.Next(10), int.MaxValue, random.Next(2) == 0),
            _ => PatternPlacement.Anywhere,
        };
        builder.Add(bytes, ignoreCase, placement, id);
        oracle.Add(bytes, ignoreCase, placement, id);
    }
}
