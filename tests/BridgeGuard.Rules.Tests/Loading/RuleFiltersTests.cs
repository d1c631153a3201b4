using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Explain;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>The lists that suricata-update reads, and reports for tools.</summary>
public sealed class RuleFiltersTests : IDisposable
{
    private const string Rules = """
        alert tcp any any -> any any (msg:"one heartbleed"; content:"a"; sid:1; rev:1;)
        alert tcp any any -> any any (msg:"two"; content:"b"; sid:2; rev:1; metadata:deployment Perimeter, tag two;)
        # alert tcp any any -> any any (msg:"three"; content:"c"; sid:3; rev:1;)
        # not a rule, sid: 9
        alert tcp any any -> any any (msg:"four"; content:"d"; sid:4; rev:1;)
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-filters-").FullName;

    [Theory]
    [InlineData("1:2\n4", new uint[] { 1 })]
    [InlineData("re:HEARTbleed", new uint[] { 2, 4 })]
    [InlineData("group:my*", new uint[] { })]
    [InlineData("filename:other.rules", new uint[] { 1, 2, 4 })]
    [InlineData("metadata:deployment perimeter", new uint[] { 1, 4 })]
    [InlineData("# comment\n\n", new uint[] { 1, 2, 4 })]
    public void DisableLeavesRulesOut(string list, uint[] expected) => Assert.Equal(expected, Sids(Load(disable: list)));

    [Fact]
    public void EnableUsesCommentedRulesAndWinsOverDisable() => Assert.Equal([2u, 3u, 4u], Sids(Load(disable: "1\n3", enable: "3")));

    [Fact]
    public void DropTurnsAlertsAround()
    {
        RuleLoadResult loaded = Load(drop: "re:heartbleed");
        Assert.Equal([(1u, RuleAction.Drop), (2u, RuleAction.Alert), (4u, RuleAction.Alert)], loaded.Rules.Rules.Select(rule => (rule.Sid, rule.Action)).Order());
    }

    [Fact]
    public void ModifyRewritesWithGroups()
    {
        RuleLoadResult loaded = Load(modify: "2 \"msg:\\\"(t)wo\\\"\" \"msg:\\\"\\1oo\\\"\"");
        Assert.Equal("too", loaded.Rules.Rules.Single(rule => rule.Sid == 2).Message);
    }

    /// <summary>The forms of suricata-update's own example file.</summary>
    [Theory]
    [InlineData("re:. ^alert drop", RuleAction.Drop, "two")]
    [InlineData("re:two \"(alert)(.*)\" \"drop\\\\2\"", RuleAction.Drop, "two")]
    [InlineData("1:2 \"^alert(.*?)two(.*)\" \"drop\\1three\\2\"", RuleAction.Drop, "three")]
    [InlineData("modifysid * \"^alert(.*?)two(.*)\" | \"drop${1}four${2}\"", RuleAction.Drop, "four")]
    [InlineData("modifysid 1,2 \"two\" | \"five\"", RuleAction.Alert, "five")]
    [InlineData("metadata:\"tag two\" two six", RuleAction.Alert, "six")]
    [InlineData("group:my.rules \"t(w)o\" \"\\1\\1\"", RuleAction.Alert, "ww")]
    [InlineData("filename:*.rules two \"a $1 b\"", RuleAction.Alert, "a $1 b")]
    public void ModifyTakesTheFormsOfSuricataUpdate(string line, RuleAction action, string message)
    {
        RuleLoadResult loaded = Load(modify: line);
        Assert.Equal((action, message), loaded.Rules.Rules.Where(rule => rule.Sid == 2).Select(rule => (rule.Action, rule.Message)).Single());
    }

    [Fact]
    public void MetadataIsAdded()
    {
        RuleLoadResult loaded = Load(modify: "metadata-add re:heartbleed evebox-action archive");
        Assert.Contains(("evebox-action", "archive"), loaded.Rules.Rules.Single(rule => rule.Sid == 1).Metadata.Select(pair => (pair.Key, pair.Values[0])));
    }

    [Fact]
    public void RulesThatNeverAlertAreNotDropped()
    {
        string file = Write("quiet.rules", "alert tcp any any -> any any (flowbits:set,a; flowbits:noalert; content:\"a\"; sid:1;)\nalert tcp any any -> any any (content:\"b\"; noalert; sid:2;)\nalert tcp any any -> any any (content:\"c\"; sid:3;)\n");
        var diagnostics = new List<RuleDiagnostic>();
        RuleFilters filters = RuleFilters.Read(null, null, Write("drop.conf", "re:."), null, diagnostics);
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Files = [file], Filters = filters });
        Assert.Equal([(1u, RuleAction.Alert), (2u, RuleAction.Alert), (3u, RuleAction.Drop)], loaded.Rules.Rules.Select(rule => (rule.Sid, rule.Action)).Order());
    }

    [Fact]
    public void ABadLineIsReportedWithItsPlace()
    {
        var diagnostics = new List<RuleDiagnostic>();
        RuleFilters.Read(Write("d.conf", "1\nre:(\nfoo"), null, null, Write("m.conf", "1 nothing"), diagnostics);
        Assert.Equal([2, 3, 1], diagnostics.Select(diagnostic => diagnostic.Line));
    }

    [Fact]
    public void ReportsAreValidJson()
    {
        RuleDiagnostic[] diagnostics = [new(DiagnosticSeverity.Error, DiagnosticCode.BadContent, "a\"b.rules", 3, 5, 7, "what «x»", "y")];
        using var json = System.Text.Json.JsonDocument.Parse(DiagnosticReport.ToJson(diagnostics, 1, 2, 3));
        using var sarif = System.Text.Json.JsonDocument.Parse(DiagnosticReport.ToSarif(diagnostics, "1.0"));
        Assert.Equal(7, json.RootElement.GetProperty("diagnostics")[0].GetProperty("sid").GetInt32());
        Assert.Equal(2, json.RootElement.GetProperty("failed").GetInt32());
        System.Text.Json.JsonElement region = sarif.RootElement.GetProperty("runs")[0].GetProperty("results")[0].GetProperty("locations")[0]
            .GetProperty("physicalLocation").GetProperty("region");
        Assert.Equal((3, 5), (region.GetProperty("startLine").GetInt32(), region.GetProperty("startColumn").GetInt32()));
    }

    [Fact]
    public void VerdictsAreComparedRuleByRule()
    {
        string file = Write("c.rules", "alert tcp any any -> any any (sid:1;)\nalert tcp any any -> any any (nonsense; sid:2;)\nalert tcp any any -> any any (content:\"a\"; sid:3;)\n");
        const string log = "Error: detect: why\nError: detect: error parsing signature \"x\" from file c.rules at line 3\n";
        ComparisonReport report = RuleComparison.Compare(file, new RuleLoadOptions { Files = [file] }, log);
        Assert.Equal([(2u, false), (3u, true)], report.Differences.Select(difference => (difference.Sid, difference.IsAcceptedHere)));
        Assert.Equal(1.0 / 3, report.Agreement, 6);
    }

    [Fact]
    public void TheDearestRuleIsTheOneAskedOfEveryPacket()
    {
        string file = Write("l.rules", "alert tcp any any -> any any (msg:\"a\"; content:\"abcdefgh\"; sid:1; rev:1; classtype:x;)\nalert tcp any any -> any any (msg:\"b\"; pcre:\"/a/\"; sid:2; rev:1; classtype:x;)\n");
        RuleSet rules = RuleLoader.Load(new RuleLoadOptions { Files = [file] }).Rules;
        Assert.Equal(2u, RuleLinter.Costs(rules)[0].Rule.Sid);
        Assert.Equal([(2u, "no-prefilter"), (2u, "pcre-alone")], RuleLinter.Advise(rules).Select(advice => (advice.Rule.Sid, advice.Code)));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static uint[] Sids(RuleLoadResult loaded) => [.. loaded.Rules.Rules.Select(rule => rule.Sid).Order()];

    private RuleLoadResult Load(string? disable = null, string? enable = null, string? drop = null, string? modify = null)
    {
        var diagnostics = new List<RuleDiagnostic>();
        RuleFilters filters = RuleFilters.Read(
            disable is null ? null : Write("disable.conf", disable),
            enable is null ? null : Write("enable.conf", enable),
            drop is null ? null : Write("drop.conf", drop),
            modify is null ? null : Write("modify.conf", modify),
            diagnostics);
        Assert.Empty(diagnostics);
        return RuleLoader.Load(new RuleLoadOptions { Files = [Write("my.rules", Rules)], Filters = filters });
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
