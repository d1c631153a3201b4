using System.Globalization;
using System.Text;
using System.Text.Json;
using BridgeGuard.Daemon.Configuration.Suricata;

namespace BridgeGuard.Cli.Logging;

/// <summary>Seriousness of a message, most serious first; the order decides what a level lets through.</summary>
internal enum LogLevel
{
    Error,
    Warning,
    Notice,
    Info,
    Perf,
    Config,
    Debug,
}

/// <summary>Messages of the program itself, in the forms that scripts around Suricata read: console lines, a log file, JSON lines.</summary>
/// <remarks>Errors go to standard error, everything else to standard output. Until a configuration is known, messages are kept for the files.</remarks>
internal sealed class EngineLog : IDisposable
{
    private readonly List<(DateTimeOffset Time, LogLevel Level, string Module, string Text)> _early = [];
    private readonly List<(StreamWriter Writer, LogLevel Level, bool IsJson)> _files = [];
    private readonly int _verbosity;
    private LogLevel _console = LogLevel.Notice;
    private bool _isConsoleShort = true;
    private bool _isConsoleOn = true;
    private bool _isConfigured;

    /// <param name="verbosity">How often <c>-v</c> was given.</param>
    public EngineLog(int verbosity) => _verbosity = verbosity;

    public void Error(string module, string text) => Write(LogLevel.Error, module, text);

    public void Warning(string module, string text) => Write(LogLevel.Warning, module, text);

    public void Notice(string module, string text) => Write(LogLevel.Notice, module, text);

    public void Info(string module, string text) => Write(LogLevel.Info, module, text);

    /// <summary>Takes the file's settings into force and writes what has come up so far.</summary>
    public void Configure(LogSettings settings)
    {
        _isConsoleOn = settings.ConsoleEnabled;

        // Without a logging section everything of note is shown, with the level in words.
        _isConsoleShort = settings.IsConfigured;
        LogLevel standard = settings.IsConfigured ? Parse(settings.DefaultLevel, LogLevel.Notice) : LogLevel.Info;
        _console = Raise(Parse(settings.ConsoleLevel, standard));
        foreach (LogFileSettings file in settings.Files)
        {
            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file.Path))!);
                FileStream stream = new(file.Path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
                _files.Add((new StreamWriter(stream, new UTF8Encoding(false)), Raise(Parse(file.Level, standard)), file.IsJson));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"E: logging: {file.Path}: {error.Message}");
            }
        }

        _isConfigured = true;
        foreach ((DateTimeOffset time, LogLevel level, string module, string text) in _early)
        {
            Emit(time, level, module, text);
        }

        _early.Clear();
    }

    /// <summary>Shows what was kept back, when no configuration could be read.</summary>
    public void FlushEarly()
    {
        if (!_isConfigured)
        {
            Configure(new LogSettings { IsConfigured = true });
        }
    }

    public void Dispose()
    {
        FlushEarly();
        foreach ((StreamWriter writer, _, _) in _files)
        {
            writer.Dispose();
        }

        _files.Clear();
    }

    public void Write(LogLevel level, string module, string text)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (!_isConfigured)
        {
            _early.Add((now, level, module, text));
            return;
        }

        Emit(now, level, module, text);
    }

    private void Emit(DateTimeOffset time, LogLevel level, string module, string text)
    {
        if (level <= _console && _isConsoleOn)
        {
            string name = _isConsoleShort ? ShortName(level) : level.ToString();
            (level == LogLevel.Error ? Console.Error : Console.Out).WriteLine($"{name}: {module}: {text}");
        }

        foreach ((StreamWriter writer, LogLevel most, bool isJson) in _files)
        {
            if (level > most)
            {
                continue;
            }

            writer.WriteLine(isJson
                ? Json(time, level, module, text)
                : string.Create(CultureInfo.InvariantCulture, $"[{Environment.ProcessId} - BridgeGuard] {time:yyyy-MM-dd HH:mm:ss} {level}: {module}: {text}"));
            writer.Flush();
        }
    }

    private static string Json(DateTimeOffset time, LogLevel level, string module, string text)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("timestamp", time.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture) + "+0000");
            json.WriteString("log_level", level.ToString());
            json.WriteString("event_type", "engine");
            json.WriteStartObject("engine");
            json.WriteString("message", text);
            json.WriteString("thread_name", "BridgeGuard");
            json.WriteString("module", module);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private LogLevel Raise(LogLevel level) => _verbosity switch
    {
        0 => level,
        1 => (LogLevel)Math.Max((int)level, (int)LogLevel.Info),
        2 => (LogLevel)Math.Max((int)level, (int)LogLevel.Perf),
        3 => (LogLevel)Math.Max((int)level, (int)LogLevel.Config),
        _ => LogLevel.Debug,
    };

    private static string ShortName(LogLevel level) => level switch
    {
        LogLevel.Error => "E",
        LogLevel.Warning => "W",
        LogLevel.Config => "c",
        LogLevel.Perf => "p",
        LogLevel.Debug => "d",
        _ => "i",
    };

    private static LogLevel Parse(string? name, LogLevel otherwise) => name?.ToLowerInvariant() switch
    {
        "emergency" or "alert" or "critical" or "error" => LogLevel.Error,
        "warning" => LogLevel.Warning,
        "notice" => LogLevel.Notice,
        "info" => LogLevel.Info,
        "perf" => LogLevel.Perf,
        "config" => LogLevel.Config,
        "debug" => LogLevel.Debug,
        _ => otherwise,
    };
}
