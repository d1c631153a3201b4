using System.Globalization;
using System.Text;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Cli.Commands;

/// <summary>Manifest of an image: known-good files, <c>HASH  NAME</c> as <c>sha256sum</c> writes it; the length is taken from the file, or stands before the name.</summary>
internal static class CacheManifest
{
    /// <summary>The lines that <c>cache import</c> reads, pinned as clean. A line that fits neither form goes through and is reported there by its number.</summary>
    public static async Task<string> ReadAsync(string path, CancellationToken stop)
    {
        var lines = new StringBuilder();
        string folder = Path.GetDirectoryName(path) ?? ".";
        await foreach (string line in File.ReadLinesAsync(path, stop))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (line.StartsWith('{') || words.Length < 2 || !Sha256.TryParse(words[0], out Sha256 hash))
            {
                lines.AppendLine(line);
                continue;
            }

            string name = line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..].TrimStart(' ', '*');
            long size = words.Length > 2 && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out long given) ? given
                : File.Exists(Path.Combine(folder, name)) ? new FileInfo(Path.Combine(folder, name)).Length : -1;
            lines.AppendLine(CultureInfo.InvariantCulture,
                $"{{\"sha256\":\"{hash}\",\"size\":{size},\"verdict\":\"clean\",\"engine\":\"manifest\",\"time_us\":0,\"pinned\":true}}");
        }

        return lines.ToString();
    }
}
