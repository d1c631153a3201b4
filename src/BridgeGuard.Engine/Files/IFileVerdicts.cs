namespace BridgeGuard.Engine.Files;

/// <summary>The engine's question to the verdict cache. Implemented by BridgeGuard.Scanning.</summary>
public interface IFileVerdicts
{
    /// <summary>What is known of the content with this hash and size. Thread: any worker's. No I/O, no waiting, no allocation.</summary>
    /// <param name="sha256">32 bytes.</param>
    /// <param name="size">Length of the content in bytes.</param>
    FileVerdictKind Lookup(ReadOnlySpan<byte> sha256, long size);

    /// <summary>Does some content that is known to be bad have this length? Then a file that has just reached it is hashed at once.</summary>
    bool IsBadSize(long size) => false;

    /// <summary>Is this a piece of a content that is known to be bad, fetched by itself (a range, a resumed transfer, a read in the middle)?</summary>
    /// <param name="offset">Where in its file the piece begins.</param>
    /// <param name="bytes">The piece; a part of it is enough when it holds what is compared.</param>
    /// <param name="total">Length of the whole file, -1 when it was not said.</param>
    bool IsBadPiece(long offset, ReadOnlySpan<byte> bytes, long total) => false;

    /// <summary>Was a bad content of this length (-1: any) fetched from this place before (<see cref="FilePlace"/>)?</summary>
    bool IsBadPlace(ulong place, long total) => false;

    /// <summary>A bad content of this length comes from this place.</summary>
    void RememberPlace(ulong place, long total)
    {
    }
}
