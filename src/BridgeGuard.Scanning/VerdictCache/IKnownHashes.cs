namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>Verdicts that need no scan: known-good and known-bad lists. Immutable; a reload makes another instance.</summary>
public interface IKnownHashes
{
    /// <summary>Looks a content up. Called on the packet side: no I/O, no waiting, no allocation.</summary>
    bool TryGet(in FileKey key, out FileVerdict verdict);
}

internal sealed class NoKnownHashes : IKnownHashes
{
    public static readonly NoKnownHashes Instance = new();

    public bool TryGet(in FileKey key, out FileVerdict verdict)
    {
        verdict = null!;
        return false;
    }
}
