using BridgeGuard.Daemon.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace BridgeGuard.Daemon.Services;

/// <summary>Puts the daemon together and runs it until it is told to stop.</summary>
public static class DaemonHost
{
    /// <summary>Runs until SIGTERM, SIGINT or <paramref name="stop"/>; gives the exit code. Errors of the start are one line each on <paramref name="errors"/>.</summary>
    public static async Task<int> RunAsync(DaemonModel model, TextWriter errors, CancellationToken stop = default)
    {
        try
        {
            Directory.CreateDirectory(model.LogDirectory);
            Directory.CreateDirectory(model.StateDirectory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await errors.WriteLineAsync($"bridgeguard: {e.Message}");
            return ExitCodes.MissingPrivilege;
        }

        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ApplicationName = "bridgeguard" });
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        builder.Logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Logging.SetMinimumLevel(LogLevel.Information);
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);

        // A start that fails is one line of ours, not a stack trace.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        builder.Services.AddSingleton(model);
        builder.Services.AddSingleton<GuestTable>();
        builder.Services.AddSingleton<ProgramSource>();
        builder.Services.AddSingleton<OutputHost>();
        builder.Services.AddSingleton<ScanningHost>();
        builder.Services.AddSingleton<DataPlane>();
        builder.Services.AddHostedService(s => s.GetRequiredService<OutputHost>());
        builder.Services.AddHostedService(s => s.GetRequiredService<ScanningHost>());
        builder.Services.AddHostedService(s => s.GetRequiredService<DataPlane>());
        builder.Services.AddHostedService<MetricsHost>();
        builder.Services.AddHostedService<SignalService>();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddSingleton<IHostLifetime, ConsoleStop>();
        try
        {
            using IHost host = builder.Build();
            var programs = host.Services.GetRequiredService<ProgramSource>();
            if (!programs.TryLoad(out IReadOnlyList<string> ruleErrors))
            {
                foreach (string error in ruleErrors)
                {
                    await errors.WriteLineAsync(error);
                }

                return ExitCodes.BadRules;
            }

            var dataPlane = host.Services.GetRequiredService<DataPlane>();
            await host.RunAsync(stop);
            return dataPlane.Failure is null ? ExitCodes.Ok : ExitCodes.Failure;
        }
        catch (StartupException e)
        {
            await errors.WriteLineAsync($"bridgeguard: {e.Message}");
            return e.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Ok;
        }
    }
}
