using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Control;
using BridgeGuard.Daemon.Guests;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Daemon.Playbooks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

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
        DaemonLog.Configure(builder.Logging);
        builder.Services.AddSingleton(model);
        builder.Services.AddSingleton(_ => new GuestRegistry(model.Guests, model.Policy, Path.Combine(model.StateDirectory, GuestRegistry.StateFileName)));
        builder.Services.AddSingleton<GuestTable>();
        AddActions(builder.Services, model);
        builder.Services.AddSingleton<OutputHost>();
        builder.Services.AddSingleton<KeepingHost>();
        builder.Services.AddSingleton<ScanningHost>();
        // First, so that no signal finds the process without its handler.
        builder.Services.AddHostedService<SignalService>();
        builder.Services.AddHostedService(s => s.GetRequiredService<OutputHost>());
        builder.Services.AddHostedService(s => s.GetRequiredService<KeepingHost>());
        builder.Services.AddHostedService(s => s.GetRequiredService<ScanningHost>());
        AddPlane(builder.Services, model);
        builder.Services.AddHostedService<GuestWatcher>();
        builder.Services.AddHostedService(s => s.GetRequiredService<PolicyPublisher>());
        builder.Services.AddHostedService(s => s.GetRequiredService<PlaybookEngine>());
        builder.Services.AddHostedService<ControlHost>();
        builder.Services.AddHostedService<MetricsHost>();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(20));
        builder.Services.AddSingleton<IHostLifetime, ConsoleStop>();
        try
        {
            using IHost host = builder.Build();
            host.Services.GetService<LocalPlane>()?.Open();
            host.Services.GetService<PlaneSupervisor>()?.Open();
            if (host.Services.GetService<ProgramSource>() is { } programs && !programs.TryLoad(out IReadOnlyList<string> ruleErrors))
            {
                foreach (string error in ruleErrors)
                {
                    await errors.WriteLineAsync(error);
                }

                return ExitCodes.BadRules;
            }

            // Before anything starts: scanning makes a socket for each guest.
            var registry = host.Services.GetRequiredService<GuestRegistry>();
            host.Services.GetRequiredService<GuestTable>().Apply(registry.Current, registry.Policy);
            var plane = host.Services.GetRequiredService<IDataPlane>();
            plane.PortChanged += host.Services.GetRequiredService<GuestTable>().OnPortChanged;
            plane.Ready += host.Services.GetRequiredService<DaemonEffects>().Renew;
            host.Services.GetRequiredService<GuestRegistry>().Changed += _ => host.Services.GetRequiredService<ActionDesk>().Refresh();
            plane.Ended += host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication;
            await RunToEndAsync(host, stop);
            if (plane is PlaneSupervisor { LeavesPlane: true })
            {
                return ExitCodes.StartAgain;
            }

            return plane.Failure is null ? ExitCodes.Ok : ExitCodes.Failure;
        }
        catch (StartupException e)
        {
            if (!e.IsTold)
            {
                await errors.WriteLineAsync($"bridgeguard: {e.Message}");
            }

            return e.ExitCode;
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Ok;
        }
    }

    /// <summary>As <c>IHost.RunAsync</c>, but a start is never broken off: what it has begun would not be stopped.</summary>
    private static async Task RunToEndAsync(IHost host, CancellationToken stop)
    {
        try
        {
            await host.StartAsync(CancellationToken.None);
            await host.WaitForShutdownAsync(stop);
        }
        finally
        {
            await ((IAsyncDisposable)host).DisposeAsync();
        }
    }

    private static void AddActions(IServiceCollection services, DaemonModel model)
    {
        services.AddSingleton<PolicyPublisher>();
        services.AddSingleton<Reloader>();
        services.AddSingleton(model.Playbooks);
        services.AddSingleton<DaemonEffects>();
        services.AddSingleton<IActionEffects>(s => s.GetRequiredService<DaemonEffects>());
        services.AddSingleton<PlaybookEngine>();
        services.AddSingleton(s =>
        {
            try
            {
                return new ActionDesk(
                    new ActionLedger(Path.Combine(model.StateDirectory, ActionLedger.FileName)),
                    new AuditLog(Path.Combine(model.LogDirectory, AuditLog.FileName)),
                    s.GetRequiredService<GuestRegistry>(),
                    model.Playbooks,
                    s.GetRequiredService<IActionEffects>());
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new StartupException(ExitCodes.Failure, $"the ledger of actions: {e.Message}");
            }
        });
    }

    private static void AddPlane(IServiceCollection services, DaemonModel model)
    {
        if (model.Processes > 1)
        {
            services.AddSingleton<PlaneSupervisor>();
            services.AddSingleton<IDataPlane>(s => s.GetRequiredService<PlaneSupervisor>());
            services.AddHostedService(s => s.GetRequiredService<PlaneSupervisor>());
            return;
        }

        services.AddSingleton<ProgramSource>();
        services.AddSingleton(s => new PlaneBorder(
            s.GetRequiredService<OutputHost>().RingOf, s.GetRequiredService<ScanningHost>().Sink, s.GetRequiredService<ScanningHost>().Verdicts)
        {
            KeepingOf = s.GetRequiredService<KeepingHost>().FilesOf,
            FramesOf = s.GetRequiredService<KeepingHost>().FramesOf,
        });
        services.AddSingleton<LocalPlane>();
        services.AddSingleton<IDataPlane>(s => s.GetRequiredService<LocalPlane>());
        services.AddHostedService(s => s.GetRequiredService<LocalPlane>());
    }
}
