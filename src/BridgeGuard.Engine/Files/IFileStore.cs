namespace BridgeGuard.Engine.Files;

/// <summary>Keeps whole files for the operator (<c>file-store</c>). Implemented outside: the engine writes no files.</summary>
/// <remarks>
/// Bytes are handed over from a file's first one on, because a rule may ask for the file only at its end. Every opened file is closed exactly once.
/// Thread: the worker's.
/// </remarks>
public interface IFileStore
{
    /// <summary>A file begins; <see cref="FileHandle.None"/> when the store has no room for another open one.</summary>
    FileHandle Open();

    /// <summary>The next bytes. False when they could not be kept: the file is then of no use and closed without being kept.</summary>
    bool Append(FileHandle file, ReadOnlySpan<byte> bytes);

    /// <summary>The file is over.</summary>
    /// <param name="file">A handle of <see cref="Open"/>; invalid afterwards.</param>
    /// <param name="keep">Somebody asked for it; otherwise it is thrown away.</param>
    /// <param name="sha256">Digest of what was appended, 32 bytes; its name in the store.</param>
    /// <returns>The file's number in the store from 1 (EVE <c>file_id</c>); 0 when it was not kept.</returns>
    uint Close(FileHandle file, bool keep, ReadOnlySpan<byte> sha256);
}
