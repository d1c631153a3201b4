namespace BridgeGuard.Attachments;

/// <summary>What an attachment can do.</summary>
[Flags]
public enum AttachmentTraits
{
    None = 0,

    /// <summary>Frames come from a wire, now.</summary>
    Live = 1,

    /// <summary>A drop takes the frame away from its receiver.</summary>
    Inline = 2,
}

/// <summary>One line of the catalogue.</summary>
/// <param name="Name">As written in a configuration.</param>
/// <param name="Summary">One line of help.</param>
/// <param name="Traits">What it can do.</param>
public sealed record AttachmentEntry(string Name, string Summary, AttachmentTraits Traits);

/// <summary>Every attachment, alphabetical, one line each.</summary>
public static class AttachmentCatalog
{
    public static readonly IReadOnlyList<AttachmentEntry> All =
    [
        new("bridge", "inline on Linux bridges: eBPF on every port, verdicts in the kernel", AttachmentTraits.Live | AttachmentTraits.Inline),
        new("inmemory", "frames from an array, for tests and benches", AttachmentTraits.None),
        new("nfqueue", "inline through netfilter queues, where eBPF is not allowed", AttachmentTraits.Live | AttachmentTraits.Inline),
        new("offline", "pcap and pcapng files, folders and standard input", AttachmentTraits.None),
        new("tap", "a passive mirror or SPAN port, alerts only", AttachmentTraits.Live),
    ];

    public static AttachmentEntry? Find(string name) => All.FirstOrDefault(entry => entry.Name == name);
}
