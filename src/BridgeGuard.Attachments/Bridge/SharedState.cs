using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary><c>struct state</c>: what the daemon and the kernel programs tell each other for every frame, without a system call.</summary>
/// <remarks>Each field has one writer: <c>punted</c> the kernel, <c>done</c> its worker, the rest the attachment.</remarks>
internal sealed class SharedState(SharedMemory shared) : IDisposable
{
    /// <summary>Set once, before a program is attached.</summary>
    public void Configure(uint mark, int puntIfIndex, int queues, uint seed, long staleNs, long backlogLimit, uint flags, ushort stamp)
    {
        shared.At<uint>(KernelLayout.StateMark) = mark;
        shared.At<int>(KernelLayout.StatePuntIfIndex) = puntIfIndex;
        shared.At<int>(KernelLayout.StateQueues) = queues;
        shared.At<uint>(KernelLayout.StateSeed) = seed;
        shared.At<long>(KernelLayout.StateStaleNs) = staleNs;
        shared.At<long>(KernelLayout.StateBacklogLimit) = backlogLimit;
        shared.At<uint>(KernelLayout.StateFlags) = flags;
        shared.At<uint>(KernelLayout.StateStamp) = stamp;
    }

    /// <summary>
    /// The place of a mark among those that frames may carry, from 1; 0 when it is none or there is no place left: a data plane knows
    /// <see cref="KernelLayout.MaxMarks"/> different ones in its life. Any thread.
    /// </summary>
    public int PlaceOf(uint mark)
    {
        for (int i = 0; mark != 0 && i < KernelLayout.MaxMarks; i++)
        {
            ref uint place = ref shared.At<uint>(KernelLayout.StateMarks + (i * sizeof(uint)));
            uint there = Volatile.Read(ref place);
            if (there == mark || (there == 0 && Interlocked.CompareExchange(ref place, mark, 0) is var before && (before == 0 || before == mark)))
            {
                return i + 1;
            }
        }

        return 0;
    }

    /// <summary>Switches one kind of look-up on in the kernel.</summary>
    public void SetFlag(uint flag) => Interlocked.Or(ref shared.At<uint>(KernelLayout.StateFlags), flag);

    public void SetHeartbeat(int queue, long monotonicNs) => Volatile.Write(ref Queue(queue, KernelLayout.QueueHeartbeat), monotonicNs);

    public void SetDone(int queue, long frames) => Volatile.Write(ref Queue(queue, KernelLayout.QueueDone), frames);

    public long Done(int queue) => Volatile.Read(ref Queue(queue, KernelLayout.QueueDone));

    public long Punted(int queue) => Volatile.Read(ref Queue(queue, KernelLayout.QueuePunted));

    /// <summary>The port by which a frame of <see cref="KernelLayout.TagUnseen"/> was about to leave.</summary>
    public ushort PortOfLate(int index) =>
        Volatile.Read(ref shared.At<ushort>(KernelLayout.StateLate + ((index & (KernelLayout.MaxLate - 1)) * KernelLayout.LateBytes) + KernelLayout.LatePort));

    public void Dispose() => shared.Dispose();

    private ref long Queue(int queue, int field) =>
        ref shared.At<long>(KernelLayout.StateQueue + (queue * KernelLayout.QueueBytes) + field);
}
