using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Prefilter.Interop;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Prefilter;

public sealed class HyperscanCacheTests
{
    [Fact]
    public void ASetComesBackFromItsBytes()
    {
        Assert.SkipUnless(HyperscanLibrary.IsAvailable, "libhs is not installed");
        PatternSetBuilder builder = Build("needle", 3);
        using PatternSet built = builder.Build(PrefilterEngine.Hyperscan);
        byte[] bytes = HyperscanLibrary.Serialize(built);
        using PatternSet? read = HyperscanLibrary.TryDeserialize(builder, bytes);
        Assert.NotNull(read);
        var matches = new MatchSet(10);
        read.Scan("a NEEDLE in the hay, tail"u8, matches);
        Assert.Equal([3, 4, 5], matches.Ids.ToArray().Order());
    }

    [Fact]
    public void DamagedOrForeignBytesAreRefused()
    {
        Assert.SkipUnless(HyperscanLibrary.IsAvailable, "libhs is not installed");
        PatternSetBuilder builder = Build("needle", 3);
        using PatternSet built = builder.Build(PrefilterEngine.Hyperscan);
        byte[] bytes = HyperscanLibrary.Serialize(built);
        Assert.Null(HyperscanLibrary.TryDeserialize(Build("noodle", 3), bytes));
        Assert.Null(HyperscanLibrary.TryDeserialize(builder, bytes.AsSpan(0, bytes.Length - 1)));
        Assert.Null(HyperscanLibrary.TryDeserialize(builder, []));
        for (int i = 0; i < bytes.Length; i += 37)
        {
            byte[] damaged = [.. bytes];
            damaged[i] ^= 0x40;
            Assert.Null(HyperscanLibrary.TryDeserialize(builder, damaged));
        }
    }

    [Fact]
    public void TheKeyChangesWithThePatterns()
    {
        Assert.NotEqual(HyperscanLibrary.CacheKey(Build("needle", 3)), HyperscanLibrary.CacheKey(Build("noodle", 3)));
        Assert.Equal(HyperscanLibrary.CacheKey(Build("needle", 3)), HyperscanLibrary.CacheKey(Build("needle", 4)));
    }

    [Fact]
    public void VeryLongPatternsAreFound()
    {
        Assert.SkipUnless(HyperscanLibrary.IsAvailable, "libhs is not installed");
        var text = new byte[70_000];
        new Random(1).NextBytes(text);
        var builder = new PatternSetBuilder();
        builder.Add(text.AsSpan(100, 65535), false, PatternPlacement.Anywhere, 0);
        builder.Add(text.AsSpan(200, 2048), true, PatternPlacement.Anywhere, 1);
        builder.Add(text.AsSpan(200, 2049), true, PatternPlacement.Anywhere, 2);
        using PatternSet set = builder.Build(PrefilterEngine.Hyperscan);
        var matches = new MatchSet(3);
        set.Scan(text, matches);
        Assert.Equal([0, 1, 2], matches.Ids.ToArray().Order());
    }

    private static PatternSetBuilder Build(string word, int id)
    {
        var builder = new PatternSetBuilder();
        builder.Add(System.Text.Encoding.ASCII.GetBytes(word), true, PatternPlacement.Anywhere, id);
        builder.Add("tail"u8, false, PatternPlacement.Ending, id + 1);
        builder.Add("hay"u8, false, PatternPlacement.Window(5, 40), id + 2);
        return builder;
    }
}
