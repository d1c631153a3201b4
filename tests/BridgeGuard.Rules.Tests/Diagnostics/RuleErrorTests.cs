using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using BridgeGuard.Rules.Tests.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Diagnostics;

/// <summary>Each refusal with its code and place. The same rules are refused by Suricata 8.0.8.</summary>
public sealed class RuleErrorTests
{
    private const string Head = "alert tcp any any -> any any (";

    [Theory]
    [InlineData("alert foo any any -> any any (msg:\"t\"; sid:1;)", DiagnosticCode.UnknownProtocol, 7)]
    [InlineData("foo tcp any any -> any any (msg:\"t\"; sid:1;)", DiagnosticCode.UnknownAction, 1)]
    [InlineData("alert tcp !any any -> any any (sid:1;)", DiagnosticCode.BadAddress, 11)]
    [InlineData("alert tcp $FOO any -> any any (sid:1;)", DiagnosticCode.UnknownVariable, 11)]
    [InlineData("alert tcp any 90:80 -> any any (sid:1;)", DiagnosticCode.BadPort, 15)]
    [InlineData("alert tcp any any <- any any (sid:1;)", DiagnosticCode.BadDirection, 19)]
    [InlineData("alert tcp any any -> any any", DiagnosticCode.MissingOptions, 29)]
    [InlineData(Head + "msg:\"t\";)", DiagnosticCode.MissingSid, 1)]
    [InlineData(Head + "foo; sid:1;)", DiagnosticCode.UnknownKeyword, 31)]
    [InlineData(Head + "content; sid:1;)", DiagnosticCode.MissingArgument, 31)]
    [InlineData(Head + "content:\"|4|\"; sid:1;)", DiagnosticCode.BadContent, 42)]
    [InlineData(Head + "content:\"a\"b\"; sid:1;)", DiagnosticCode.BadContent, 41)]
    [InlineData(Head + "nocase; sid:1;)", DiagnosticCode.NoContentBefore, 31)]
    [InlineData(Head + "content:\"abc\"; depth:2; sid:1;)", DiagnosticCode.CannotMatch, 52)]
    [InlineData(Head + "content:\"abc\"; offset:1; distance:2; sid:1;)", DiagnosticCode.Conflict, 65)]
    [InlineData(Head + "pcre:\"/(a/\"; sid:1;)", DiagnosticCode.BadExpression, 40)]
    [InlineData(Head + "dsize:2; content:\"abc\"; sid:1;)", DiagnosticCode.CannotMatch, 0)]
    [InlineData(Head + "dsize:9; http.uri; content:\"abc\"; sid:1;)", DiagnosticCode.Conflict, 7)]
    [InlineData(Head + "http.uri; sid:1;)", DiagnosticCode.BufferWithoutContent, 31)]
    [InlineData(Head + "flow:to_client; http.uri; content:\"a\"; sid:1;)", DiagnosticCode.ConflictingDirection, 47)]
    [InlineData(Head + "dns.query; content:\"a\"; http.uri; content:\"a\"; sid:1;)", DiagnosticCode.ConflictingProtocol, 55)]
    public void ABadRuleIsReportedWithCodeAndColumn(string rule, DiagnosticCode code, int column)
    {
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", "\n" + rule)] }, new KeywordIndex(StandInProtocols.All));
        RuleDiagnostic error = Assert.Single(result.Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
        Assert.Equal((code, 2, column), (error.Code, error.Line, error.Column));
        Assert.Equal(1, result.Failed);
    }

    [Theory]
    [InlineData("alert tcp any any -> any any (contnt:\"a\"; sid:1;)", "did you mean «content»?")]
    [InlineData("alert tcp any any -> any any (HTTP.uir; content:\"a\"; sid:1;)", "did you mean «http.uri»?")]
    [InlineData("alert tcp $HOME_NETT any -> any any (sid:1;)", "did you mean «$HOME_NET»?")]
    [InlineData("alert tcp any $HTTP_PORT -> any any (sid:1;)", "did you mean «$HTTP_PORTS»?")]
    [InlineData("allert tcp any any -> any any (sid:1;)", "did you mean «alert»?")]
    [InlineData("alert htttp any any -> any any (sid:1;)", "did you mean «http»?")]
    public void AMistypedWordIsAnsweredWithTheNearestOne(string rule, string hint)
    {
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", rule)] });
        Assert.EndsWith(hint, Assert.Single(result.Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AWordThatIsNearNoneIsOnlyRefused()
    {
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", "alert tcp any any -> any any (quetzalcoatlus; sid:1;)")] });
        Assert.EndsWith("is not known", Assert.Single(result.Diagnostics, diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AllBadRulesOfAFileAreReportedInOneRun()
    {
        const string text = "alert foo any any -> any any (sid:1;)\nalert tcp any any -> any any (msg:\"ok\"; sid:2;)\nalert tcp any any -> any any (foo; sid:3;)";
        RuleLoadResult result = RuleLoader.Load(new RuleLoadOptions { Texts = [("t.rules", text)] }, new KeywordIndex(StandInProtocols.All));
        Assert.Equal([(1u, 1), (3u, 3)], result.Diagnostics.Select(diagnostic => (diagnostic.Sid, diagnostic.Line)));
        Assert.Equal((1, 2), (result.Loaded, result.Failed));
    }
}
