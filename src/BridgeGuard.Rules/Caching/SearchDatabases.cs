using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Prefilter.Interop;

namespace BridgeGuard.Rules.Caching;

/// <summary>Compiled searches of the Vectorscan library for a rule set, kept beside the compiled sets.</summary>
public static class SearchDatabases
{
    private const string Extension = ".bgsearch";

    /// <summary>Databases kept, the newest: a set of Emerging Threats has some forty.</summary>
    private const int MaxFiles = 256;

    /// <summary>Whether the library is there.</summary>
    public static bool IsAvailable => HyperscanLibrary.IsAvailable;

    /// <summary>Exchanges the set's searches as their databases are ready; returns when all are.</summary>
    /// <param name="rules">In use or not.</param>
    /// <param name="folder">Where databases are kept; null: nowhere.</param>
    /// <param name="stop">Ends it between two searches.</param>
    /// <param name="problems">What the library refused.</param>
    /// <returns>How many searches were exchanged.</returns>
    public static int Build(RuleSet rules, string? folder, CancellationToken stop, out IReadOnlyList<string> problems)
    {
        var upgrade = new SearchUpgrade(rules)
        {
            Load = name => folder is null ? null : Read(Path.Combine(folder, name + Extension)),
            Store = (name, bytes) =>
            {
                if (folder is not null)
                {
                    Write(folder, name + Extension, bytes);
                }
            },
        };
        upgrade.Run(stop);
        problems = upgrade.Refused;
        return upgrade.Exchanged;
    }

    private static byte[]? Read(string path)
    {
        try
        {
            // The library itself would crash on a crafted database.
            return File.Exists(path) && FileTrust.Problem(Path.GetDirectoryName(path)!).Length == 0 && FileTrust.Problem(path).Length == 0
                ? File.ReadAllBytes(path)
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>A database that cannot be kept is compiled again the next time.</summary>
    private static void Write(string folder, string name, byte[] bytes)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        string temporary = Path.Combine(folder, $"{name}.{Environment.ProcessId}.new");
        try
        {
            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            }

            using (FileStream file = new(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                file.Write(bytes);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, Path.Combine(folder, name), overwrite: true);
            foreach (FileInfo old in new DirectoryInfo(folder).GetFiles("*" + Extension).OrderByDescending(file => file.LastWriteTimeUtc).Skip(MaxFiles))
            {
                old.Delete();
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
        }
    }
}
