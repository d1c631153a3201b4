using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Regex.Interop;
using Xunit;
using DotNetRegex = System.Text.RegularExpressions.Regex;

namespace BridgeGuard.Engine.Tests.Detection.Regex;

/// <summary>Both engines over every <c>pcre</c> of the Emerging Threats Open rules.</summary>
public sealed class RegexCorpusTests
{
    private const int TextsPerExpression = 8;

    /// <summary>Expressions that the fallback cannot do (recursion and the like); the rest must compile on both or on neither.</summary>
    private const int MaxUnsupported = 5;

    [Fact]
    public void BothEnginesAgreeOnTheRulesExpressions()
    {
        Assert.SkipUnless(Pcre2Library.IsAvailable, "libpcre2-8 is not installed");
        string? file = FindRules();
        Assert.SkipWhen(file is null, "the rules of ../shared/exam are not here");
        (string Expression, PcreOptions Options)[] corpus = [.. Expressions(file)];
        Assert.True(corpus.Length > 3000, $"{corpus.Length} expressions");
        using var scratch = new RegexScratch();
        var limits = new MatchLimits(100_000, 100_000, 300);
        int compared = 0;
        int found = 0;
        var unsupported = new List<string>();
        for (int i = 0; i < corpus.Length; i++)
        {
            byte[] expression = Encoding.Latin1.GetBytes(corpus[i].Expression);
            bool native = CompiledRegex.TryCompile(RegexEngine.Pcre2, expression, corpus[i].Options, limits, out CompiledRegex? first, out _);
            bool managed = CompiledRegex.TryCompile(
                RegexEngine.Managed, expression, corpus[i].Options, limits, out CompiledRegex? second, out RegexCompileError? error);
            if (native != managed)
            {
                unsupported.Add($"{corpus[i].Expression}: {error?.Message}");
                continue;
            }
            if (!native)
            {
                continue;
            }
            var random = new Random(i);
            for (int t = 0; t < TextsPerExpression; t++)
            {
                byte[] text = RegexTextGenerator.Generate(random, corpus[i].Expression, t);
                long hits = scratch.LimitHits;
                string expected = Describe(first!, text, scratch);
                string actual = Describe(second!, text, scratch);
                if (scratch.LimitHits != hits)
                {
                    continue;
                }
                Assert.True(expected == actual, $"/{corpus[i].Expression}/{corpus[i].Options} on {Convert.ToHexString(text)}: pcre2 {expected}, managed {actual}");
                compared++;
                found += expected.Length > 0 ? 1 : 0;
            }
            first!.Dispose();
        }
        Assert.True(unsupported.Count <= MaxUnsupported, string.Join('\n', unsupported));
        Assert.Equal(0, scratch.Errors);
        Assert.True(compared > 25_000, $"{compared} compared");
        TestContext.Current.TestOutputHelper?.WriteLine($"{corpus.Length} expressions, {compared} compared, {found} with matches, {unsupported.Count} unsupported");
        Assert.True(found > compared / 20, $"only {found} of {compared} matched");
    }

    internal static string Describe(CompiledRegex regex, byte[] text, RegexScratch scratch)
    {
        var result = new StringBuilder();
        RegexMatch match = default;
        int from = 0;
        for (int i = 0; i < 3 && regex.TryMatch(text, from, scratch, ref match); i++)
        {
            result.Append(match.Start).Append('-').Append(match.End);
            for (int group = 1; group <= match.GroupCount; group++)
            {
                result.Append(match.TryGetGroup(group, out int start, out int end) ? $"({start}-{end})" : "()");
            }
            result.Append(' ');
            from = match.NextStart;
        }
        return result.ToString();
    }

    private static string? FindRules()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string rules = Path.Combine(folder.FullName, "shared", "exam", "rules");
            if (Directory.Exists(rules))
            {
                return Directory.GetFiles(rules, "etopen-*.rules.gz").FirstOrDefault();
            }
        }
        return null;
    }

    private static IEnumerable<(string, PcreOptions)> Expressions(string file)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(file), CompressionMode.Decompress), Encoding.Latin1);
        var seen = new HashSet<(string, PcreOptions)>();
        while (reader.ReadLine() is { } line)
        {
            foreach (Match match in DotNetRegex.Matches(line, "pcre:\\s*\"!?/(.*?)/([A-Za-z]*)\"\\s*;"))
            {
                PcreOptions options = PcreOptions.None;
                foreach (char letter in match.Groups[2].Value)
                {
                    options |= letter switch
                    {
                        'i' => PcreOptions.IgnoreCase,
                        's' => PcreOptions.DotAll,
                        'm' => PcreOptions.Multiline,
                        'x' => PcreOptions.Extended,
                        'A' => PcreOptions.Anchored,
                        'E' => PcreOptions.DollarEndOnly,
                        'G' => PcreOptions.Ungreedy,
                        _ => PcreOptions.None,
                    };
                }
                // Rules escape the semicolon and the quote for their own syntax.
                string expression = match.Groups[1].Value.Replace("\\;", ";", StringComparison.Ordinal).Replace("\\\"", "\"", StringComparison.Ordinal);
                if (seen.Add((expression, options)))
                {
                    yield return (expression, options);
                }
            }
        }
    }
}
