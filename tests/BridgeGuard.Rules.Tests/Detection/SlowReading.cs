using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Where the reading of a chain stands: the end of what was found last, and what was extracted on the way.</summary>
internal readonly record struct Place(int Cursor, ImmutableDictionary<string, long> Values)
{
    public static readonly Place Begin = new(0, ImmutableDictionary<string, long>.Empty);
}

/// <summary>One keyword of a chain: its text, and every place from which the reading may go on behind it. None: the keyword does not hold.</summary>
/// <remarks>Plain and slow on purpose: nothing is searched, remembered or left out; all ways are tried.</remarks>
internal abstract record Link
{
    public abstract IEnumerable<Place> Behind(string buffer, Place place);

    /// <summary>Whether some way leads through all links.</summary>
    public static bool Holds(IReadOnlyList<Link> links, string buffer) => Holds(links, 0, buffer, Place.Begin);

    private static bool Holds(IReadOnlyList<Link> links, int index, string buffer, Place place) =>
        index == links.Count || links[index].Behind(buffer, place).Any(next => Holds(links, index + 1, buffer, next));

    protected static string Signed(bool isNegated) => isNegated ? "!" : "";

    protected static IEnumerable<Place> If(bool holds, Place place) => holds ? [place] : [];
}

/// <summary>A number that is written or was extracted.</summary>
internal readonly record struct Amount(int Number, string? Name = null)
{
    public override string ToString() => Name ?? Number.ToString(CultureInfo.InvariantCulture);

    public long In(Place place) => Name is null ? Number : place.Values.GetValueOrDefault(Name);

    /// <summary>Where a number has no sign, what a subtraction left below zero is very large.</summary>
    public long LengthIn(Place place) => Name is not null && In(place) < 0 ? int.MaxValue : In(place);
}

internal sealed record ContentLink(string Text, bool IsNegated, bool IgnoreCase, bool IsRelative, Amount? From, Amount? Room, char Anchor, string FastPattern) : Link
{
    public override string ToString()
    {
        string place = (From, Room) switch
        {
            (null, null) when IsRelative => "distance:0;",
            _ => (From is { } from ? $"{(IsRelative ? "distance" : "offset")}:{from}; " : "") + (Room is { } room ? $"{(IsRelative ? "within" : "depth")}:{room};" : ""),
        };
        string anchor = Anchor switch { '^' => "startswith;", '$' => "endswith;", _ => "" };
        return $"content:{Signed(IsNegated)}\"{Hex(Text)}\"; {(IgnoreCase ? "nocase; " : "")}{place} {anchor} {FastPattern}";
    }

    public override IEnumerable<Place> Behind(string buffer, Place place)
    {
        List<Place> found = [.. Enumerable.Range(0, buffer.Length).Where(at => IsAt(buffer, at, place)).Select(at => place with { Cursor = at + Text.Length })];
        if (IsNegated && Anchor == '$' && found.Count > 0)
        {
            // What must not stand at the end is looked for once: where it stands before too, that is the place that counts.
            StringComparison comparison = IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
            return If(buffer.IndexOf(Text, comparison) != found[0].Cursor - Text.Length, place);
        }

        return IsNegated ? If(found.Count == 0, place) : found;
    }

    private bool IsAt(string buffer, int at, Place place)
    {
        int end = at + Text.Length;
        if (end > buffer.Length || string.Compare(buffer, at, Text, 0, Text.Length, IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal) != 0)
        {
            return false;
        }

        long first = IsRelative ? place.Cursor + (From?.In(place) ?? 0) : From?.LengthIn(place) ?? 0;
        return (Anchor != '^' || at == 0) && (Anchor != '$' || end == buffer.Length) && at >= first && (Room is not { } room || end <= first + (IsRelative ? room.In(place) : room.LengthIn(place)));
    }

    private static string Hex(string text) => string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) ? c.ToString() : $"|{(int)c:x2}|"));
}

/// <summary>The expression is tried again behind the begin of each of its matches; where it begins (<c>^</c>) does not change with that.</summary>
internal sealed record RegexLink(string Pattern, bool IsNegated, bool IgnoreCase, bool IsRelative) : Link
{
    public override string ToString() => $"pcre:{Signed(IsNegated)}\"/{Pattern}/s{(IgnoreCase ? "i" : "")}{(IsRelative ? "R" : "")}\";";

    public override IEnumerable<Place> Behind(string buffer, Place place)
    {
        var expression = new Regex(Pattern, RegexOptions.Singleline | RegexOptions.CultureInvariant | (IgnoreCase ? RegexOptions.IgnoreCase : 0));
        var found = new List<Place>();
        int origin = IsRelative ? place.Cursor : 0;
        string subject = buffer[origin..];
        for (int start = 0; start <= subject.Length;)
        {
            Match match = expression.Match(subject, start);
            if (!match.Success)
            {
                break;
            }

            found.Add(place with { Cursor = origin + match.Index + match.Length });
            start = match.Index + 1;
        }

        return IsNegated ? If(found.Count == 0, place) : found;
    }
}

/// <summary>What <c>byte_test</c>, <c>byte_jump</c>, <c>byte_extract</c> and <c>byte_math</c> share: a number of one to four bytes.</summary>
internal sealed record ByteSource(int Count, Amount Offset, bool IsRelative, bool IsLittle)
{
    /// <summary>The number and the place behind it; null outside of the buffer.</summary>
    public (long Value, int End)? Read(string buffer, Place place)
    {
        long at = (IsRelative ? place.Cursor : 0) + Offset.In(place);
        if (at < 0 || at + Count > buffer.Length)
        {
            return null;
        }

        long value = 0;
        for (int i = 0; i < Count; i++)
        {
            value = (value << 8) | buffer[(int)at + (IsLittle ? Count - 1 - i : i)];
        }

        return (value, (int)at + Count);
    }

    public string Tail(string separator) => (IsRelative ? separator + "relative" : "") + (IsLittle ? separator + (separator.Length > 1 ? "endian little" : "little") : "");
}

internal sealed record ByteTestLink(ByteSource Source, bool IsNegated, string Operator, Amount Value) : Link
{
    public override string ToString() => $"byte_test:{Source.Count},{Signed(IsNegated)}{Operator},{Value},{Source.Offset}{Source.Tail(",")};";

    public override IEnumerable<Place> Behind(string buffer, Place place)
    {
        if (Source.Read(buffer, place) is not var (read, _))
        {
            return [];
        }

        ulong number = (ulong)read;
        ulong value = (ulong)Value.In(place);
        bool holds = Operator switch
        {
            "<" => number < value,
            ">" => number > value,
            "<=" => number <= value,
            ">=" => number >= value,
            "&" => (number & value) != 0,
            "^" => (number ^ value) != 0,
            _ => number == value,
        };
        return If(holds != IsNegated, place);
    }
}

internal sealed record ByteJumpLink(ByteSource Source, int Multiplier, bool FromBeginning, bool Aligned, int PostOffset) : Link
{
    public override string ToString() =>
        $"byte_jump:{Source.Count},{Source.Offset}{Source.Tail(",")}{(Multiplier > 1 ? $",multiplier {Multiplier}" : "")}{(Aligned ? ",align" : "")}{(FromBeginning ? ",from_beginning" : "")}{(PostOffset != 0 ? $",post_offset {PostOffset}" : "")};";

    public override IEnumerable<Place> Behind(string buffer, Place place)
    {
        if (Source.Read(buffer, place) is not var (number, end))
        {
            return [];
        }

        number *= Multiplier;
        number = Aligned ? (number + 3) & ~3L : number;
        long target = (FromBeginning ? 0 : end) + number + PostOffset;
        return If(target >= 0 && target <= buffer.Length, place with { Cursor = (int)Math.Clamp(target, 0, buffer.Length) });
    }
}

internal sealed record ByteExtractLink(ByteSource Source, string Name, int Multiplier) : Link
{
    public override string ToString() => $"byte_extract:{Source.Count},{Source.Offset},{Name}{Source.Tail(",")}{(Multiplier > 1 ? $",multiplier {Multiplier}" : "")};";

    public override IEnumerable<Place> Behind(string buffer, Place place) => Source.Read(buffer, place) is var (number, end)
        ? [new Place(end, place.Values.SetItem(Name, number * Multiplier))]
        : [];
}

internal sealed record ByteMathLink(ByteSource Source, string Operator, Amount Right, string Name) : Link
{
    public override string ToString() => $"byte_math:bytes {Source.Count}, offset {Source.Offset}, oper {Operator}, rvalue {Right}, result {Name}{Source.Tail(", ")};";

    public override IEnumerable<Place> Behind(string buffer, Place place)
    {
        if (Source.Read(buffer, place) is not var (read, end))
        {
            return [];
        }

        ulong right = (ulong)Right.In(place);
        if (Operator == "/" && right == 0)
        {
            return [];
        }

        ulong number = (ulong)read;
        ulong result = Operator switch
        {
            "+" => number + right,
            "-" => number - right,
            "*" => number * right,
            "/" => number / right,
            "<<" => right < 64 ? number << (int)right : 0,
            _ => right < 64 ? number >> (int)right : 0,
        };

        return [new Place(end, place.Values.SetItem(Name, (long)result))];
    }
}

internal sealed record IsDataAtLink(Amount Offset, bool IsNegated, bool IsRelative) : Link
{
    public override string ToString() => $"isdataat:{Signed(IsNegated)}{Offset}{(IsRelative ? ",relative" : "")};";

    public override IEnumerable<Place> Behind(string buffer, Place place)
    {
        long offset = Offset.LengthIn(place);
        return If((IsRelative ? place.Cursor + offset <= buffer.Length : offset < buffer.Length) != IsNegated, place);
    }
}
