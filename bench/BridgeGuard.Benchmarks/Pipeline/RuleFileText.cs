using System.IO.Compression;
using System.Text;

namespace BridgeGuard.Benchmarks.Pipeline;

/// <summary>The text of a rule file, also of a packed one.</summary>
internal static class RuleFileText
{
    /// <param name="path">A rule file; <c>.gz</c> is unpacked.</param>
    /// <param name="withComments">Rules that are commented out are taken too.</param>
    public static string Read(string path, bool withComments = false)
    {
        using Stream file = File.OpenRead(path);
        using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var reader = new StreamReader(stream, Encoding.Latin1);
        if (!withComments)
        {
            return reader.ReadToEnd();
        }

        var text = new StringBuilder();
        while (reader.ReadLine() is { } line)
        {
            string rule = line.TrimStart('#', ' ');
            bool isRule = rule.Contains("sid:", StringComparison.Ordinal) && rule.EndsWith(')');
            text.Append(isRule ? rule : line).Append('\n');
        }

        return text.ToString();
    }
}
