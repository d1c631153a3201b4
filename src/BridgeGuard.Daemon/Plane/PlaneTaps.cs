using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Tap;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The passive devices of a data plane, beside its bridges: each has a thread and a worker. One that fails ends alone.</summary>
internal sealed class PlaneTaps : IDisposable
{
    /// <summary>Numbers of tap devices as ports: beyond those that a bridge's port can have (12 bits of a VLAN tag).</summary>
    public const ushort FirstPort = 0xF000;

    private readonly TapAttachment[] _taps;
    private readonly List<Thread> _threads = [];

    public PlaneTaps(IReadOnlyList<TapModel> taps) => _taps =
    [
        .. taps.Select((tap, i) => new TapAttachment(new TapOptions { Devices = [tap.Device], Filter = tap.Filter, FirstPort = (ushort)(FirstPort + i) })),
    ];

    public int Count => _taps.Length;

    /// <summary>What all of them have seen. Nothing was carried out: drops and rejects are what the engine would have done.</summary>
    public AttachmentStats Stats => _taps.Aggregate(default(AttachmentStats), (sum, tap) => sum + tap.Stats);

    /// <summary>Frames that the kernel dropped because nobody took them in time.</summary>
    public long Lost => _taps.Sum(tap => tap.DroppedByKernel);

    public AttachmentError? Open()
    {
        foreach (TapAttachment tap in _taps)
        {
            if (tap.Open() is { } error)
            {
                return error;
            }
        }

        return null;
    }

    /// <summary>Begins to listen.</summary>
    /// <param name="processorOf">A tap's processor, by its number.</param>
    /// <param name="failed">What ended a tap before its time.</param>
    /// <param name="stop">Ends all.</param>
    public void Start(Func<int, IFrameProcessor> processorOf, Action<string> failed, CancellationToken stop)
    {
        for (int i = 0; i < _taps.Length; i++)
        {
            int index = i;
            IFrameProcessor processor = processorOf(i);
            _threads.Add(new Thread(() =>
            {
                if (_taps[index].Run(_ => processor, AttachmentHooks.None, stop) is { } error)
                {
                    failed($"{error.Message}; it is not listened to any more");
                }
            })
            {
                IsBackground = true,
                Name = $"tap-{i}",
            });
        }

        _threads.ForEach(thread => thread.Start());
    }

    /// <summary>Waits until all have ended.</summary>
    public void Join() => _threads.ForEach(thread => thread.Join());

    public void Dispose() => Array.ForEach(_taps, tap => tap.Dispose());
}
