using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration.Suricata;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>What the daemon keeps beside its records.</summary>
public sealed record KeepingModel
{
    /// <summary>Files off the wire (<c>file-store</c>); null: none.</summary>
    public FileStoreSettings? Files { get; init; }

    /// <summary>Where certificates go that a rule asks for (<c>tls-store</c>); null: none.</summary>
    public string? CertificateFolder { get; init; }

    /// <summary>Frames (<c>pcap-log</c>); null: none.</summary>
    public PacketLogOptions? Packets { get; init; }

    /// <summary>Bytes of each worker's ring for files and certificates.</summary>
    public int FileRingBytes { get; init; } = 16 << 20;

    /// <summary>Bytes of each worker's ring for frames.</summary>
    public int FrameRingBytes { get; init; } = 16 << 20;

    public bool HasFiles => Files is not null || CertificateFolder is not null;

    public bool IsEmpty => !HasFiles && Packets is null;
}
