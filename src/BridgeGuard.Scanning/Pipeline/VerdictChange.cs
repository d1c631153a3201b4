using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>New signatures turned a verdict: one of these names every guest that already has the content.</summary>
/// <param name="Key">The content.</param>
/// <param name="Before">The verdict that guests were given.</param>
/// <param name="After">The verdict now.</param>
/// <param name="Exposures">The ledger's lines for it, newest first; of very many the newest.</param>
/// <param name="Guests">Every guest that the ledger names, also those whose lines are not among <paramref name="Exposures"/>.</param>
public sealed record VerdictChange(FileKey Key, FileVerdict Before, FileVerdict After, IReadOnlyList<Exposure> Exposures, IReadOnlyList<string> Guests);
