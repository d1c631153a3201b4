using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace BridgeGuard.Daemon.Plane;

/// <summary>The folder in memory where the daemon and its data planes meet: a lock, control sockets, rings.</summary>
/// <remarks>
/// <c>daemon.lock</c> is held by the daemon, <c>daemon.pid</c> says who that is; <c>plane-GENERATION.sock</c> and <c>ring-GENERATION-WORKER</c> belong to
/// one data plane each, <c>files-…</c> and <c>verdicts</c> to scanning. One folder for each state directory, so that two daemons of one host do not meet.
/// </remarks>
public sealed class RunFolder
{
    /// <summary>Where the daemon of the system is.</summary>
    public const string SystemFolder = "/run/bridgeguard";

    /// <summary>The state directory of the daemon of the system.</summary>
    public const string SystemState = "/var/lib/bridgeguard";

    /// <summary>Rings of events.</summary>
    public const string EventKind = "ring";

    /// <summary>Rings of files and certificates that are to be kept.</summary>
    public const string KeptKind = "kept";

    /// <summary>Rings of frames that are to be kept.</summary>
    public const string FrameKind = "frames";

    private const string SocketPrefix = "plane-";
    private const string SocketSuffix = ".sock";

    public RunFolder(string path) => Path = path;

    public string Path { get; }

    /// <summary>The lock that a daemon holds.</summary>
    public string LockFile => Join("daemon.lock");

    public string PidFile => Join("daemon.pid");

    /// <summary>The folder of a daemon whose configuration names none.</summary>
    public static string DefaultFor(string stateDirectory) => stateDirectory == SystemState
        ? SystemFolder
        : System.IO.Path.Combine(SystemFolder, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(stateDirectory)))[..12]);

    public string Join(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Makes it, for its owner only.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public void Create()
    {
        if (!OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    public string SocketOf(long generation) => Join($"{SocketPrefix}{generation.ToString(CultureInfo.InvariantCulture)}{SocketSuffix}");

    /// <summary>Where a data plane waits for somebody who judges files.</summary>
    public string FileSocketOf(long generation) => Join(string.Create(CultureInfo.InvariantCulture, $"files-{generation}{SocketSuffix}"));

    public string RingOf(string kind, long generation, int worker) =>
        Join(string.Create(CultureInfo.InvariantCulture, $"{kind}-{generation}-{worker}"));

    /// <summary>Sockets of data planes, the latest first; whether anybody listens is another question.</summary>
    public IReadOnlyList<string> Sockets() => !Directory.Exists(Path)
        ? []
        : [.. Directory.GetFiles(Path, SocketPrefix + "*" + SocketSuffix).OrderByDescending(GenerationOf)];

    /// <summary>Files of one kind (<c>ring</c>, <c>files</c>) of all data planes, the oldest first.</summary>
    public IReadOnlyList<string> Files(string kind) => !Directory.Exists(Path)
        ? []
        : [.. Directory.GetFiles(Path, kind + "-*").Where(file => !file.EndsWith(".new", StringComparison.Ordinal)).OrderBy(GenerationOf)];

    /// <summary>The number in the name of a socket or a ring; 0 when it has none.</summary>
    public static long GenerationOf(string file)
    {
        string[] parts = System.IO.Path.GetFileName(file).Split('-', '.');
        return parts.Length > 1 && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out long generation) ? generation : 0;
    }

    /// <summary>Takes the daemon's lock; null when another one has it.</summary>
    public FileStream? TryLock()
    {
        try
        {
            return new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(LockFile))
        {
            return null;
        }
    }
}
