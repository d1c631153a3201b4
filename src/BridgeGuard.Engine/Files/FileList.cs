namespace BridgeGuard.Engine.Files;

/// <summary>The files of one direction of a transaction, in order. Owned by the transaction; keeps its array.</summary>
public sealed class FileList
{
    // Room from the start: a message of a pool that has never had a file gets none later.
    private readonly List<TrackedFile> _files = new(4);

    public int Count => _files.Count;

    public TrackedFile this[int index] => _files[index];

    /// <summary>The file that is being received, or null.</summary>
    public TrackedFile? Open => _files.Count > 0 && _files[^1].State == FileState.Opened ? _files[^1] : null;

    /// <summary>Its files are being given back: nothing may be added.</summary>
    internal bool IsResetting { get; private set; }

    internal void Add(TrackedFile file) => _files.Add(file);

    /// <summary>Gives the files back to the tracker they came from; one that is still open ends truncated.</summary>
    internal void Reset()
    {
        IsResetting = true;
        for (int i = 0; i < _files.Count; i++)
        {
            _files[i].Owner.Release(_files[i]);
        }

        _files.Clear();
        IsResetting = false;
    }
}
