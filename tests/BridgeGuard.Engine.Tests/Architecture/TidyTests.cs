using System.Text.RegularExpressions;
using Xunit;

namespace BridgeGuard.Engine.Tests.Architecture;

/// <summary>The house is kept: what a reader can rely on without looking.</summary>
public sealed partial class TidyTests
{
    private const int MaxFileLines = 800;

    private static readonly string[] ProtocolFiles = ["Protocol.cs", "Parser.cs", "Transaction.cs", "Buffers.cs", "Anomalies.cs", "Limits.cs", "Eve.cs"];

    [Fact]
    public void EveryProtocolFolderHasItsSevenFiles()
    {
        var missing = new List<string>();
        foreach (string folder in Directory.EnumerateDirectories(SourceTree.Path("src", "BridgeGuard.Engine", "Protocols")))
        {
            string name = Path.GetFileName(folder);
            if (!File.Exists(Path.Combine(folder, name + "Protocol.cs")))
            {
                // A folder of shared parts (ASN.1, NTLM), not a protocol.
                Assert.True(File.Exists(Path.Combine(folder, "README.md")), $"{name} is neither a protocol nor explained");
                continue;
            }

            missing.AddRange(ProtocolFiles.Select(f => name + f).Where(f => !File.Exists(Path.Combine(folder, f))).Select(f => $"Protocols/{name}/{f}"));
        }

        Assert.True(missing.Count == 0, "missing: " + string.Join(", ", missing));
    }

    [Fact]
    public void UnsafeCodeLivesOnlyInInteropPoolsAndSimdFiles()
    {
        string[] offenders = [.. SourceTree.Sources("src")
            .Where(f => !f.Contains("/Interop/") && !f.Contains("/Pools/") && !f.EndsWith(".Simd.cs", StringComparison.Ordinal))
            .Where(f => UnsafeKeyword().IsMatch(WithoutComments(File.ReadAllText(f))))
            .Select(Relative)];
        Assert.True(offenders.Length == 0, "unsafe outside its places: " + string.Join(", ", offenders));
    }

    [Fact]
    public void NoFileIsTooLongToRead()
    {
        string[] offenders = [.. SourceTree.Sources("src").Where(f => !f.EndsWith(".Generated.cs", StringComparison.Ordinal))
            .Select(f => (File: Relative(f), Lines: File.ReadLines(f).Count())).Where(f => f.Lines > MaxFileLines).Select(f => $"{f.File} ({f.Lines})")];
        Assert.True(offenders.Length == 0, $"over {MaxFileLines} lines: " + string.Join(", ", offenders));
    }

    [Fact]
    public void NoTypeIsNamedForNothing()
    {
        string[] offenders = [.. SourceTree.Sources("src").Where(f => VagueName().IsMatch(Path.GetFileNameWithoutExtension(f))).Select(Relative)];
        Assert.True(offenders.Length == 0, "vague names: " + string.Join(", ", offenders));
    }

    [Fact]
    public void NoUnfinishedWorkIsMarkedInTheSource()
    {
        string[] offenders = [.. SourceTree.Sources("src").Where(f => Unfinished().IsMatch(File.ReadAllText(f))).Select(Relative)];
        Assert.True(offenders.Length == 0, "unfinished: " + string.Join(", ", offenders));
    }

    [Fact]
    public void EveryFolderOfTheEngineExplainsItself()
    {
        string[] missing = [.. Directory.EnumerateDirectories(SourceTree.Path("src", "BridgeGuard.Engine"))
            .Where(d => Path.GetFileName(d) is not ("obj" or "bin") && !File.Exists(Path.Combine(d, "README.md"))).Select(Relative)];
        Assert.True(missing.Length == 0, "no README.md in " + string.Join(", ", missing));
    }

    private static string Relative(string file) => Path.GetRelativePath(SourceTree.Root, file);

    private static string WithoutComments(string source) => Comments().Replace(source, "");

    [GeneratedRegex(@"\bunsafe\b")]
    private static partial Regex UnsafeKeyword();

    [GeneratedRegex(@"//.*|""(\\.|[^""\\\n])*""")]
    private static partial Regex Comments();

    [GeneratedRegex(@"(Helper|Helpers|Manager|Util|Utils|Common)$")]
    private static partial Regex VagueName();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX:|NotImplementedException)\b")]
    private static partial Regex Unfinished();
}
