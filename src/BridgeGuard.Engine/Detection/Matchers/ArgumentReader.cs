namespace BridgeGuard.Engine.Detection.Matchers;

/// <summary>Walks over the comma separated items of a keyword's argument text, with blanks around items removed.</summary>
internal ref struct ArgumentReader(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _next = 0;

    /// <summary>Where the item last read begins in the text; the text's length when there was none.</summary>
    public int Offset { get; private set; }

    /// <summary>The next item, which may be empty; false after the last.</summary>
    public bool TryRead(out ReadOnlySpan<char> item)
    {
        if (_next > _text.Length)
        {
            Offset = _text.Length;
            item = default;
            return false;
        }
        int length = _text[_next..].IndexOf(',');
        int end = length < 0 ? _text.Length : _next + length;
        ReadOnlySpan<char> raw = _text[_next..end];
        item = raw.Trim(' ');
        Offset = _next + raw.Length - raw.TrimStart(' ').Length;
        _next = end + 1;
        return true;
    }

    /// <summary>Reads an item that must be there and not be empty.</summary>
    public bool TryRequire(string expected, out ReadOnlySpan<char> item, out ArgumentError error)
    {
        error = default;
        if (TryRead(out item) && !item.IsEmpty)
        {
            return true;
        }
        error = new ArgumentError(Offset, $"{expected} is missing");
        return false;
    }

    /// <summary>Splits an item "name value" at its first blank; the value is empty when there is none.</summary>
    public static void Split(ReadOnlySpan<char> item, out ReadOnlySpan<char> name, out ReadOnlySpan<char> value)
    {
        int blank = item.IndexOf(' ');
        name = blank < 0 ? item : item[..blank];
        value = blank < 0 ? default : item[blank..].Trim(' ');
    }
}
