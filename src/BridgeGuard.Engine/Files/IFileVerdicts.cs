namespace BridgeGuard.Engine.Files;

/// <summary>The engine's question to the verdict cache. Implemented by BridgeGuard.Scanning.</summary>
public interface IFileVerdicts
{
    /// <summary>What is known of the content with this hash and size. Thread: any worker's. No I/O, no waiting, no allocation.</summary>
    /// <param name="sha256">32 bytes.</param>
    /// <param name="size">Length of the content in bytes.</param>
    FileVerdictKind Lookup(ReadOnlySpan<byte> sha256, long size);
}
