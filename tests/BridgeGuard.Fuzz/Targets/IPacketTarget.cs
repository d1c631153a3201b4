namespace BridgeGuard.Fuzz.Targets;

/// <summary>A target of the packet path: it counts the packets that its inputs hold.</summary>
internal interface IPacketTarget : IFuzzTarget
{
    /// <summary>Packets fed so far.</summary>
    long Packets { get; }
}
