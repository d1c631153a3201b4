using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Attachments;

/// <summary>How a frame came to leave the attachment.</summary>
public enum DeliveryKind : byte
{
    /// <summary>It was passed, with whatever the engine changed in it.</summary>
    Forwarded,

    /// <summary>The engine made it, to enter the bridge by a port.</summary>
    InjectedFromPort,

    /// <summary>The engine made it, for the guest behind a port.</summary>
    InjectedToPort,

    /// <summary>A reset or an ICMP error that answers a rejected frame.</summary>
    Rejected,
}

/// <summary>Takes the frames that leave an attachment which has no wire.</summary>
public interface IFrameSink
{
    /// <summary>One frame; the bytes are valid for the call only. Called on the worker's thread.</summary>
    void Deliver(ReadOnlySpan<byte> frame, in FrameInfo info, DeliveryKind kind);
}
