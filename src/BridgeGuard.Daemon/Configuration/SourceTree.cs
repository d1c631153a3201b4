namespace BridgeGuard.Daemon.Configuration;

/// <summary>Where the files that a configuration is made of are read: where they are, or from a copy of all that were good the last time.</summary>
/// <remarks>Of the whole process. A data plane that must start while the files on disk are bad is started with a copy (<c>Plane/LastGood</c>).</remarks>
public static class SourceTree
{
    private static string? s_copy;

    /// <summary>A folder with the files under their full paths; null: they are read where they are.</summary>
    public static string? Copy
    {
        get => Volatile.Read(ref s_copy);
        set => Volatile.Write(ref s_copy, value);
    }

    /// <summary>The place of a file, a folder or a pattern: in the copy if there is something of it, else as it was given.</summary>
    /// <param name="path">A full path.</param>
    public static string Of(string path)
    {
        if (Copy is not { } copy || path.StartsWith(copy + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            return path;
        }

        string kept = In(copy, path);
        bool isThere = path.AsSpan().ContainsAny('*', '?') ? Directory.Exists(Path.GetDirectoryName(kept)) : Path.Exists(kept);
        return isThere ? kept : path;
    }

    /// <summary>A full path below a folder.</summary>
    internal static string In(string copy, string path) => copy + Path.GetFullPath(path);
}
