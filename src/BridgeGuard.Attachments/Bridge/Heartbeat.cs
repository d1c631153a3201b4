using System.Diagnostics;
using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Tells the kernel that the workers live: a thread of its own, several times within the time the kernel waits.</summary>
/// <remarks>
/// A worker that waits for input is alive; one that has been in the same frame since the last beat is not, and its queue alone goes stale. A stopped
/// process beats for nobody. The thread also notices frames that were counted as sent to a queue but never came out.
/// </remarks>
internal sealed class Heartbeat(SharedState state, IReadOnlyList<BridgeWorker> workers, int staleMs) : IDisposable
{
    private const int BeatsPerTimeout = 4;

    // It runs for microseconds; late, it would open or close every port of a host that is merely busy.
    private const int Nice = -20;

    private readonly long[] _lastProgress = [.. workers.Select(_ => -1L)];
    private readonly long[] _lastPunted = [.. workers.Select(_ => -1L)];
    private readonly ManualResetEventSlim _stop = new();
    private Thread? _thread;

    /// <summary>Beats once for every worker, so that the programs may be attached.</summary>
    public void Start()
    {
        Beat();
        _thread = new Thread(Run) { IsBackground = true, Name = "bg-heartbeat" };
        _thread.Start();
    }

    public void Dispose()
    {
        _stop.Set();
        _thread?.Join();
        _stop.Dispose();
    }

    private void Run()
    {
        Libc.RaisePriority(Nice);
        while (!_stop.Wait(Math.Max(1, staleMs / BeatsPerTimeout)))
        {
            Beat();
        }
    }

    private void Beat()
    {
        for (int i = 0; i < workers.Count; i++)
        {
            BridgeWorker worker = workers[i];
            long progress = worker.Progress;
            bool isWaiting = (progress & 1) == 0;
            if (worker.IsRunning && (isWaiting || progress != _lastProgress[i]))
            {
                state.SetHeartbeat(worker.Queue, Stopwatch.GetTimestamp());
            }

            if (isWaiting && progress == _lastProgress[i])
            {
                FindLost(i, worker);
            }
            else
            {
                _lastPunted[i] = -1;
            }

            _lastProgress[i] = progress;
        }
    }

    private void FindLost(int index, BridgeWorker worker)
    {
        // Idle through two beats, nothing sent meanwhile, nothing to read: the difference will never come.
        long punted = state.Punted(worker.Queue);
        long missing = punted - state.Done(worker.Queue);
        if (missing > 0 && punted == _lastPunted[index] && !worker.HasInput())
        {
            worker.AddLost(missing);
        }

        _lastPunted[index] = punted;
    }
}
