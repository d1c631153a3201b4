using System.Text.Json;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>What tools read: the structure that SARIF 2.1.0 (OASIS) requires, and our own JSON, of a file with many kinds of errors.</summary>
public sealed class DiagnosticReportTests : IDisposable
{
    private const string Rules = """
        alert tcp any any -> any any (msg:"good"; content:"a"; sid:1;)
        alert tcp any any -> any any (msg:"unknown"; contents:"a"; sid:2;)
        alert tcp any any -> any any (msg:"no sid"; content:"a";)
        alert tcp any any => any (msg:"header"; sid:4;)
        alert tcp any any -> any any (msg:"class"; content:"a"; classtype:nowhere; sid:5;)
        alert tcp any any -> any any (msg:"pcre"; pcre:"/(/"; sid:6;)
        alert http any any -> any any (msg:"bit"; http.uri; content:"a"; flowbits:isset,never; sid:7;)
        alert tcp any any -> any any (msg:"again"; content:"a"; sid:1;)
        alert tcp any any -> any any (msg:"ümläut \"quoted\""; content:"|zz|"; sid:8;)
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard report %-").FullName;
    private readonly RuleLoadResult _loaded;

    public DiagnosticReportTests()
    {
        string file = Path.Combine(_folder, "many errors.rules");
        File.WriteAllText(file, Rules);
        _loaded = RuleLoader.Load(new RuleLoadOptions { Files = [file] });
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void SarifHasWhatItsStandardRequires()
    {
        using JsonDocument sarif = JsonDocument.Parse(DiagnosticReport.ToSarif(_loaded.Diagnostics, "1.2.3"));
        JsonElement root = sarif.RootElement;
        Assert.Equal("2.1.0", root.GetProperty("version").GetString()); // §3.13.2
        Assert.True(Uri.TryCreate(root.GetProperty("$schema").GetString(), UriKind.Absolute, out _)); // §3.13.3
        JsonElement run = Assert.Single(root.GetProperty("runs").EnumerateArray()); // §3.13.4
        JsonElement driver = run.GetProperty("tool").GetProperty("driver"); // §3.18.2
        Assert.NotEmpty(driver.GetProperty("name").GetString()!); // §3.19.8
        Assert.Equal("1.2.3", driver.GetProperty("version").GetString());
        List<string> ids = [.. driver.GetProperty("rules").EnumerateArray().Select(rule => rule.GetProperty("id").GetString()!)]; // §3.49.3
        Assert.Equal(ids.Distinct(), ids);
        List<JsonElement> results = [.. run.GetProperty("results").EnumerateArray()];
        Assert.Equal(_loaded.Diagnostics.Count, results.Count);
        Assert.True(results.Count >= 8, "one of each kind");
        foreach ((JsonElement result, RuleDiagnostic diagnostic) in results.Zip(_loaded.Diagnostics))
        {
            Assert.NotEmpty(result.GetProperty("message").GetProperty("text").GetString()!); // §3.27.11, §3.11.8
            Assert.Contains(result.GetProperty("ruleId").GetString(), ids); // §3.27.5
            Assert.Contains(result.GetProperty("level").GetString(), new[] { "none", "note", "warning", "error" }); // §3.27.10
            Assert.Equal(diagnostic.Severity == DiagnosticSeverity.Error ? "error" : "warning", result.GetProperty("level").GetString());
            JsonElement place = Assert.Single(result.GetProperty("locations").EnumerateArray()).GetProperty("physicalLocation"); // §3.29
            string uri = place.GetProperty("artifactLocation").GetProperty("uri").GetString()!; // §3.4.3: a URI reference
            Assert.True(Uri.IsWellFormedUriString(uri, UriKind.RelativeOrAbsolute), uri);
            Assert.Equal(diagnostic.File, Uri.UnescapeDataString(uri));
            JsonElement region = place.GetProperty("region");
            Assert.Equal(diagnostic.Line, region.GetProperty("startLine").GetInt32()); // §3.30.5: from 1
            Assert.True(region.GetProperty("startLine").GetInt32() >= 1 && region.GetProperty("startColumn").GetInt32() >= 1);
        }
    }

    [Fact]
    public void JsonSaysOfEachWhereAndWhatAndTheTotals()
    {
        using JsonDocument json = JsonDocument.Parse(DiagnosticReport.ToJson(_loaded.Diagnostics, _loaded.Loaded, _loaded.Failed, _loaded.Skipped));
        List<JsonElement> all = [.. json.RootElement.GetProperty("diagnostics").EnumerateArray()];
        Assert.Equal(_loaded.Diagnostics.Count, all.Count);
        Assert.All(all, one => Assert.True(one.GetProperty("line").GetInt32() >= 1 && one.GetProperty("message").GetString()!.Length > 0));

        // The rule's sid is told wherever it has one, also when it is the option behind the error.
        Assert.Equal([1, 2, 4, 5, 6, 7, 8], all.Select(one => one.GetProperty("sid").GetInt32()).Where(sid => sid != 0).Distinct().Order());
        Assert.Equal(_loaded.Loaded, json.RootElement.GetProperty("loaded").GetInt32());
        Assert.Equal(6, json.RootElement.GetProperty("failed").GetInt32());
    }
}
