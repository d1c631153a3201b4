namespace BridgeGuard.Fuzz.Targets;

/// <summary>Every target, alphabetical, one line each.</summary>
internal static class FuzzTargets
{
    public static readonly IFuzzTarget[] All =
    [
        new DecoderTarget(),
        new DefragmenterTarget(),
        new ReassemblerTarget(),
    ];
}
