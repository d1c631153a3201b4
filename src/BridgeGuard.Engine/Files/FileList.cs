namespace BridgeGuard.Engine.Files;

/// <summary>The files of one direction of a transaction, in order. Owned by the transaction; keeps its array.</summary>
public sealed class FileList
{
    private readonly List<TrackedFile> _files = [];

    public int Count => _files.Count;

    public TrackedFile this[int index] => _files[index];

    internal void Add(TrackedFile file) => _files.Add(file);

    internal void Reset() => _files.Clear();
}
