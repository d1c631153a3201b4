using System.IO.Compression;
using System.Text;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Xunit;

namespace BridgeGuard.Rules.Tests.Loading;

/// <summary>Whole public rule sets, with stand-ins for the protocols; skipped where the exam files are absent.</summary>
public sealed class RealRuleSetTests
{
    [Fact]
    public void EmergingThreatsLoadsButForWhatSuricataRefusesToo()
    {
        RuleLoadResult result = Load("etopen-2023-05-15.rules.gz");
        uint[] refused = [.. result.Diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Select(diagnostic => diagnostic.Sid)];
        Assert.Empty(refused);
        Assert.Equal(31_993, result.Loaded);
    }

    internal static RuleLoadResult Load(string file)
    {
        string folder = SharedFolder();
        return RuleLoader.Load(
            new RuleLoadOptions
            {
                Texts = [(file, Read(Path.Combine(folder, file)))],
                ClassificationFile = Path.Combine(folder, "classification.config"),
                ReferenceFile = Path.Combine(folder, "reference.config"),
            },
            new KeywordIndex(StandInProtocols.All));
    }

    internal static string Read(string path)
    {
        using Stream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return reader.ReadToEnd();
    }

    internal static string SharedFolder()
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
