namespace BridgeGuard.Daemon.Configuration;

/// <summary>A configuration that cannot be used. The message begins with the place.</summary>
public sealed class ConfigException(ConfigPosition position, string problem) : Exception($"{position}: {problem}")
{
    public ConfigPosition Position { get; } = position;

    public string Problem { get; } = problem;
}
