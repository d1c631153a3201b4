namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>What is wrong with the argument text of a keyword, and what was expected.</summary>
/// <param name="Offset">Where in the argument text, in characters from its start.</param>
/// <param name="Message">A plain sentence without a full stop.</param>
public readonly record struct ArgumentError(int Offset, string Message);
