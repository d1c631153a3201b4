using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace BridgeGuard.Daemon.Services;

/// <summary>How both processes of the daemon write their log: a line each on standard error, with UTC time.</summary>
internal static class DaemonLog
{
    public static void Configure(ILoggingBuilder logging)
    {
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft", LogLevel.Warning);

        // A start that fails is one line of ours, not a stack trace.
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
    }
}
