namespace BridgeGuard.Rules.Diagnostics;

public enum DiagnosticSeverity : byte
{
    /// <summary>The rule is used all the same.</summary>
    Warning,

    /// <summary>The rule, or the line, is left out.</summary>
    Error,
}

/// <summary>One thing that is wrong in a rule file or one of the files beside it. A value; all of a load are reported together.</summary>
/// <param name="Severity">Whether the rule is lost.</param>
/// <param name="Code">Stable number of the kind, <c>BG1001</c>; see <see cref="DiagnosticCode"/>.</param>
/// <param name="File">As given to the loader; empty for text from memory.</param>
/// <param name="Line">1-based.</param>
/// <param name="Column">1-based, in the rule's text joined to one line.</param>
/// <param name="Sid">The rule's sid, 0 when it could not be read.</param>
/// <param name="Message">What is wrong: a plain sentence.</param>
/// <param name="Expected">What was expected; empty when the message says it.</param>
public sealed record RuleDiagnostic(
    DiagnosticSeverity Severity,
    DiagnosticCode Code,
    string File,
    int Line,
    int Column,
    uint Sid,
    string Message,
    string Expected = "")
{
    public override string ToString()
    {
        string expected = Expected.Length == 0 ? "" : $" (expected {Expected})";
        string sid = Sid == 0 ? "" : $" sid {Sid}:";
        return $"{File}:{Line}:{Column}: {(Severity == DiagnosticSeverity.Error ? "error" : "warning")} BG{(int)Code}:{sid} {Message}{expected}";
    }
}

/// <summary>The kinds of diagnostics. Numbers are stable; names may change.</summary>
public enum DiagnosticCode
{
    // 10xx: the text of a rule
    Syntax = 1001,
    UnknownAction = 1002,
    UnknownProtocol = 1003,
    BadAddress = 1004,
    BadPort = 1005,
    BadDirection = 1006,
    UnknownVariable = 1007,
    MissingOptions = 1008,
    UnterminatedOption = 1009,

    // 11xx: single options
    UnknownKeyword = 1101,
    MissingArgument = 1102,
    UnexpectedArgument = 1103,
    BadArgument = 1104,
    BadContent = 1105,
    BadExpression = 1106,
    Unsupported = 1107,

    // 12xx: options together
    NoContentBefore = 1201,
    Conflict = 1202,
    Duplicate = 1203,
    MissingSid = 1204,
    ConflictingProtocol = 1205,
    ConflictingDirection = 1206,
    CannotMatch = 1207,
    BufferWithoutContent = 1208,
    MissingRequirement = 1209,

    // 13xx: rules together
    DuplicateRule = 1301,
    FlowBitNeverSet = 1302,

    // 14xx: other files
    FileNotFound = 1401,
    BadLine = 1402,
    UnknownClassType = 1403,
    UnknownReference = 1404,
}
