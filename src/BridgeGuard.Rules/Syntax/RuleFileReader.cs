namespace BridgeGuard.Rules.Syntax;

/// <summary>Cuts the text of a rule file into rules: comments and empty lines out, lines that end in a backslash joined.</summary>
internal static class RuleFileReader
{
    /// <summary>Each rule with the 1-based line on which it begins.</summary>
    public static IEnumerable<(string Text, int Line)> Read(string content)
    {
        foreach ((string text, int line, _) in Cut(content, withComments: false))
        {
            yield return (text, line);
        }
    }

    /// <summary>Also what looks like a rule that was commented out.</summary>
    public static IEnumerable<(string Text, int Line, bool IsComment)> ReadAll(string content) => Cut(content, withComments: true);

    private static IEnumerable<(string Text, int Line, bool IsComment)> Cut(string content, bool withComments)
    {
        int lineNumber = 0;
        int firstLine = 0;
        System.Text.StringBuilder? joined = null;
        int start = 0;
        while (start < content.Length)
        {
            int newline = content.IndexOf('\n', start);
            int end = newline < 0 ? content.Length : newline;
            ReadOnlySpan<char> line = content.AsSpan(start, end - start);
            start = end + 1;
            lineNumber++;
            line = line.TrimEnd('\r');
            if (joined is null)
            {
                ReadOnlySpan<char> trimmed = line.TrimStart();
                if (trimmed.IsEmpty || trimmed[0] is '#' || trimmed.IsWhiteSpace())
                {
                    if (withComments)
                    {
                        string hidden = trimmed.TrimStart("# \t").ToString();
                        if (hidden.Contains("sid:", StringComparison.Ordinal) && hidden.EndsWith(')'))
                        {
                            yield return (hidden, lineNumber, true);
                        }
                    }

                    continue;
                }

                firstLine = lineNumber;
            }

            ReadOnlySpan<char> withoutBlanks = line.TrimEnd();
            if (!withoutBlanks.IsEmpty && withoutBlanks[^1] == '\\')
            {
                (joined ??= new System.Text.StringBuilder()).Append(withoutBlanks[..^1]);
                continue;
            }

            string text = joined is null ? line.ToString() : joined.Append(line).ToString();
            joined = null;
            yield return (text, firstLine, false);
        }

        if (joined is not null)
        {
            yield return (joined.ToString(), firstLine, false);
        }
    }
}
