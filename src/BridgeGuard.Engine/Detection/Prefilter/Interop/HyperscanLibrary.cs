namespace BridgeGuard.Engine.Detection.Prefilter.Interop;

/// <summary>Whether the Vectorscan or Hyperscan library is there.</summary>
public static class HyperscanLibrary
{
    /// <summary>True when libhs was found and works on this CPU. Not built yet: false.</summary>
    public static bool IsAvailable => false;
}
