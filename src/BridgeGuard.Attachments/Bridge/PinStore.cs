using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>
/// The pinned links of fail-closed ports: files on a bpffs that keep a program attached when the daemon is gone. One folder for each network
/// namespace and punt device, one file for each link, named by port index and generation.
/// </summary>
internal sealed class PinStore(string root, string puntDevice, uint generation)
{
    private const long BpfFsMagic = 0xCAFE4A11;
    private const int StatFsLongs = 32;

    private readonly string _folder = Path.Combine(root, FolderName(puntDevice));

    /// <summary>Makes sure that there is a bpffs to pin to, mounting one at its usual place if need be.</summary>
    public AttachmentError? Prepare()
    {
        string mountPoint = Path.GetDirectoryName(Path.GetFullPath(root))!;
        if (!IsBpfFs(mountPoint) && !IsBpfFs(root))
        {
            if (!Directory.Exists(mountPoint) || Libc.Mount("bpf", mountPoint, "bpf", 0, 0) != 0)
            {
                return new AttachmentError(
                    AttachmentErrorKind.Unsupported, $"{mountPoint}: no bpffs is mounted there, which ports that fail closed need ({Libc.LastMessage()})");
            }
        }

        try
        {
            Directory.CreateDirectory(_folder);
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new AttachmentError(AttachmentErrorKind.Permission, $"{_folder}: {error.Message.ReplaceLineEndings(" ")}");
        }
    }

    public bool TryPin(int link, int ifIndex) => Bpf.Pin(link, PathOf(ifIndex)) == 0;

    public void Unpin(int ifIndex) => Delete(PathOf(ifIndex));

    /// <summary>Removes links of earlier daemons, once ours are in their place; how many.</summary>
    public int RemoveOthers() => RemoveFiles(_folder, file => !file.EndsWith(Suffix, StringComparison.Ordinal));

    /// <summary>Removes everything of ours.</summary>
    public void RemoveAll()
    {
        RemoveFiles(_folder, _ => true);
        DeleteFolder(_folder);
    }

    /// <summary>Removes the links that a dead daemon of this namespace left; how many.</summary>
    public static int RemoveLeftovers(string root, string puntDevice)
    {
        string folder = Path.Combine(root, FolderName(puntDevice));
        int removed = RemoveFiles(folder, _ => true);
        DeleteFolder(folder);
        return removed;
    }

    private string Suffix => $"-{generation:x8}";

    private string PathOf(int ifIndex) => Path.Combine(_folder, $"link-{ifIndex}{Suffix}");

    private static string FolderName(string puntDevice)
    {
        // Dots are not allowed in names on a bpffs.
        string space = new([.. (File.ResolveLinkTarget("/proc/thread-self/ns/net", false)?.Name ?? "").Where(char.IsAsciiDigit)]);
        return $"{space}-{puntDevice.Replace('.', '_')}";
    }

    private static bool IsBpfFs(string path)
    {
        Span<long> stat = stackalloc long[StatFsLongs];
        return Libc.StatFs(path, ref stat[0]) == 0 && stat[0] == BpfFsMagic;
    }

    private static int RemoveFiles(string folder, Func<string, bool> wanted) =>
        Directory.Exists(folder) ? Directory.GetFiles(folder).Where(wanted).Count(Delete) : 0;

    private static bool Delete(string path)
    {
        try
        {
            File.Delete(path);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static void DeleteFolder(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder);
            }
        }
        catch (IOException)
        {
            // Not empty: another daemon of the same name began in between.
        }
    }
}
