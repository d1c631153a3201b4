namespace BridgeGuard.Daemon.Configuration;

/// <summary><c>--set a.b.c=value</c>: wins over files, makes what is missing, counts list elements from 0.</summary>
public static class CommandLineOverrides
{
    /// <summary>Applies one override; false when it is not of the form <c>path=value</c>.</summary>
    public static bool TryApply(ConfigNode root, string setting)
    {
        int equals = setting.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            return false;
        }

        string path = setting[..equals].Trim();
        string value = setting[(equals + 1)..].Trim();
        if (path.Length == 0 || path.StartsWith('.') || path.EndsWith('.'))
        {
            return false;
        }

        ConfigNode node = root.Ensure(path, ConfigPosition.CommandLine);
        node.Value = value;
        node.IsFinal = true;
        node.Position = new ConfigPosition($"--set {path}", 0, 0);
        return true;
    }
}
