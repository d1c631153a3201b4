using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace BridgeGuard.Daemon.Services;

/// <summary>SIGINT, SIGQUIT and SIGTERM stop the host; nothing is written to standard output.</summary>
internal sealed class ConsoleStop(IHostApplicationLifetime lifetime) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>Stops a host once its start is over: a start that is broken off would not stop what it has begun, so a data plane would stay behind.</summary>
    public static void Stop(IHostApplicationLifetime lifetime) => lifetime.ApplicationStarted.Register(lifetime.StopApplication);

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        foreach (PosixSignal signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM })
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Stop(lifetime);
            }));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }
    }
}
