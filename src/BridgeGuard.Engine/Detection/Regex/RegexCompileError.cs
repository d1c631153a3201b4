namespace BridgeGuard.Engine.Detection.Regex;

/// <summary>Why an expression was refused.</summary>
/// <param name="Message">A plain sentence.</param>
/// <param name="Offset">Where in the expression, in bytes; the expression's length when it is incomplete.</param>
public sealed record RegexCompileError(string Message, int Offset);
