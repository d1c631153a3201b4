using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>New signatures turned a verdict: one of these names every guest that already has the content.</summary>
/// <param name="Key">The content.</param>
/// <param name="Before">The verdict that guests were given.</param>
/// <param name="After">The verdict now.</param>
/// <param name="Exposures">The ledger's lines for it, newest first.</param>
public sealed record VerdictChange(FileKey Key, FileVerdict Before, FileVerdict After, IReadOnlyList<Exposure> Exposures);
