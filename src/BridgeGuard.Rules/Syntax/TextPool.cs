namespace BridgeGuard.Rules.Syntax;

/// <summary>One string for each text: rule files repeat the same few thousand words hundreds of thousands of times.</summary>
/// <remarks>One per load; not thread-safe. Bounded: a word that finds no room is a string of its own.</remarks>
internal sealed class TextPool
{
    /// <summary>Words kept; Emerging Threats has some 30,000 distinct keywords, header parts and metadata values.</summary>
    private const int MaxWords = 1 << 17;

    /// <summary>Longer texts are rarely written twice.</summary>
    private const int MaxLength = 64;

    private readonly HashSet<string> _words = new(StringComparer.Ordinal);
    private readonly HashSet<string>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public TextPool() => _lookup = _words.GetAlternateLookup<ReadOnlySpan<char>>();

    public string Get(ReadOnlySpan<char> text)
    {
        if (text.Length > MaxLength)
        {
            return text.ToString();
        }

        if (_lookup.TryGetValue(text, out string? known))
        {
            return known;
        }

        string word = text.ToString();
        if (_words.Count < MaxWords)
        {
            _words.Add(word);
        }

        return word;
    }
}
