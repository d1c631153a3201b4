using System.Globalization;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Files;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>Files of a capture kept on disk, in Suricata's layout (version 2): named by their SHA-256, in 256 folders by its first two digits.</summary>
/// <remarks>
/// Bytes are spooled to <c>tmp/file.PROCESS.NUMBER</c> and moved when the file is over, so that a name in the store is always whole. Content that is there
/// already is kept once; its time is renewed. Errors are counted and cost the file, nothing else. Thread: the worker's.
/// </remarks>
public sealed class FileStore : IFileStore, IDisposable
{
    private readonly FileStoreSettings _settings;
    private readonly string _temporary;
    private readonly Dictionary<ulong, FileStream> _open = [];
    private ulong _opened;
    private uint _stored;

    public FileStore(FileStoreSettings settings)
    {
        _settings = settings;
        _temporary = StoreFolder.Prepare(settings.Folder);
    }

    /// <summary>What could not be written (EVE <c>stats.file_store.fs_errors</c>).</summary>
    public long Errors { get; private set; }

    /// <summary>Files not begun because too many were open (<c>stats.file_store.open_files_max_hit</c>).</summary>
    public long Refused { get; private set; }

    public FileHandle Open()
    {
        if (_settings.MaxOpenFiles > 0 && _open.Count >= _settings.MaxOpenFiles)
        {
            Refused++;
            return FileHandle.None;
        }

        ulong number = ++_opened;
        try
        {
            _open[number] = new FileStream(Name(number), FileMode.Create, FileAccess.Write, FileShare.Read, 64 << 10);
            return new FileHandle(number);
        }
        catch (IOException)
        {
            Errors++;
            return FileHandle.None;
        }
    }

    public bool Append(FileHandle file, ReadOnlySpan<byte> bytes)
    {
        try
        {
            _open[file.Value].Write(bytes);
            return true;
        }
        catch (IOException)
        {
            Errors++;
            return false;
        }
    }

    public uint Close(FileHandle file, bool keep, ReadOnlySpan<byte> sha256)
    {
        if (!_open.Remove(file.Value, out FileStream? stream))
        {
            return 0;
        }

        string name = Name(file.Value);
        try
        {
            stream.Dispose();
            if (!keep || sha256.IsEmpty)
            {
                File.Delete(name);
                return 0;
            }

            StoreFolder.Keep(_settings.Folder, name, sha256);
            return ++_stored;
        }
        catch (IOException)
        {
            Errors++;
            return 0;
        }
    }

    public void Dispose()
    {
        foreach (ulong number in _open.Keys.ToArray())
        {
            Close(new FileHandle(number), keep: false, default);
        }
    }

    private string Name(ulong number) =>
        Path.Combine(_temporary, string.Create(CultureInfo.InvariantCulture, $"file.{Environment.ProcessId}.{number}"));
}
