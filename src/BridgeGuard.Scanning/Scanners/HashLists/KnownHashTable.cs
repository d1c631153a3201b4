using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Scanners.HashLists;

/// <summary>The lists as loaded: immutable, one dictionary lookup a question. A hash on a bad and a good list is bad.</summary>
internal sealed class KnownHashTable : IKnownHashes
{
    private readonly Dictionary<Sha256, FileVerdict> _verdicts = [];

    public int Count => _verdicts.Count;

    public IEnumerable<Sha256> Bad => _verdicts.Where(entry => entry.Value.Kind == FileVerdictKind.Malicious).Select(entry => entry.Key);

    public bool TryGet(in FileKey key, out FileVerdict verdict) => _verdicts.TryGetValue(key.Hash, out verdict!);

    /// <summary>Only while loading, before the table is published.</summary>
    public void Add(Sha256 hash, FileVerdict verdict)
    {
        if (verdict.Kind == FileVerdictKind.Malicious)
        {
            _verdicts[hash] = verdict;
        }
        else
        {
            _verdicts.TryAdd(hash, verdict);
        }
    }
}
