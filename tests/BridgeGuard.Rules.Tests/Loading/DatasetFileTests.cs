using System.Text;
using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Lines of dataset files, as Suricata 8 takes them: a bad one is told and left out, the rule stays.</summary>
public sealed class DatasetFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-sets-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("ip", "10.0.0.1\n10.0.0.2\n", 2, 0)]
    [InlineData("ip", "10.0.0.1\r\n10.0.0.2\r\n", 2, 0)]
    [InlineData("ip", "10.0.0.1 \n10.0.0.2\n", 1, 1)]
    [InlineData("ip", " 10.0.0.1\n10.0.0.2\n", 1, 1)]
    [InlineData("ip", "10.1\n010.0.0.1\n10.0.0.256\n10.0.0.2\n", 1, 3)]
    [InlineData("ip", "10.0.0.1\n\n10.0.0.2\n", 2, 1)]
    [InlineData("ip", "# words\n10.0.0.1\n", 1, 1)]
    [InlineData("ip", "::ffff:10.0.0.1\n2001:db8::1\n", 2, 0)]
    [InlineData("ipv4", "::ffff:10.0.0.1\n10.0.0.2\n", 1, 1)]
    [InlineData("ip", "10.0.0.1,5\n10.0.0.2,9\n", 2, 0)]
    [InlineData("ip", "10.0.0.1\n10.0.0.2,9\n10.0.0.3\n", 1, 1)] // The first line decides; reading ends at the first of the other kind.
    [InlineData("ip", "10.0.0.1,5\n\n10.0.0.2,9\n", 1, 1)]
    [InlineData("ip", "10.0.0.1, 5\n10.0.0.2,70000\n10.0.0.3,x\n10.0.0.4,\n10.0.0.5,6\n", 1, 4)]
    [InlineData("string", "YQ==\n\nYWI=\n", 2, 0)]
    [InlineData("string", "YQ==\nbad\nYWI=\n", 2, 1)]
    [InlineData("string", "YQ== \n YQ==\nYWI=\n", 1, 2)]
    [InlineData("string", "YWI\nYWI=\n", 1, 1)]
    [InlineData("md5", "0cc175b9c0f1b6a831c399e269772661\n0cc175b9c0f1b6a831c399e2697726\nzcc175b9c0f1b6a831c399e269772661\n", 1, 2)]
    public void BadLinesAreLeftOutAndTold(string type, string lines, int values, int bad)
    {
        File.WriteAllText(Path.Combine(_folder, "list.lst"), lines);
        var registry = new DatasetRegistry();
        var settings = new DatasetSettings { Name = "names", Load = "list.lst", RuleFile = Path.Combine(_folder, "a.rules") };
        Assert.True(settings.SetType(type));
        Dataset? set = registry.GetOrLoad(settings, out string problem);
        Assert.Equal("", problem);
        Assert.Equal((values, bad), (set?.Count, registry.BadLines.Count));

        // Said once: a second rule with the same set has nothing new.
        Assert.Same(set, registry.GetOrLoad(settings, out _));
        Assert.Empty(registry.BadLines);
    }

    /// <summary>Keys within objects, as Suricata 8.0.8 was seen to take them: <c>remove_key</c> takes away only a key of just that name.</summary>
    [Theory]
    [InlineData("ndjson", """{"ioc":{"path":"/a"},"who":1}""", "ioc.path", "", false, """{"ioc":{"path":"/a"},"who":1}""")]
    [InlineData("ndjson", """{"ioc":{"path":"/a"},"who":1}""", "ioc.path", "", true, """{"ioc":{"path":"/a"},"who":1}""")]
    [InlineData("ndjson", """{"ioc":{"path":"/a"},"ioc.path":"/b"}""", "ioc.path", "", true, """{"ioc":{"path":"/a"}}""")]
    [InlineData("ndjson", """{"path":"/a","who":1}""", "path", "", true, """{"who":1}""")]
    [InlineData("ndjson", """{"ioc":"/a"}""", "ioc.path", "", false, null)]
    [InlineData("json", """{"feed":{"list":[{"ioc":{"path":"/a"},"tags":["p"]},{"ioc":{}},{"other":1}]}}""", "ioc.path", "feed.list", false, """{"ioc":{"path":"/a"},"tags":["p"]}""")]
    [InlineData("json", """[{"ioc":{"path":"/a"}}]""", "ioc.path", "", false, """{"ioc":{"path":"/a"}}""")]
    public void ValuesWithinObjectsAreFound(string format, string text, string valueKey, string arrayKey, bool removes, string? context)
    {
        File.WriteAllText(Path.Combine(_folder, "list.json"), text + "\n");
        var settings = new DatasetSettings
        {
            Name = "names", Load = "list.json", RuleFile = Path.Combine(_folder, "a.rules"), Format = format, ContextKey = "ctx", ValueKey = valueKey, ArrayKey = arrayKey, RemoveKey = removes,
        };
        Assert.True(settings.SetType("string"));
        Dataset? set = new DatasetRegistry().GetOrLoad(settings, out string problem);
        Assert.Equal("", problem);
        Assert.NotNull(set);
        Assert.Equal(context is null ? [] : [("/a", "\"ctx\":" + context)], set.Values.Select(pair => (Encoding.UTF8.GetString(pair.Key), Encoding.UTF8.GetString(pair.Value.Context!))));
    }

    [Theory]
    [InlineData("10kb", null, false)]
    [InlineData("10mb", "1024", true)]
    [InlineData("10mb", "1000000", false)]
    [InlineData("1mb", "0", true)]
    public void TheMemcapHoldsTheBuckets(string memcap, string? buckets, bool isTaken)
    {
        var settings = new DatasetSettings { Name = "names" };
        Assert.True(settings.SetType("ip") && settings.SetMemcap(memcap) && (buckets is null || settings.SetHashSize(buckets)));
        Assert.Equal(isTaken, new DatasetRegistry().GetOrLoad(settings, out string problem) is not null);
        Assert.Equal(isTaken, problem.Length == 0);
    }
}
