using BridgeGuard.Engine.Packets;

namespace BridgeGuard.Attachments.Wrappers;

/// <summary>Where the frames of a <see cref="PacketLog"/> go.</summary>
/// <remarks>Thread: the worker's. Never throws; what cannot be kept is counted.</remarks>
public interface IFrameLog : IDisposable
{
    /// <summary>Frames kept.</summary>
    long Written { get; }

    /// <summary>Frames that could not be kept.</summary>
    long Lost { get; }

    /// <summary>Why frames could not be kept, the last time; null: all were.</summary>
    string? Problem { get; }

    /// <summary>A frame is about to be looked at by the filter: the first file's name tells when its time began, even if the filter keeps nothing of that moment.</summary>
    void Begin(long timestampUs, LinkType linkType);

    /// <summary>Takes a frame.</summary>
    void Append(long timestampUs, LinkType linkType, ReadOnlySpan<byte> frame);
}
