using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>A way to bring frames to the engine and to carry its verdicts out.</summary>
/// <remarks>
/// Order of calls: <see cref="Open"/> once, <see cref="Run"/> once, <see cref="IDisposable.Dispose"/> once; Dispose alone is allowed at any point
/// and gives everything back to the kernel. Errors are values; no call throws for what the host or a file lacks.
/// </remarks>
public interface IAttachment : IDisposable
{
    /// <summary>The catalogue name: <c>bridge</c>, <c>offline</c>, ….</summary>
    string Name { get; }

    /// <summary>How many processors <see cref="Run"/> asks for, numbered from 0; each is used by one thread only.</summary>
    int WorkerCount { get; }

    /// <summary>Acquires what is needed without touching traffic; null on success.</summary>
    AttachmentError? Open();

    /// <summary>
    /// Brings frames until the source ends or <paramref name="stop"/> is signalled, then detaches. Blocks the caller; an attachment of one
    /// worker may use the caller's thread for it. Null when it ended well.
    /// </summary>
    /// <param name="processorOf">Gives the processor of a worker; called once for each, before any frame.</param>
    /// <param name="hooks">What the caller wants to hear of; all members optional.</param>
    /// <param name="stop">Ends the run; frames that are in work are finished.</param>
    AttachmentError? Run(Func<int, IFrameProcessor> processorOf, AttachmentHooks hooks, CancellationToken stop);

    /// <summary>What has happened so far, summed over the workers. Any thread, at any time.</summary>
    AttachmentStats Stats { get; }
}
