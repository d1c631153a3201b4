using BitFaster.Caching.Lru;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Pipeline;

/// <summary>Decides by a content's beginning whether it goes to the scanners while it arrives.</summary>
/// <remarks>
/// Not when a content that begins so has a verdict of the present generation, nor when one is on its way: it is most likely the same, and the copies would
/// be for nothing. A guess only: what is scanned is decided by the hash of the whole. Thread: any.
/// </remarks>
internal sealed class AheadGate(int maxAtATime)
{
    /// <summary>Beginnings remembered.</summary>
    private const int MaxKnown = 16_384;

    private readonly ConcurrentLru<Sha256, string> _known = new(MaxKnown);
    private readonly HashSet<Sha256> _underWay = [];
    private readonly Lock _lock = new();

    /// <summary>May it begin? Then <see cref="Leave"/> must follow.</summary>
    public bool TryEnter(in Sha256 beginning, string generation)
    {
        if (_known.TryGet(beginning, out string? known) && known == generation)
        {
            return false;
        }

        lock (_lock)
        {
            return _underWay.Count < maxAtATime && _underWay.Add(beginning);
        }
    }

    public void Leave(in Sha256 beginning)
    {
        lock (_lock)
        {
            _underWay.Remove(beginning);
        }
    }

    /// <summary>A content that begins so has a verdict.</summary>
    public void Know(in Sha256 beginning, string generation) => _known.AddOrUpdate(beginning, generation);
}
