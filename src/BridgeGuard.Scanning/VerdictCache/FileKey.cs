namespace BridgeGuard.Scanning.VerdictCache;

/// <summary>What a verdict is about: content, by hash and length. Never a name, a time or a place.</summary>
/// <param name="Hash">SHA-256 of the content.</param>
/// <param name="Size">Length of the content in bytes.</param>
public readonly record struct FileKey(Sha256 Hash, long Size)
{
    public override string ToString() => $"{Hash}:{Size}";
}
