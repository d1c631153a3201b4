namespace BridgeGuard.Daemon.Configuration;

/// <summary>One thing wrong with a configuration file, at its place (1-based).</summary>
public sealed record ConfigDiagnostic(string File, long Line, long Column, string Message)
{
    /// <summary><c>file:line:column: what is wrong, what was expected</c>.</summary>
    public override string ToString() => $"{File}:{Line}:{Column}: {Message}";
}
