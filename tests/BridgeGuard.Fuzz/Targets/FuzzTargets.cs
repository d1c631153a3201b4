using BridgeGuard.Engine.Tests.Protocols;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>Every target: those of the lower layers, and one for each protocol that has conformance tests.</summary>
internal static class FuzzTargets
{
    public static readonly IFuzzTarget[] All =
    [
        new DecoderTarget(),
        new DefragmenterTarget(),
        new LldpTarget(),
        new ReassemblerTarget(),
        new WorkerTarget(),
        .. ProtocolSamples.All().Select(protocol => new ProtocolTarget(protocol.Name, protocol.Samples)),
    ];
}
