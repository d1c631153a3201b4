using System.Runtime.InteropServices;

namespace BridgeGuard.Agent;

/// <summary>SIGTERM and SIGINT end the agent in order: opens that wait are answered first.</summary>
internal sealed class PosixSignals : IDisposable
{
    private readonly PosixSignalRegistration _term;
    private readonly PosixSignalRegistration _int;

    public PosixSignals(CancellationTokenSource stop)
    {
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }

        _term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        _int = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
    }

    public void Dispose()
    {
        _term.Dispose();
        _int.Dispose();
    }
}
