using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using BridgeGuard.Rules.Tests.Detection;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Lines of threshold.config, as Suricata 8 takes and refuses them (<c>tests/parity/opsfiles.py</c> asks it the same).</summary>
public sealed class ThresholdFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-threshold-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("suppress gen_id 1, sig_id 1")]
    [InlineData("suppress gen_id 1,sig_id 1")]
    [InlineData("suppress gen_id 0, sig_id 0")]
    [InlineData("suppress gen_id 1, sig_id 0")]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1")]
    [InlineData("suppress gen_id 1, sig_id 1, track by_dst, ip 10.0.0.0/8")]
    [InlineData("suppress gen_id 1, sig_id 1, track by_either, ip [10.0.0.1,10.0.0.2]")]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1,10.0.0.2")]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip $HOME_NET")]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip [$HOME_NET,2001:db8::/32]")]
    [InlineData("threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60")]
    [InlineData("event_filter gen_id 1, sig_id 0, type both, track by_dst, count 3, seconds 60")]
    [InlineData("threshold gen_id 0, sig_id 0, type threshold, track by_both, count 3, seconds 60")]
    [InlineData("threshold gen_id 1, sig_id 1, type limit, track by_rule, count 3, seconds 60")]
    [InlineData("rate_filter gen_id 1, sig_id 1, track by_rule, count 100, seconds 60, \\\n  new_action alert, timeout 30")]
    [InlineData("rate_filter gen_id 1, sig_id 0, track by_both, count 1, seconds 1, new_action reject, timeout 3")]
    [InlineData("# suppress of nothing\n\n   \nsuppress gen_id 1, sig_id 1")]
    public void GoodLinesAreTaken(string text) => Assert.Empty(Read(text));

    [Theory]
    [InlineData("suppress gen_id 1, sig_id 1, ip 10.0.0.1, track by_src", 1, 30)]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src", 1, 41)]
    [InlineData("suppress gen_id 1, sig_id 1, track by_both, ip 10.0.0.1", 1, 30)]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip !10.0.0.1", 1, 44)]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1-10.0.0.2", 1, 44)]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip $NOSUCH", 1, 44)]
    [InlineData("suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1/33", 1, 44)]
    [InlineData("suppress gen_id 1, sig_id 1,", 1, 28)]
    [InlineData("suppress gen_id 0, sig_id 1", 1, 20)]
    [InlineData("suppress sig_id 1, gen_id 1", 1, 10)]
    [InlineData("suppress gen_id x, sig_id 1", 1, 10)]
    [InlineData("nonsense gen_id 1, sig_id 1", 1, 1)]
    [InlineData("\nsuppress gen_id 1, sig_id 1\nthreshold gen_id 1, sig_id 1, type x, track by_src, count 1, seconds 60", 3, 31)]
    [InlineData("threshold gen_id 1, sig_id 1, track by_src, type limit, count 1, seconds 60", 1, 31)]
    [InlineData("threshold gen_id 1, sig_id 1, type limit, track by_src, count -1, seconds 60", 1, 57)]
    [InlineData("threshold gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 60", 1, 57)]
    [InlineData("threshold gen_id 1, sig_id 1, type backoff, track by_flow, count 1, multiplier 2", 1, 31)]
    [InlineData("threshold gen_id 1, sig_id 1, type limit, track by_either, count 1, seconds 60", 1, 43)]
    [InlineData("threshold gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60, more 1", 1, 76)]
    [InlineData("rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 60, new_action log, timeout 3", 1, 68)]
    public void BadLinesAreToldWithTheirPlace(string text, int line, int column)
    {
        RuleDiagnostic diagnostic = Assert.Single(Read(text));
        Assert.Equal((DiagnosticCode.BadLine, line, column), (diagnostic.Code, diagnostic.Line, diagnostic.Column));
        Assert.NotEmpty(diagnostic.Expected);
    }

    /// <summary>A match each second for a minute; the seconds in which Suricata 8.0.8 blocks them.</summary>
    [Theory]
    [InlineData(3, 10, 5, "3-8 10-15 20-25 27-32 37-42 44-49 54-59")]
    [InlineData(3, 100, 5, "3-8 10-15 17-22 24-29 31-36 38-43 45-50 52-57 59-59")]
    [InlineData(2, 100, 10, "2-12 14-24 26-36 38-48 50-59")]
    [InlineData(1, 100, 5, "1-6 8-13 15-20 22-27 29-34 36-41 43-48 50-55 57-59")]
    [InlineData(3, 2, 5, "")]
    public void ARateFilterActsWhenSuricatasDoes(int count, int seconds, int timeout, string blocked)
    {
        string file = Path.Combine(_folder, "threshold.config");
        File.WriteAllText(file, $"rate_filter gen_id 1, sig_id 1, track by_rule, count {count}, seconds {seconds}, new_action drop, timeout {timeout}\n");
        var harness = new DetectorHarness("alert udp any any -> any any (content:\"a\"; sid:1;)", thresholdFile: file);
        var runs = new List<(int First, int Last)>();
        for (int second = 0; second < 60; second++)
        {
            harness.TimeUs = (1_700_000_000L + second) * 1_000_000 + 500_000;
            Assert.Equal([1u], harness.Udp("a"));
            if (harness.Alerts[0].Action != RuleAction.Drop)
            {
                continue;
            }

            if (runs.Count > 0 && runs[^1].Last == second - 1)
            {
                runs[^1] = (runs[^1].First, second);
            }
            else
            {
                runs.Add((second, second));
            }
        }

        Assert.Equal(blocked, string.Join(' ', runs.Select(run => $"{run.First}-{run.Last}")));
    }

    /// <summary>Its period runs from the match that began it to the microsecond, its timeout in seconds of the clock: what Suricata 8.0.8 blocks of a match each fifth of a second.</summary>
    [Theory]
    [InlineData("by_rule")]
    [InlineData("by_src")]
    [InlineData("by_dst")]
    [InlineData("by_both")]
    public void ARateFiltersPeriodEndsWithinASecond(string track)
    {
        string file = Path.Combine(_folder, "threshold.config");
        File.WriteAllText(file, $"rate_filter gen_id 1, sig_id 1, track {track}, count 3, seconds 4, new_action drop, timeout 3\n");
        var harness = new DetectorHarness("alert udp any any -> any any (content:\"a\"; sid:1;)", thresholdFile: file);
        var said = new System.Text.StringBuilder();
        for (int i = 0; i < 60; i++)
        {
            harness.TimeUs = 1_700_000_000_000_000L + (i * 200_000);
            Assert.Equal([1u], harness.Udp("a"));
            said.Append(harness.Alerts[0].Action == RuleAction.Drop ? 'B' : '.');
        }

        Assert.Equal("...BBBBBBBBBBBBBBBBB....BBBBBBBBBBBBBBBB.BBBBBBBBBBBBBBBBBBB", said.ToString());
    }

    [Fact]
    public void FilesBesideTheRulesAreFound()
    {
        string rules = Path.Combine(_folder, "a.rules");
        File.WriteAllText(rules, "alert tcp any any -> any any (msg:\"x\"; content:\"a\"; classtype:found; reference:here,1; sid:1;)\n");
        Assert.Equal(2, RuleLoader.Load(new RuleLoadOptions { Files = [rules] }).Diagnostics.Count);
        File.WriteAllText(Path.Combine(_folder, "classification.config"), "config classification: found,Found beside the rules,2\n");
        File.WriteAllText(Path.Combine(_folder, "reference.config"), "config reference: here http://here/\n");
        foreach (string files in new[] { rules, _folder, Path.Combine(_folder, "*.rules") })
        {
            RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Files = [files] });
            Assert.Empty(loaded.Diagnostics);
            Assert.Equal(("Found beside the rules", "http://here/1"), (loaded.Rules.Rules[0].Category, loaded.Rules.Rules[0].References[0]));
        }

        // What is configured is taken instead.
        string other = Path.Combine(_folder, "other.config");
        File.WriteAllText(other, "config classification: found,Named,3\n");
        Assert.Equal("Named", RuleLoader.Load(new RuleLoadOptions { Files = [rules], ClassificationFile = other }).Rules.Rules[0].Category);
    }

    [Fact]
    public void TheCacheKnowsTheFilesBesideTheRules()
    {
        string rules = Path.Combine(_folder, "a.rules");
        File.WriteAllText(rules, "alert tcp any any -> any any (msg:\"x\"; content:\"a\"; classtype:found; sid:1;)\n");
        var options = new RuleLoadOptions { Files = [rules], CacheFolder = Path.Combine(_folder, "cache"), LeastCachedBytes = 0 };
        RuleLoader.Load(options);
        Assert.True(RuleLoader.Load(options).IsFromCache);
        File.WriteAllText(Path.Combine(_folder, "classification.config"), "config classification: found,Found beside the rules,2\n");
        RuleLoadResult loaded = RuleLoader.Load(options);
        Assert.False(loaded.IsFromCache);
        Assert.Equal("Found beside the rules", loaded.Rules.Rules[0].Category);
    }

    private List<RuleDiagnostic> Read(string text)
    {
        string file = Path.Combine(_folder, "threshold.config");
        File.WriteAllText(file, text);
        VariableTable variables = VariableTable.CreateDefault();
        variables.Addresses["HOME_NET"] = "[10.0.0.0/8]";
        return [.. RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", "alert tcp any any -> any any (content:\"a\"; sid:1;)")], ThresholdFile = file, Variables = variables }).Diagnostics];
    }
}
