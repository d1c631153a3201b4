namespace BridgeGuard.Engine.Files;

/// <summary>EVE <c>fileinfo.state</c>.</summary>
public enum FileState : byte
{
    Opened,
    Closed,
    Truncated,
    Error,
}

/// <summary>One file on its way through a flow. Pooled; owned by its <see cref="FileList"/>.</summary>
public sealed partial class TrackedFile
{
    public FileState State { get; internal set; }

    /// <summary>Number of the file within its flow, from 1.</summary>
    public uint Id { get; internal set; }

    /// <summary>Bytes seen.</summary>
    public long Size { get; internal set; }

    public bool HasGaps { get; internal set; }
}
