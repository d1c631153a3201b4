using System.Text;

namespace BridgeGuard.Host.Tests.Running;

/// <summary>Writes a cpio archive of the "new ASCII" kind, which a Linux kernel takes as its first root file system.</summary>
internal sealed class InitialRamdisk
{
    private const int Directory = 0x41ED;  // drwxr-xr-x
    private const int Program = 0x81ED;    // -rwxr-xr-x
    private const int Character = 0x2180;  // crw-------

    private readonly MemoryStream _stream = new();
    private readonly HashSet<string> _folders = [];
    private int _inode = 1;

    public InitialRamdisk AddDirectory(string path) => Add(path, Directory, [], 0, 0);

    /// <summary>A folder and those above it, once each.</summary>
    public InitialRamdisk AddFolders(string path)
    {
        if (path.Length > 0 && _folders.Add(path))
        {
            AddFolders(Path.GetDirectoryName(path)!);
            AddDirectory(path);
        }

        return this;
    }

    public InitialRamdisk AddProgram(string path, byte[] bytes) => Add(path, Program, bytes, 0, 0);

    public InitialRamdisk AddDevice(string path, int major, int minor) => Add(path, Character, [], major, minor);

    public void Save(string file)
    {
        Add("TRAILER!!!", 0, [], 0, 0);
        File.WriteAllBytes(file, _stream.ToArray());
    }

    private InitialRamdisk Add(string path, int mode, byte[] bytes, int major, int minor)
    {
        int[] fields = [_inode++, mode, 0, 0, 1, 0, bytes.Length, 0, 0, major, minor, path.Length + 1, 0];
        Write(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("X8", null))) + path + "\0"));
        Write(bytes);
        return this;
    }

    private void Write(byte[] bytes)
    {
        _stream.Write(bytes);
        while (_stream.Length % 4 != 0)
        {
            _stream.WriteByte(0);
        }
    }
}
