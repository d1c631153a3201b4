using System.Globalization;

namespace BridgeGuard.Daemon.Keeping;

/// <summary>The layout of a folder with stored files, Suricata's version 2: <c>tmp/</c> for those that are not whole, <c>00/</c> to <c>ff/</c> for those that are.</summary>
internal static class StoreFolder
{
    /// <summary>Makes the folders that are not there; gives the one for files that are not whole.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    public static string Prepare(string folder)
    {
        for (int i = 0; i < 256; i++)
        {
            Directory.CreateDirectory(Path.Combine(folder, i.ToString("x2", CultureInfo.InvariantCulture)));
        }

        return Directory.CreateDirectory(TemporaryIn(folder)).FullName;
    }

    public static string TemporaryIn(string folder) => Path.Combine(folder, "tmp");

    /// <summary>A whole file gets its name. Content that is there already is kept once; its time is renewed.</summary>
    /// <exception cref="IOException">It cannot be moved.</exception>
    public static void Keep(string folder, string temporary, ReadOnlySpan<byte> sha256)
    {
        string digest = Convert.ToHexStringLower(sha256);
        string target = Path.Combine(folder, digest[..2], digest);
        if (File.Exists(target))
        {
            File.SetLastWriteTimeUtc(target, DateTime.UtcNow);
            File.Delete(temporary);
            return;
        }

        File.Move(temporary, target);
    }

    /// <summary>Where the record of a stored file goes (<c>write-fileinfo</c>).</summary>
    public static string RecordOf(string folder, string digest, long seconds, uint fileId) =>
        Path.Combine(folder, digest[..2], string.Create(CultureInfo.InvariantCulture, $"{digest}.{seconds}.{fileId}.json"));
}
