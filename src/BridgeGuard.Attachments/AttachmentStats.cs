namespace BridgeGuard.Attachments;

/// <summary>Counts since the start of a run, in frames unless the name says bytes.</summary>
public readonly record struct AttachmentStats
{
    /// <summary>Frames given to the engine.</summary>
    public long Frames { get; init; }

    public long Bytes { get; init; }

    public long Passed { get; init; }

    public long Modified { get; init; }

    public long Dropped { get; init; }

    /// <summary>Resets and ICMP errors sent.</summary>
    public long Rejects { get; init; }

    /// <summary>Frames of the engine's own that were sent.</summary>
    public long Injected { get; init; }

    /// <summary>Frames of the engine's own that could not be sent.</summary>
    public long InjectFailed { get; init; }

    /// <summary>Passed frames that the kernel did not take back.</summary>
    public long WriteFailed { get; init; }

    /// <summary>Frames that were not in a form the attachment understands and were handled without the engine.</summary>
    public long Malformed { get; init; }

    /// <summary>Flows handed to the kernel with a final verdict.</summary>
    public long Offloaded { get; init; }

    /// <summary>Offload requests the kernel map had no room for; such flows stay with the engine.</summary>
    public long OffloadRefused { get; init; }

    /// <summary>Frames that should carry a mark of which there were too many different ones: they went on without.</summary>
    public long MarkRefused { get; init; }

    /// <summary>Passed segments that went on as part of a larger one.</summary>
    public long Joined { get; init; }

    public static AttachmentStats operator +(AttachmentStats x, AttachmentStats y) => new()
    {
        Frames = x.Frames + y.Frames,
        Bytes = x.Bytes + y.Bytes,
        Passed = x.Passed + y.Passed,
        Modified = x.Modified + y.Modified,
        Dropped = x.Dropped + y.Dropped,
        Rejects = x.Rejects + y.Rejects,
        Injected = x.Injected + y.Injected,
        InjectFailed = x.InjectFailed + y.InjectFailed,
        WriteFailed = x.WriteFailed + y.WriteFailed,
        Malformed = x.Malformed + y.Malformed,
        Offloaded = x.Offloaded + y.Offloaded,
        OffloadRefused = x.OffloadRefused + y.OffloadRefused,
        MarkRefused = x.MarkRefused + y.MarkRefused,
        Joined = x.Joined + y.Joined,
    };
}
