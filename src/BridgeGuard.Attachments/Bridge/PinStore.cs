using BridgeGuard.Attachments.Interop;

namespace BridgeGuard.Attachments.Bridge;

/// <summary>Which program of a port a pin keeps.</summary>
internal enum PinKind
{
    /// <summary>The port program.</summary>
    Link,

    /// <summary>The gate, for frames of ports that nobody has told of.</summary>
    Gate,
}

/// <summary>
/// Pinned links: files on a bpffs that keep a program attached when the data plane is gone. One folder for each network namespace and family of
/// punt devices, one file for each link, named by port index and generation.
/// </summary>
internal sealed class PinStore(string root, string puntDevice, uint generation)
{
    private const long BpfFsMagic = 0xCAFE4A11;
    private const int StatFsLongs = 32;

    private readonly string _folder = Path.Combine(root, FolderName(puntDevice));

    /// <summary>Makes sure that there is a bpffs to pin to, mounting one at its usual place if need be.</summary>
    public AttachmentError? Prepare()
    {
        if (Mount(root) is { } error)
        {
            return error;
        }

        try
        {
            Directory.CreateDirectory(_folder);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new AttachmentError(AttachmentErrorKind.Permission, $"{_folder}: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>Mounts a bpffs above a folder where there is none.</summary>
    public static AttachmentError? Mount(string root)
    {
        string mountPoint = Path.GetDirectoryName(Path.GetFullPath(root))!;
        return IsBpfFs(mountPoint) || IsBpfFs(root) || (Directory.Exists(mountPoint) && Libc.Mount("bpf", mountPoint, "bpf", 0, 0) == 0)
            ? null
            : new AttachmentError(
                AttachmentErrorKind.Unsupported, $"{mountPoint}: no bpffs is mounted there, which ports that fail closed need ({Libc.LastMessage()})");
    }

    public bool TryPin(int link, int ifIndex, PinKind kind = PinKind.Link) => File.Exists(PathOf(ifIndex, kind)) || Bpf.Pin(link, PathOf(ifIndex, kind)) == 0;

    public void Unpin(int ifIndex, PinKind kind = PinKind.Link) => Delete(PathOf(ifIndex, kind));

    /// <summary>The link that another generation has pinned for a port; null when there is none.</summary>
    public FileDescriptor? TryOpenOther(int ifIndex, PinKind kind = PinKind.Link)
    {
        foreach (string file in Others(ifIndex, kind))
        {
            int fd = Bpf.OpenPinned(file);
            if (fd >= 0)
            {
                return new FileDescriptor(fd);
            }
        }

        return null;
    }

    /// <summary>Removes what other generations have pinned for a port.</summary>
    public void RemoveOthers(int ifIndex, PinKind kind = PinKind.Link) => Array.ForEach(Others(ifIndex, kind), file => Delete(file));

    /// <summary>Removes links of earlier daemons, once ours are in their place; how many.</summary>
    public int RemoveOthers() => RemoveFiles(_folder, file => !file.EndsWith(Suffix, StringComparison.Ordinal));

    /// <summary>Removes everything of ours but the links of these ports.</summary>
    public void RemoveOwn(IReadOnlyCollection<(int IfIndex, PinKind Kind)> kept)
    {
        HashSet<string> stay = [.. kept.Select(pin => PathOf(pin.IfIndex, pin.Kind))];
        RemoveFiles(_folder, file => file.EndsWith(Suffix, StringComparison.Ordinal) && !stay.Contains(file));
        DeleteFolder(_folder);
    }

    /// <summary>Links that are pinned in this namespace, by whom ever.</summary>
    public static int CountLeftovers(string root, string puntDevice)
    {
        string folder = Path.Combine(root, FolderName(puntDevice));
        return Directory.Exists(folder) ? Directory.GetFiles(folder).Length : 0;
    }

    /// <summary>Removes the links that a dead daemon of this namespace left; how many.</summary>
    public static int RemoveLeftovers(string root, string puntDevice)
    {
        string folder = Path.Combine(root, FolderName(puntDevice));
        int removed = RemoveFiles(folder, _ => true);
        DeleteFolder(folder);
        return removed;
    }

    private string[] Others(int ifIndex, PinKind kind) => Directory.Exists(_folder)
        ? [.. Directory.GetFiles(_folder, $"{NameOf(kind)}-{ifIndex}-*").Where(file => !file.EndsWith(Suffix, StringComparison.Ordinal))]
        : [];

    private string Suffix => $"-{generation:x8}";

    private string PathOf(int ifIndex, PinKind kind) => Path.Combine(_folder, $"{NameOf(kind)}-{ifIndex}{Suffix}");

    private static string NameOf(PinKind kind) => kind == PinKind.Gate ? "gate" : "link";

    /// <summary>The number of a process's network namespace; 0: the calling thread's.</summary>
    public static string NamespaceOf(int processId)
    {
        try
        {
            string path = processId == 0 ? "/proc/thread-self/ns/net" : $"/proc/{processId}/ns/net";
            return new([.. (File.ResolveLinkTarget(path, false)?.Name ?? "").Where(char.IsAsciiDigit)]);
        }
        catch (IOException)
        {
            return "";
        }
    }

    /// <summary>Removes every link that is pinned for a namespace; how many.</summary>
    public static int RemoveAll(string root, string space)
    {
        int removed = 0;
        foreach (string folder in space.Length == 0 || !Directory.Exists(root) ? [] : Directory.GetDirectories(root, space + "-*"))
        {
            removed += RemoveFiles(folder, _ => true);
            DeleteFolder(folder);
        }

        return removed;
    }

    // Dots are not allowed in names on a bpffs.
    private static string FolderName(string puntDevice) => $"{NamespaceOf(0)}-{puntDevice.Replace('.', '_')}";

    /// <summary>Whether a bpffs is mounted at a path.</summary>
    public static bool IsMounted(string path) => IsBpfFs(path);

    /// <summary>Pinned links, of any namespace, whose device has gone.</summary>
    public static int CountDead(string root) => Dead(root).Count();

    /// <summary>Removes them; how many.</summary>
    public static int RemoveDead(string root)
    {
        int removed = Dead(root).ToArray().Count(Delete);
        foreach (string folder in Directory.Exists(root) ? Directory.GetDirectories(root) : [])
        {
            DeleteFolder(folder); // Those that are empty now.
        }

        return removed;
    }

    private static IEnumerable<string> Dead(string root) => !Directory.Exists(root)
        ? []
        : Directory.GetDirectories(root).SelectMany(Directory.GetFiles).Where(file =>
        {
            using FileDescriptor link = new(Bpf.OpenPinned(file));
            return !link.IsInvalid && Bpf.DeviceOfLink(link.Value) == 0;
        });

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
