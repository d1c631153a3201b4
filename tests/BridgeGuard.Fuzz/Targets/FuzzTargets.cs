using BridgeGuard.Engine.Tests.Protocols;

namespace BridgeGuard.Fuzz.Targets;

/// <summary>Every target: those of the lower layers, and one for each protocol that has conformance tests.</summary>
internal static class FuzzTargets
{
    public static readonly IFuzzTarget[] All =
    [
        new DecoderTarget(),
        new DefragmenterTarget(),
        new ReassemblerTarget(),
        new WorkerTarget(),
        .. Protocols(),
    ];

    /// <summary>The tests are found, not listed: a protocol with conformance tests cannot be forgotten here.</summary>
    private static IEnumerable<IFuzzTarget> Protocols() =>
        typeof(ProtocolConformanceTests).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(ProtocolConformanceTests)) && !type.IsAbstract)
            .OrderBy(type => type.Name, StringComparer.Ordinal)
            .Select(type => new ProtocolTarget(
                type.Name.Replace("ConformanceTests", "", StringComparison.Ordinal).ToLowerInvariant(),
                ((ProtocolConformanceTests)Activator.CreateInstance(type)!).Subject));
}
