using BridgeGuard.Rules.Caching;
using Xunit;

namespace BridgeGuard.Golden.Tests;

public sealed class GoldenTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases() =>
        Directory.EnumerateDirectories(GoldenFolder()).Select(d => new TheoryDataRow<string>(Path.GetFileName(d))).OrderBy(r => r.Data, StringComparer.Ordinal);

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheCaseBehavesAsItsFolderSays(string name)
    {
        string folder = Path.Combine(GoldenFolder(), name);
        GoldenCase expected = GoldenCase.Load(folder);

        GoldenRun run = GoldenRun.Play(folder, expected.Inline, prefilter: true);

        Check(run, expected);
        Assert.True(expected.DroppedAtLeast == 0 ? run.Dropped == 0 : run.Dropped >= expected.DroppedAtLeast, $"{run.Dropped} frames dropped");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ThePrefilterOnlySavesTime(string name)
    {
        string folder = Path.Combine(GoldenFolder(), name);
        bool isInline = GoldenCase.Load(folder).Inline;

        GoldenRun with = GoldenRun.Play(folder, isInline, prefilter: true);
        GoldenRun without = GoldenRun.Play(folder, isInline, prefilter: false);

        Assert.Equal(with.Alerts(), without.Alerts());
        Assert.Equal(with.Dropped, without.Dropped);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void HowBytesAreCutIntoSegmentsChangesNothing(string name)
    {
        string folder = Path.Combine(GoldenFolder(), name);
        GoldenCase expected = GoldenCase.Load(folder);
        Assert.SkipWhen(expected.CountsSegments is not null, expected.CountsSegments ?? "");
        string split = Path.GetTempFileName();
        try
        {
            Assert.SkipUnless(SplitCapture.Write(Path.Combine(folder, "input.pcap"), split) > 0, "no TCP over IPv4 in it");
            GoldenRun run = GoldenRun.Play(folder, expected.Inline, prefilter: true, capture: split);

            Check(run, expected);
        }
        finally
        {
            File.Delete(split);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void ASetFromTheCacheGivesTheSameRecords(string name)
    {
        string folder = Path.Combine(GoldenFolder(), name);
        bool isInline = GoldenCase.Load(folder).Inline;
        DirectoryInfo cache = Directory.CreateTempSubdirectory("bridgeguard-golden-");
        try
        {
            GoldenRun cold = GoldenRun.Play(folder, isInline, prefilter: true, cache.FullName);
            GoldenRun warm = GoldenRun.Play(folder, isInline, prefilter: true, cache.FullName);

            Assert.False(cold.IsFromCache);
            Assert.True(warm.IsFromCache);
            Assert.Equal(cold.Records.Select(r => r.GetRawText()), warm.Records.Select(r => r.GetRawText()));
            Assert.Equal(cold.Dropped, warm.Dropped);
        }
        finally
        {
            cache.Delete(recursive: true);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TheVectorscanLibraryFindsTheSame(string name)
    {
        Assert.SkipUnless(SearchDatabases.IsAvailable, "libhs.so.5 (Debian: libvectorscan5 or libhyperscan5) is not installed");
        string folder = Path.Combine(GoldenFolder(), name);
        bool isInline = GoldenCase.Load(folder).Inline;

        GoldenRun managed = GoldenRun.Play(folder, isInline, prefilter: true);
        GoldenRun library = GoldenRun.Play(folder, isInline, prefilter: true, vectorscan: true);

        Assert.Equal(managed.Records.Select(r => r.GetRawText()), library.Records.Select(r => r.GetRawText()));
        Assert.Equal(managed.Dropped, library.Dropped);
    }

    [Fact]
    public void TheSameCaptureGivesTheSameRecordsTwice()
    {
        string folder = Path.Combine(GoldenFolder(), "http-pipeline-of-three-requests");

        string[] first = [.. GoldenRun.Play(folder, isInline: false, prefilter: true).Records.Select(r => r.GetRawText())];
        string[] second = [.. GoldenRun.Play(folder, isInline: false, prefilter: true).Records.Select(r => r.GetRawText())];

        Assert.NotEmpty(first);
        Assert.Equal(first, second);
    }

    private static void Check(GoldenRun run, GoldenCase expected)
    {
        SortedDictionary<uint, int> alerts = run.Alerts();
        foreach ((uint sid, int count) in expected.Alerts)
        {
            Assert.True(alerts.GetValueOrDefault(sid) == count, $"sid {sid}: {alerts.GetValueOrDefault(sid)} alerts, expected {count}");
        }

        foreach (GoldenCase.EventCount wanted in expected.Events)
        {
            Assert.True(run.Count(wanted.Match) == wanted.Count, $"{run.Count(wanted.Match)} records, expected {wanted}");
        }
    }

    internal static string GoldenFolder()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string golden = Path.Combine(folder.FullName, "tests", "golden");
            if (Directory.Exists(golden))
            {
                return golden;
            }
        }

        throw new DirectoryNotFoundException("tests/golden is in no folder above the tests");
    }
}
