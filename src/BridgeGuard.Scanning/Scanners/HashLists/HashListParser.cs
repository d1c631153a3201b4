using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Scanning.Scanners.HashLists;

/// <summary>Reads a list of SHA-256 values: one per line, then optionally a name; <c>#</c> begins a comment; blank lines are skipped.</summary>
/// <remarks>The form of <c>sha256sum</c> (hash, two blanks or blank and star, name) is read as it is.</remarks>
internal static class HashListParser
{
    /// <summary>Longest line; a hash, a long path and a comment fit.</summary>
    private const int MaxLineLength = 4096;

    /// <summary>Errors kept; a binary file given by mistake would make millions.</summary>
    private const int MaxErrors = 100;

    /// <summary>Calls <paramref name="add"/> for each hash with its name (null when there is none) and collects what cannot be read.</summary>
    public static void Parse(string file, TextReader reader, Action<Sha256, string?> add, List<HashListError> errors)
    {
        int number = 0;
        int before = errors.Count;
        while (reader.ReadLine() is { } line)
        {
            number++;
            if (ParseLine(line, add) is { } error)
            {
                errors.Add(new HashListError(file, number, error.Column, error.Message));
                if (errors.Count - before >= MaxErrors)
                {
                    errors.Add(new HashListError(file, number, 1, $"More than {MaxErrors} errors; the rest of the file was not read."));
                    return;
                }
            }
        }
    }

    private static (int Column, string Message)? ParseLine(string line, Action<Sha256, string?> add)
    {
        if (line.Length > MaxLineLength)
        {
            return (MaxLineLength, $"The line is longer than {MaxLineLength} characters.");
        }

        int start = 0;
        while (start < line.Length && char.IsWhiteSpace(line[start]))
        {
            start++;
        }

        if (start == line.Length || line[start] == '#')
        {
            return null;
        }

        int end = start;
        while (end < line.Length && char.IsAsciiHexDigit(line[end]))
        {
            end++;
        }

        if (end < line.Length && !char.IsWhiteSpace(line[end]) && line[end] is not ('#' or ','))
        {
            return (end + 1, $"'{line[end]}' is not a hexadecimal digit.");
        }

        if (end - start != Sha256.HexLength)
        {
            return (start + 1, $"A SHA-256 has 64 hexadecimal digits, this has {end - start}.");
        }

        Sha256.TryParse(line.AsSpan(start, Sha256.HexLength), out Sha256 hash);
        string name = line[end..].TrimStart(' ', '\t', '*', ',');
        int comment = name.IndexOf('#');
        name = (comment < 0 ? name : name[..comment]).Trim();
        add(hash, name.Length == 0 ? null : name);
        return null;
    }
}
