using System.Globalization;
using BridgeGuard.Daemon.Configuration.Suricata;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>The daemon's end of <c>file-store</c>: pieces of files from the data planes become files named after their digests.</summary>
/// <remarks>
/// A file that is not whole is <c>tmp/file.GENERATION.NUMBER</c>, so that a daemon that starts again finds what the one before it has written; a piece says
/// where it belongs, so that one that comes twice does no harm. A file that could not be written (a full disk) is thrown away and counted; the next one is
/// tried again. Thread: one at a time.
/// </remarks>
internal sealed class KeptFiles : IDisposable
{
    private readonly FileStoreSettings _settings;
    private readonly Dictionary<ulong, FileStream> _open = [];
    private readonly HashSet<ulong> _bad = [];
    private bool _isPrepared;

    public KeptFiles(FileStoreSettings settings) => _settings = settings;

    /// <summary>Files with their name in the store.</summary>
    public long Stored { get; private set; }

    /// <summary>Files lost to the disk (<c>stats.file_store.fs_errors</c>).</summary>
    public long Errors { get; private set; }

    public string? Problem { get; private set; }

    public void Append(ulong number, long place, ReadOnlySpan<byte> bytes)
    {
        if (_bad.Contains(number))
        {
            return;
        }

        try
        {
            FileStream file = Get(number);
            if (place < 0 || place > file.Length)
            {
                Lose(number, "a piece is missing");
                return;
            }

            file.Position = place;
            file.Write(bytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Lose(number, error.Message);
        }
    }

    public void End(ulong number, long size, bool isKept, ReadOnlySpan<byte> sha256)
    {
        string name = Name(number);
        bool isBad = _bad.Remove(number);
        try
        {
            if (!isBad && isKept && !_open.ContainsKey(number))
            {
                Get(number); // An empty file, or one that an earlier daemon has begun.
            }

            if (_open.Remove(number, out FileStream? file))
            {
                bool isWhole = file.Length == size;
                file.Dispose();
                if (isKept && isWhole)
                {
                    StoreFolder.Keep(_settings.Folder, name, sha256);
                    Stored++;
                    return;
                }

                Errors += isKept ? 1 : 0;
            }

            File.Delete(name);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Errors++;
            Problem = error.Message.ReplaceLineEndings(" ");
        }
    }

    /// <summary>A data plane has ended and all of it is read: what it has begun will never be whole.</summary>
    public void Forget(Func<uint, bool> isDead)
    {
        foreach (ulong number in _open.Keys.Where(number => isDead(KeptFile.GenerationOf(number))).ToArray())
        {
            _open.Remove(number, out FileStream? file);
            file!.Dispose();
        }

        _bad.RemoveWhere(number => isDead(KeptFile.GenerationOf(number)));
        string temporary = StoreFolder.TemporaryIn(_settings.Folder);
        if (!Directory.Exists(temporary))
        {
            return;
        }

        foreach (string name in Directory.EnumerateFiles(temporary, "file.*"))
        {
            string[] parts = Path.GetFileName(name).Split('.');
            if (parts.Length == 3 && uint.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out uint generation) && isDead(generation))
            {
                File.Delete(name);
            }
        }
    }

    public void Dispose()
    {
        foreach (FileStream file in _open.Values)
        {
            file.Dispose();
        }

        _open.Clear();
    }

    private FileStream Get(ulong number)
    {
        if (!_open.TryGetValue(number, out FileStream? file))
        {
            if (!_isPrepared)
            {
                StoreFolder.Prepare(_settings.Folder);
                _isPrepared = true;
            }

            // Not buffered: what is written survives a kill of this process.
            file = new FileStream(Name(number), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0);
            _open[number] = file;
        }

        return file;
    }

    private void Lose(ulong number, string why)
    {
        Errors++;
        Problem = $"{Name(number)}: {why.ReplaceLineEndings(" ")}";
        _bad.Add(number);
        _open.Remove(number, out FileStream? file);
        try
        {
            file?.Dispose();
            File.Delete(Name(number)); // Its bytes may be those that others lack.
        }
        catch (IOException)
        {
            // It goes with the generation.
        }
    }

    private string Name(ulong number) => Path.Combine(
        StoreFolder.TemporaryIn(_settings.Folder), string.Create(CultureInfo.InvariantCulture, $"file.{KeptFile.GenerationOf(number)}.{number & 0xffff_ffff}"));
}
