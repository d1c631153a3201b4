namespace BridgeGuard.Daemon.Configuration.Suricata;

/// <summary>The <c>logging</c> section.</summary>
internal static class LogSettingsReader
{
    public static LogSettings Read(ConfigNode root, string logFolder)
    {
        ConfigNode? section = root.Child("logging");
        if (section is null)
        {
            return new LogSettings { Files = [] };
        }

        bool console = true;
        string? consoleLevel = null;
        List<LogFileSettings> files = [];
        foreach (ConfigNode output in section.Child("outputs")?.Children ?? [])
        {
            ConfigNode? options = output.Children.Count > 0 ? output.Children[0] : null;
            bool enabled = options?.GetBool("enabled", false) ?? false;
            switch (output.Value)
            {
                case "console":
                    console = enabled;
                    consoleLevel = options?.Get("level");
                    break;
                case "file" when enabled:
                    string name = options!.Get("filename") ?? "suricata.log";
                    string path = Path.IsPathRooted(name) ? name : Path.Combine(logFolder, name);
                    files.Add(new LogFileSettings(path, options.Get("level"), options.Get("type") is "json"));
                    break;
            }
        }

        return new LogSettings
        {
            IsConfigured = true,
            DefaultLevel = section.Get("default-log-level") ?? "notice",
            ConsoleEnabled = console,
            ConsoleLevel = consoleLevel,
            Files = files,
        };
    }
}
