using Microsoft.Win32.SafeHandles;

namespace BridgeGuard.Outputs.EveFile;

/// <summary>A regular file that only grows at its end.</summary>
/// <remarks>
/// Written at positions, not in append mode: a write that failed half-way (disk full) is repeated at the same place, so that no line is
/// ever torn or doubled. A file that somebody made shorter (logrotate's copytruncate) is noticed and gone on with at its end.
/// </remarks>
internal sealed class FileTarget(string path, bool append) : LineTarget
{
    private SafeFileHandle? _handle;
    private long _position;
    private bool _mayEmpty = !append;

    public override void Open()
    {
        Dispose();
        SafeFileHandle handle = File.OpenHandle(
            path, _mayEmpty ? FileMode.Create : FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        if (!OperatingSystem.IsWindows() && RandomAccess.GetLength(handle) == 0)
        {
            File.SetUnixFileMode(handle, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead); // Payloads are in it.
        }

        _mayEmpty = false; // Only the first time: a rotation must not lose what was written meanwhile.
        _position = RandomAccess.GetLength(handle);
        byte[] last = new byte[1];
        if (_position > 0 && RandomAccess.Read(handle, last, _position - 1) == 1 && last[0] != (byte)'\n')
        {
            RandomAccess.Write(handle, "\n"u8, _position); // A kill tore the last line; the next one must not be glued to it.
            _position++;
        }

        _handle = handle;
    }

    public override int Write(ReadOnlySpan<byte> lines)
    {
        long length = RandomAccess.GetLength(_handle!);
        if (length < _position)
        {
            _position = length;
        }

        RandomAccess.Write(_handle!, lines, _position);
        _position += lines.Length;
        return lines.Length;
    }

    public override void Dispose()
    {
        _handle?.Dispose();
        _handle = null;
    }
}
