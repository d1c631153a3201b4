using System.Runtime.InteropServices;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Plane;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>SIGHUP reopens log files, SIGUSR2 reloads the rules (both Suricata's habits). SIGUSR1 ends the daemon and leaves the data plane inspecting. SIGTERM and SIGINT belong to the host.</summary>
public sealed partial class SignalService(IDataPlane plane, OutputHost outputs, KeepingHost keeping, IHostApplicationLifetime lifetime, ILogger<SignalService> logger) : IHostedService, IDisposable
{
    /// <summary>Linux's number; .NET has no name for it.</summary>
    private const PosixSignal Usr2 = (PosixSignal)12;

    private const PosixSignal Usr1 = (PosixSignal)10;

    private readonly Lock _reloading = new();

    /// <summary>1 while a reload is asked for that has not begun to read files; more signals until then ask for the same.</summary>
    private int _isAsked;
    private PosixSignalRegistration? _hangUp;
    private PosixSignalRegistration? _reload;
    private PosixSignalRegistration? _leave;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            outputs.Pump.Reopen();
            keeping.Pump?.Reopen();
        });
        _reload = PosixSignalRegistration.Create(Usr2, context =>
        {
            context.Cancel = true;
            if (Interlocked.Exchange(ref _isAsked, 1) == 0)
            {
                Reload();
            }
        });
        if (plane is PlaneSupervisor supervisor)
        {
            _leave = PosixSignalRegistration.Create(Usr1, context =>
            {
                context.Cancel = true;
                supervisor.LeavesPlane = true;
                ConsoleStop.Stop(lifetime);
            });
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _hangUp?.Dispose();
        _reload?.Dispose();
        _leave?.Dispose();
    }

    /// <summary>Runs on a thread of the runtime's for signals: an exception here would end the process and with it the inspection.</summary>
    private void Reload()
    {
        try
        {
            lock (_reloading)
            {
                Volatile.Write(ref _isAsked, 0);
                Load();
            }
        }
        catch (Exception e)
        {
            Log.Failed(logger, e);
            Log.Kept(logger);
        }
    }

    private void Load()
    {
        if (plane.TryReload(out IReadOnlyList<string> errors))
        {
            return;
        }

        foreach (string error in errors)
        {
            Log.Refused(logger, error);
        }

        Log.Kept(logger);
    }

    private static partial class Log
    {
        [LoggerMessage(400, LogLevel.Error, "{Line}")]
        public static partial void Refused(ILogger logger, string line);

        [LoggerMessage(402, LogLevel.Error, "reload failed inside BridgeGuard")]
        public static partial void Failed(ILogger logger, Exception exception);

        [LoggerMessage(401, LogLevel.Error, "reload refused; the rules in force stay")]
        public static partial void Kept(ILogger logger);
    }
}
