using System.Runtime.InteropServices;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Plane;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace BridgeGuard.Daemon.Services;

/// <summary>SIGHUP reopens log files, SIGUSR2 reloads rules and policy (both Suricata's habits). SIGUSR1 ends the daemon and leaves the data plane inspecting. SIGTERM and SIGINT belong to the host.</summary>
public sealed partial class SignalService(IDataPlane plane, OutputHost outputs, KeepingHost keeping, IHostApplicationLifetime lifetime, IServiceProvider services) : IHostedService, IDisposable
{
    /// <summary>Linux's number; .NET has no name for it.</summary>
    private const PosixSignal Usr2 = (PosixSignal)12;

    private const PosixSignal Usr1 = (PosixSignal)10;

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
            services.GetRequiredService<Reloader>().Ask();
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
}
