namespace BridgeGuard.Rules.Syntax;

/// <summary>A piece of a rule's text with its place.</summary>
/// <param name="Text">As written, without surrounding blanks.</param>
/// <param name="Column">1-based column of its first character.</param>
internal readonly record struct Token(string Text, int Column);

/// <summary>One option, <c>name:value;</c>.</summary>
/// <param name="Name">The keyword.</param>
/// <param name="Value">Everything between the colon and the unescaped semicolon, trimmed, escapes kept; null without a colon.</param>
internal readonly record struct OptionSyntax(Token Name, Token? Value);

/// <summary>A rule cut into its pieces; nothing is interpreted.</summary>
internal sealed class RuleSyntax
{
    public required string Text { get; init; }

    public required string File { get; init; }

    public required int Line { get; init; }

    public required Token Action { get; init; }

    public required Token Protocol { get; init; }

    public required Token Source { get; init; }

    public required Token SourcePort { get; init; }

    public required Token Direction { get; init; }

    public required Token Destination { get; init; }

    public required Token DestinationPort { get; init; }

    public required IReadOnlyList<OptionSyntax> Options { get; set; }

    /// <summary>Everything before the options, trimmed.</summary>
    public required string Header { get; init; }
}
