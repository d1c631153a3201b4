using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments.Tap;

/// <summary>What to listen on.</summary>
public sealed record TapOptions
{
    /// <summary>Devices that see a copy of the traffic: a SPAN port, a mirror; each has a worker of its own.</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    /// <summary>Number of the first device as a port; further ones follow.</summary>
    public ushort FirstPort { get; init; } = 1;

    /// <summary>A filter in tcpdump's language.</summary>
    public string? Filter { get; init; }

    /// <summary>Frames for other hosts too.</summary>
    public bool Promiscuous { get; init; } = true;

    /// <summary>
    /// What the engine is told of checksums. A device that carries frames of this host's own guests shows them before hardware or the kernel has
    /// filled the sums in: <see cref="ChecksumState.Valid"/> is right there.
    /// </summary>
    public ChecksumState Checksums { get; init; } = ChecksumState.Unknown;

    /// <summary>The kernel's buffer for one device.</summary>
    public int KernelBufferBytes { get; init; } = 16 << 20;
}
