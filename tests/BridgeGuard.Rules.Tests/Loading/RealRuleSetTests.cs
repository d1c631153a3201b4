using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Whole public rule sets; skipped where the exam files are absent.</summary>
public sealed class RealRuleSetTests
{
    [Fact]
    public void EveryRefusalOfEmergingThreatsIsOneThatSuricataMakes()
    {
        string folder = SharedFolder();
        var load = Stopwatch.StartNew();
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions
        {
            Texts = [("et.rules", Unzip(Path.Combine(folder, "etopen-2023-05-15.rules.gz")))],
            ClassificationFile = Path.Combine(folder, "classification.config"),
            ReferenceFile = Path.Combine(folder, "reference.config"),
        });
        Console.WriteLine($"loaded {result.Loaded}, failed {result.Failed} in {load.ElapsedMilliseconds} ms");
        foreach (IGrouping<string, RuleDiagnostic> group in result.Diagnostics
            .Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
            .GroupBy(diagnostic => diagnostic.Message)
            .OrderByDescending(group => group.Count())
            .Take(60))
        {
            Console.WriteLine($"{group.Count()} {group.Key} e.g. {group.First().Sid} {group.First().Column}");
        }
    }

    private static string Unzip(string path)
    {
        using var stream = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return reader.ReadToEnd();
    }

    private static string SharedFolder()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !Directory.Exists(Path.Combine(folder.FullName, "shared", "exam", "rules")))
        {
            folder = folder.Parent;
        }

        Assert.SkipWhen(folder is null, "the exam's rule files are not here");
        return Path.Combine(folder!.FullName, "shared", "exam", "rules");
    }
}
