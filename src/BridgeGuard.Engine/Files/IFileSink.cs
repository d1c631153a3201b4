namespace BridgeGuard.Engine.Files;

/// <summary>Takes the bytes of files off the wire to be scanned. Implemented by BridgeGuard.Scanning; nothing here ever waits.</summary>
/// <remarks>Thread: any worker's, but one file belongs to the worker that opened it. Every opened file is closed exactly once.</remarks>
public interface IFileSink
{
    /// <summary>Announces a file. <see cref="FileHandle.None"/> when the sink has no room for another one.</summary>
    FileHandle Open(in FileOrigin origin);

    /// <summary>Copies the next bytes of the file.</summary>
    /// <returns>
    /// False when none of them was taken: the sink is behind, or a limit is reached. The same bytes may be offered again; a worker
    /// that goes on without them closes the file as <see cref="FileEnd.Truncated"/>.
    /// </returns>
    bool Append(FileHandle file, ReadOnlySpan<byte> bytes);

    /// <summary>Bytes that were appended are replaced by others, as their writer has gone back; what is judged from now on is what stands there then.</summary>
    /// <param name="file">A handle of <see cref="Open"/>.</param>
    /// <param name="offset">Of the first byte replaced.</param>
    /// <param name="bytes">All of them were appended before.</param>
    /// <returns>False when the sink cannot: the file cannot be judged any more.</returns>
    bool Overwrite(FileHandle file, long offset, ReadOnlySpan<byte> bytes) => false;

    /// <summary>The bytes so far may be all of the file: they are to be judged by themselves while the file stays open.</summary>
    /// <param name="file">A handle of <see cref="Open"/>.</param>
    /// <param name="sha256">Hash of the bytes so far, 32 bytes, or what stands for it once bytes were replaced; from now on its verdict is pending.</param>
    /// <param name="size">Bytes so far.</param>
    /// <returns>False when there is no room for it, or the sink cannot: there will be no verdict.</returns>
    bool Checkpoint(FileHandle file, ReadOnlySpan<byte> sha256, long size) => false;

    /// <summary>Ends the file. After this call <see cref="IFileVerdicts.Lookup"/> of its hash says pending until the verdict is there.</summary>
    /// <param name="file">A handle of <see cref="Open"/>; invalid afterwards.</param>
    /// <param name="end">Whether all bytes were appended.</param>
    /// <param name="sha256">The content's hash as the worker computed it, 32 bytes, or empty when it did not.</param>
    /// <param name="size">Bytes of content seen by the worker.</param>
    void Close(FileHandle file, FileEnd end, ReadOnlySpan<byte> sha256, long size);
}
