using BridgeGuard.Attachments.Bridge;

namespace BridgeGuard.Attachments;

/// <summary>An attachment to bridges of this host: it has ports, and counters of what became of their traffic.</summary>
public interface IWireAttachment : IAttachment
{
    /// <summary>The ports now attached, and what is behind them.</summary>
    PortTable Ports { get; }

    /// <summary>Frames whose processor threw an exception.</summary>
    long Faults { get; }

    /// <summary>The last exception that came out of a processor; null is well.</summary>
    Exception? LastFault { get; }

    /// <summary>Frames that vanished between a port and its worker's queue.</summary>
    long Lost { get; }

    /// <summary>Bytes that the workers' threads have allocated since they began; about a tick old.</summary>
    long AllocatedBytes { get; }

    /// <summary>What became of the frames of a port; zeros for an unknown one.</summary>
    PortCounters ReadCounters(ushort portId);
}
