namespace BridgeGuard.Rules.Loading;

/// <summary>The rule files that names, folders and patterns stand for, at the time they are asked for.</summary>
public static class RuleFiles
{
    /// <summary>Whether a name has <c>*</c> or <c>?</c>.</summary>
    public static bool IsPattern(string name) => name.AsSpan().IndexOfAny('*', '?') >= 0;

    /// <summary>
    /// The files of a name, a folder (its <c>*.rules</c>) or a pattern, sorted; none with a word on what is wrong when a pattern or folder holds nothing. A name
    /// of nothing that exists is given back.
    /// </summary>
    public static IReadOnlyList<string> Expand(string pattern, out string problem)
    {
        problem = "";
        if (Directory.Exists(pattern))
        {
            pattern = Path.Combine(pattern, "*.rules");
        }
        else if (!IsPattern(pattern))
        {
            return [pattern];
        }

        string folder = Path.GetDirectoryName(pattern) is { Length: > 0 } named ? named : ".";
        try
        {
            if (!Directory.Exists(folder))
            {
                problem = "the folder does not exist";
                return [];
            }

            string[] files = Directory.GetFiles(folder, Path.GetFileName(pattern));
            Array.Sort(files, StringComparer.Ordinal);
            problem = files.Length == 0 ? "no file matches" : "";
            return files;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            problem = error.Message;
            return [];
        }
    }

    /// <summary>Bytes of all files there are.</summary>
    public static long SizeOf(IReadOnlyList<string> patterns)
    {
        long sum = 0;
        foreach (string pattern in patterns)
        {
            foreach (string file in Expand(pattern, out _))
            {
                FileInfo info = new(file);
                sum += info.Exists ? info.Length : 0;
            }
        }

        return sum;
    }
}
