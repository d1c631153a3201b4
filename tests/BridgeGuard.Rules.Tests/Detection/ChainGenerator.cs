namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Chains of keywords and texts of few letters, by chance, within what the language allows.</summary>
internal sealed class ChainGenerator(Random random, string letters)
{
    private static readonly string[] Patterns = ["a", "b+", "[ab]", "a.?b", "^a", "b$", "A|b", "a*", "(ab)+", "[^a]", "^.", "a.*b"];

    private bool _hasFastPattern;
    private int _variables;

    public string Text(int least, int most) => string.Concat(Enumerable.Range(0, random.Next(least, most + 1)).Select(_ => letters[random.Next(letters.Length)]));

    public T Pick<T>(params T[] things) => things[random.Next(things.Length)];

    public bool Chance(int percent) => random.Next(100) < percent;

    /// <summary>Up to so many keywords on one buffer. What follows a negated one is not relative: there is no place to be relative to.</summary>
    public List<Link> Chain(int most)
    {
        var links = new List<Link>();
        _variables = 0;
        bool canBeRelative = false;
        for (int left = random.Next(1, most + 1); left > 0; left--)
        {
            bool isRelative = canBeRelative && Chance(60);
            Link link = random.Next(10) switch
            {
                < 4 => Content(isRelative),
                4 => new RegexLink(Pick(Patterns), Chance(15), Chance(30), isRelative),
                5 => new ByteTestLink(Source(isRelative), Chance(20), Pick("<", ">", "=", "<=", ">=", "&", "^"), Number(0, 100, Pick(0, 1, 3, 97))),
                6 => new ByteJumpLink(Source(isRelative), Pick(1, 1, 2), Chance(20), Chance(20), Pick(0, 0, 1, -1)),
                7 => new ByteExtractLink(Source(isRelative), "v" + _variables++, Pick(1, 1, 2)),
                8 => Math(isRelative),
                _ => new IsDataAtLink(Number(0, 8), Chance(30), isRelative),
            };
            links.Add(link);
            canBeRelative = link switch
            {
                ContentLink content => !content.IsNegated && (canBeRelative || !content.IsNegated),
                RegexLink expression => !expression.IsNegated,
                ByteTestLink or IsDataAtLink => canBeRelative,
                _ => true,
            };
        }

        return links;
    }

    private ByteMathLink Math(bool isRelative)
    {
        Amount right = Number(0, 5, Pick(1, 2, 3));
        return new ByteMathLink(Source(isRelative), Pick("+", "-", "*", "/", "<<", ">>"), right, "v" + _variables++);
    }

    private ContentLink Content(bool isRelative)
    {
        string text = Text(1, 3);
        bool isNegated = Chance(15);
        char anchor = Chance(25) && !isRelative ? Pick('^', '$') : ' ';
        bool hasPlace = anchor == ' ';
        Amount? from = hasPlace && Chance(50) ? Number(isRelative ? -2 : 0, 4) : null;
        Amount? room = hasPlace && Chance(50) ? Number(text.Length, text.Length + 6) : null;
        string fast = "";
        if (!isNegated && !_hasFastPattern && Chance(25))
        {
            _hasFastPattern = true;
            int at = random.Next(text.Length);
            fast = Chance(50) ? "fast_pattern;" : $"fast_pattern:{at},{random.Next(1, text.Length - at + 1)};";
        }

        return new ContentLink(text, isNegated, Chance(40), isRelative, from, room, anchor, fast);
    }

    private ByteSource Source(bool isRelative) => new(Pick(1, 1, 1, 2), Number(isRelative ? -1 : 0, 4), isRelative, Chance(20));

    private Amount Number(int low, int high, int? plain = null) => _variables > 0 && Chance(30)
        ? new Amount(0, "v" + random.Next(_variables))
        : new Amount(plain ?? random.Next(low, high + 1));
}
