using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Semantics;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Keywords;

internal enum ArgumentRule : byte
{
    None,
    Required,
    Optional,
}

/// <summary>One general keyword: its name, what it takes, and how it changes the rule.</summary>
internal sealed class Keyword
{
    public required string Name { get; init; }

    public string[] Aliases { get; init; } = [];

    public required ArgumentRule Argument { get; init; }

    /// <summary>The argument may stand in quotes. Elsewhere quotes are an error, as in Suricata.</summary>
    public bool TakesQuotes { get; init; }

    public required string Help { get; init; }

    /// <summary>As <see cref="KeywordHelp.Kind"/>.</summary>
    public string Kind { get; init; } = "option";

    /// <summary>Adds the keyword's meaning to the rule, or reports why it cannot.</summary>
    public required Action<BindContext> Apply { get; init; }
}

/// <summary>What a keyword sees while it is applied: the rule so far, its own argument, and where to report.</summary>
internal sealed class BindContext(RuleModel rule, RuleEnvironment environment, List<RuleDiagnostic> diagnostics)
{
    public RuleModel Rule { get; } = rule;

    public RuleEnvironment Environment { get; } = environment;

    public OptionSyntax Option { get; set; }

    /// <summary>The argument; empty when there is none.</summary>
    public string Argument => Option.Value?.Text ?? "";

    public bool HasFailed { get; private set; }

    /// <summary>Options of the rule that come after this one, for keywords that look ahead.</summary>
    public int OptionIndex { get; set; }

    /// <summary>Reports an error in the argument; <paramref name="offset"/> counts characters from its start.</summary>
    public void Fail(DiagnosticCode code, string message, string expected = "", int offset = 0)
    {
        HasFailed = true;
        int column = Option.Value is { } value ? value.Column + offset : Option.Name.Column;
        if (Option.Name.Text is null)
        {
            column = 1;
        }

        Report(DiagnosticSeverity.Error, code, column, message, expected);
    }

    public void FailAt(Token token, DiagnosticCode code, string message, string expected = "")
    {
        HasFailed = true;
        Report(DiagnosticSeverity.Error, code, token.Column, message, expected);
    }

    public void Fail(in ArgumentError error) => Fail(DiagnosticCode.BadArgument, $"{Option.Name.Text}: {error.Message}", "", error.Offset);

    public void FailArgument(string expected) =>
        Fail(DiagnosticCode.BadArgument, $"{Option.Name.Text}: «{Argument}» is not understood", expected);

    public void Warn(DiagnosticCode code, string message) =>
        Report(DiagnosticSeverity.Warning, code, Option.Name.Column, message, "");

    /// <summary>The slot of an extracted variable; -1 with a report when no earlier keyword sets it.</summary>
    public int ResolveVariable(string name)
    {
        int slot = Rule.Variables.IndexOf(name);
        if (slot < 0)
        {
            Fail(DiagnosticCode.BadArgument, $"{Option.Name.Text}: no byte_extract or byte_math before sets «{name}»", "a number or a variable set earlier");
        }

        return slot;
    }

    private void Report(DiagnosticSeverity severity, DiagnosticCode code, int column, string message, string expected)
    {
        uint sid = Rule.Sid != 0 ? Rule.Sid : RuleParser.FindSid(Rule.Syntax.Text);
        diagnostics.Add(new RuleDiagnostic(severity, code, Rule.Syntax.File, Rule.Syntax.Line, column, sid, message, expected));
    }
}
