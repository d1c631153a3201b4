using System.Text.RegularExpressions;
using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Golden.Tests;

/// <summary><c>tests/PROTOCOLS.md</c> names what proves each promise of a protocol: what it names exists, and no protocol is left out.</summary>
public sealed partial class ProtocolTableTests
{
    private static readonly string Tests = Path.GetDirectoryName(GoldenTests.GoldenFolder())!;

    [Fact]
    public void EveryTestAndGoldenCaseOfTheTableExists()
    {
        HashSet<string> methods = [.. Methods()];
        HashSet<string> cases = [.. Directory.EnumerateDirectories(GoldenTests.GoldenFolder()).Select(folder => Path.GetFileName(folder))];
        string[] proofs = [.. Rows().SelectMany(Proofs)];
        Assert.True(proofs.Length > 300, "the table was not read");
        string[] missing = [.. proofs.Where(name => !methods.Contains(name) && !cases.Contains(name)).Distinct()];
        Assert.Empty(missing);
    }

    /// <summary>A row without a name would promise and prove nothing.</summary>
    [Fact]
    public void EveryRowNamesWhatProvesIt()
    {
        string[] bare = [.. Rows().Where(cells => !Proofs(cells).Any()).Select(cells => string.Join('|', cells))];
        Assert.Empty(bare);
    }

    [Fact]
    public void EveryProtocolHasARow()
    {
        HashSet<string> rows = [.. Rows().Select(cells => cells[0].Trim('`'))];
        string[] missing = [.. ProtocolCatalog.All.ToArray().Select(protocol => protocol.Name).Where(name => !rows.Contains(name))];
        Assert.Empty(missing);
    }

    /// <summary>What a row names behind its promise.</summary>
    private static IEnumerable<string> Proofs(string[] cells) => cells[1..].SelectMany(cell => Name().Matches(cell)).Select(name => name.Groups[1].Value).Where(IsProof);

    /// <summary>Fields and keywords stand in the same marks: a proof is a method or a name in words joined by dashes.</summary>
    private static bool IsProof(string name) => char.IsUpper(name[0]) ? name.Contains('.', StringComparison.Ordinal) : name.Contains('-', StringComparison.Ordinal);

    /// <summary>The tables' rows, cell by cell, without their heads.</summary>
    private static IEnumerable<string[]> Rows()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Tests, "PROTOCOLS.md"));
        for (int i = 0; i < lines.Length; i++)
        {
            bool isHead = i + 1 < lines.Length && lines[i + 1].StartsWith("|---", StringComparison.Ordinal);
            if (lines[i].StartsWith('|') && !isHead && !lines[i].StartsWith("|---", StringComparison.Ordinal))
            {
                yield return [.. lines[i].Trim('|').Split('|').Select(cell => cell.Trim())];
            }
        }
    }

    /// <summary>Every test as <c>Class.Method</c>; a file's parts of a class are all under its name.</summary>
    private static IEnumerable<string> Methods()
    {
        foreach (string file in Directory.EnumerateFiles(Tests, "*Tests.cs", SearchOption.AllDirectories))
        {
            string text = File.ReadAllText(file);
            string type = Class().Match(text).Groups[1].Value;
            foreach (Match method in Method().Matches(text))
            {
                yield return $"{type}.{method.Groups[1].Value}";
            }
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Name();

    [GeneratedRegex(@"\bclass (\w+)")]
    private static partial Regex Class();

    [GeneratedRegex(@"\[(?:Fact|Theory|MemberData|InlineData)\b[^\n]*\n\s*public (?:async )?(?:void|Task) (\w+)\(")]
    private static partial Regex Method();
}
