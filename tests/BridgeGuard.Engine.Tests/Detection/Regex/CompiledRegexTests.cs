using System.Text;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Regex.Interop;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Regex;

/// <summary>One table over both engines.</summary>
public sealed class CompiledRegexTests
{
    public static TheoryData<RegexEngine> Engines()
    {
        var data = new TheoryData<RegexEngine>();
        if (Pcre2Library.IsAvailable)
        {
            data.Add(RegexEngine.Pcre2);
        }
        if (CompiledRegex.TryCompile(RegexEngine.Managed, "x"u8, PcreOptions.None, MatchLimits.Default, out _, out _))
        {
            data.Add(RegexEngine.Managed);
        }
        return data;
    }

    /// <summary>Expression, options, text, where it starts to search, expected start and end (-1: none).</summary>
    private static readonly (string Expression, PcreOptions Options, string Text, int From, int Start, int End)[] Table =
    [
        ("abc", PcreOptions.None, "xxabc", 0, 2, 5),
        ("abc", PcreOptions.None, "xxABC", 0, -1, -1),
        ("abc", PcreOptions.IgnoreCase, "xxABC", 0, 2, 5),
        ("\u00e9", PcreOptions.IgnoreCase, "\u00c9", 0, -1, -1),
        ("[\u00e0-\u00ef]", PcreOptions.IgnoreCase, "\u00c9", 0, -1, -1),
        ("a.c", PcreOptions.None, "a\nc", 0, -1, -1),
        ("a.c", PcreOptions.DotAll, "a\nc", 0, 0, 3),
        ("a.c", PcreOptions.None, "a\rc", 0, 0, 3),
        ("^b", PcreOptions.None, "a\nb", 0, -1, -1),
        ("^b", PcreOptions.Multiline, "a\nb", 0, 2, 3),
        ("^", PcreOptions.Multiline, "a\n", 1, -1, -1),
        ("a$", PcreOptions.None, "a\n", 0, 0, 1),
        ("a$", PcreOptions.DollarEndOnly, "a\n", 0, -1, -1),
        ("a$", PcreOptions.DollarEndOnly, "a", 0, 0, 1),
        ("a$", PcreOptions.Multiline, "a\nb", 0, 0, 1),
        ("a b # c", PcreOptions.Extended, "xab", 0, 1, 3),
        ("b", PcreOptions.Anchored, "ab", 0, -1, -1),
        ("b", PcreOptions.Anchored, "ab", 1, 1, 2),
        ("^b", PcreOptions.None, "ab", 1, -1, -1),
        ("(?<=a)b", PcreOptions.None, "ab", 1, 1, 2),
        ("a+", PcreOptions.Ungreedy, "aaa", 0, 0, 1),
        ("a+?", PcreOptions.Ungreedy, "aaa", 0, 0, 3),
        ("a++b", PcreOptions.None, "aaab", 0, 0, 4),
        ("a++ab", PcreOptions.None, "aaab", 0, -1, -1),
        ("(?:ab)*+c", PcreOptions.None, "ababc", 0, 0, 5),
        ("\\x41\\x{42}", PcreOptions.None, "AB", 0, 0, 2),
        ("\\h\\H", PcreOptions.None, "\u00a0x", 0, 0, 2),
        ("\\R", PcreOptions.None, "a\r\nb", 0, 1, 3),
        ("\\v", PcreOptions.None, "\u0085", 0, 0, 1),
        ("\\w", PcreOptions.None, "\u00e9", 0, -1, -1),
        ("\\s", PcreOptions.None, "\u00a0\u0085", 0, -1, -1),
        ("\\ba", PcreOptions.None, "\u00e9a", 0, 1, 2),
        ("[[:alpha:]]+", PcreOptions.None, "12ab3", 0, 2, 4),
        ("[^\\x00-\\x7f]", PcreOptions.None, "ab\u0080", 0, 2, 3),
        ("[]a]+", PcreOptions.None, "a]", 0, 0, 2),
        ("(a)|(b)", PcreOptions.None, "b", 0, 0, 1),
        ("(?P<n>a)(?P=n)", PcreOptions.None, "xaa", 0, 1, 3),
        ("(a)\\1", PcreOptions.None, "aa", 0, 0, 2),
        ("(?i)a(?-i)b", PcreOptions.None, "Ab", 0, 0, 2),
        ("(?i)a(?-i)b", PcreOptions.None, "AB", 0, -1, -1),
        ("x*", PcreOptions.None, "aaa", 1, 1, 1),
        ("", PcreOptions.None, "", 0, 0, 0),
        ("a\\Z", PcreOptions.None, "a\n", 0, 0, 1),
        ("a\\z", PcreOptions.None, "a\n", 0, -1, -1),
        ("\\Qa.b\\E+", PcreOptions.None, "a.bb", 0, 0, 4),
        ("\\/\\-\\_\\%", PcreOptions.None, "/-_%", 0, 0, 4),
        ("a{,2}", PcreOptions.None, "a{,2}", 0, 0, 5),
        ("\\101", PcreOptions.None, "A", 0, 0, 1),
        ("\\N+", PcreOptions.DotAll, "ab\n", 0, 0, 2),
    ];

    [Theory]
    [MemberData(nameof(Engines))]
    public void EveryRowOfTheTableHolds(RegexEngine engine)
    {
        using var scratch = new RegexScratch();
        foreach (var row in Table)
        {
            using CompiledRegex regex = Compile(engine, row.Expression, row.Options);
            var match = default(RegexMatch);
            bool found = regex.TryMatch(Encoding.Latin1.GetBytes(row.Text), row.From, scratch, ref match);
            Assert.True(found == (row.Start >= 0) && (!found || (match.Start, match.End) == (row.Start, row.End)), $"{row}: {match.Start}-{match.End}");
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void GroupsAreReportedUpToEight(RegexEngine engine)
    {
        using CompiledRegex regex = Compile(engine, "(a)(x)?(b)(c)(d)(e)(f)(g)(h)(i)", PcreOptions.None);
        using var scratch = new RegexScratch();
        var match = default(RegexMatch);
        Assert.True(regex.TryMatch("--abcdefghi"u8, 0, scratch, ref match));
        Assert.Equal(10, regex.GroupCount);
        Assert.Equal(8, match.GroupCount);
        Assert.True(match.TryGetGroup(1, out int start, out int end));
        Assert.Equal((2, 3), (start, end));
        Assert.False(match.TryGetGroup(2, out _, out _));
        Assert.True(match.TryGetGroup(8, out start, out end));
        Assert.Equal((8, 9), (start, end));
        Assert.False(match.TryGetGroup(9, out _, out _));
        Assert.False(match.TryGetGroup(0, out _, out _));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void IteratingVisitsEveryMatchAndEnds(RegexEngine engine)
    {
        using CompiledRegex regex = Compile(engine, "a*", PcreOptions.None);
        using var scratch = new RegexScratch();
        var match = default(RegexMatch);
        var found = new List<(int, int)>();
        for (int from = 0; regex.TryMatch("aaba"u8, from, scratch, ref match); from = match.NextStart)
        {
            found.Add((match.Start, match.End));
        }
        Assert.Equal([(0, 2), (2, 2), (3, 4), (4, 4)], found);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void RunawayExpressionsHitTheLimitAndDoNotMatch(RegexEngine engine)
    {
        using CompiledRegex regex = Compile(engine, "(?:a|aa|aaa|b)+(?:a|aa)+c", PcreOptions.None);
        using var scratch = new RegexScratch();
        var match = default(RegexMatch);
        Assert.False(regex.TryMatch(Enumerable.Repeat((byte)'a', 2000).Append((byte)'d').Append((byte)'c').ToArray(), 0, scratch, ref match));
        Assert.Equal(1, scratch.LimitHits);
        Assert.Equal(0, scratch.Errors);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void BadExpressionsAreErrorsWithAPlace(RegexEngine engine)
    {
        foreach (string bad in (string[])["a(b", "[a", "*a", "a)", "(?<n", "\\", "a{3,2}", "a{2}{2}"])
        {
            bool made = CompiledRegex.TryCompile(
                engine, Encoding.Latin1.GetBytes(bad), PcreOptions.None, MatchLimits.Default, out CompiledRegex? regex, out RegexCompileError? error);
            Assert.False(made, bad);
            Assert.Null(regex);
            Assert.NotNull(error);
            Assert.NotEmpty(error.Message);
            Assert.InRange(error.Offset, 0, bad.Length);
        }
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void StartsOutsideTheBufferAreNoMatch(RegexEngine engine)
    {
        using CompiledRegex regex = Compile(engine, "a*", PcreOptions.None);
        using var scratch = new RegexScratch();
        var match = default(RegexMatch);
        Assert.True(regex.TryMatch("a"u8, 1, scratch, ref match));
        Assert.False(regex.TryMatch("a"u8, 2, scratch, ref match));
        Assert.False(regex.TryMatch("a"u8, -1, scratch, ref match));
        Assert.True(regex.TryMatch([], 0, scratch, ref match));
    }

    [Fact]
    public void MatchingWithPcre2AllocatesNothing()
    {
        Assert.SkipUnless(Pcre2Library.IsAvailable, "libpcre2-8 is not installed");
        using CompiledRegex regex = Compile(RegexEngine.Pcre2, "(a+)(b+)?c", PcreOptions.None);
        using var scratch = new RegexScratch();
        var match = default(RegexMatch);
        regex.TryMatch("xxaabbc"u8, 0, scratch, ref match);
        long before = GC.GetAllocatedBytesForCurrentThread();
        int found = 0;
        for (int i = 0; i < 100; i++)
        {
            found += regex.TryMatch("xxaabbc"u8, 0, scratch, ref match) ? 1 : 0;
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(100, found);
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void OneExpressionServesManyThreads(RegexEngine engine)
    {
        // A generous time: the fallback's limit is wall-clock time, and threads wait for one another here.
        Assert.True(CompiledRegex.TryCompile(engine, "([0-9]+)-end"u8, PcreOptions.None, new MatchLimits(3500, 1500, 10_000), out CompiledRegex? regex, out _));
        Parallel.For(0, 8, thread =>
        {
            using var scratch = new RegexScratch();
            var match = default(RegexMatch);
            for (int i = 0; i < 500; i++)
            {
                byte[] text = Encoding.ASCII.GetBytes($"{new string('x', i % 50)}{thread}{i}-end");
                Assert.True(regex.TryMatch(text, 0, scratch, ref match));
                Assert.True(match.TryGetGroup(1, out int start, out int end));
                Assert.Equal($"{thread}{i}", Encoding.ASCII.GetString(text.AsSpan(start, end - start)));
            }
        });
        regex.Dispose();
    }

    internal static CompiledRegex Compile(RegexEngine engine, string expression, PcreOptions options)
    {
        Assert.True(
            CompiledRegex.TryCompile(
                engine, Encoding.Latin1.GetBytes(expression), options, MatchLimits.Default, out CompiledRegex? regex, out RegexCompileError? error),
            $"{expression}: {error}");
        return regex;
    }
}
