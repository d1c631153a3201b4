using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Rules made by chance over payloads made by chance: the compiled form with and without prefilter says what a plain slow reading of the rule says.</summary>
public sealed class GeneratedRuleTests
{
    // Few letters, so that contents occur, overlap and repeat.
    private const string Letters = "abA";

    private const int Cases = 3_000;

    private static readonly Gen<Content> AnyContent =
        from text in Text(1, 3)
        from isNegated in Gen.Frequency((5, Gen.Constant(false)), (1, Gen.Constant(true)))
        from ignoreCase in Gen.Elements(true, false)
        from isRelative in Gen.Elements(true, false)
        from place in Gen.Elements(Place.Anywhere, Place.From, Place.Upto, Place.Between, Place.AtStart, Place.AtEnd)
        from start in Gen.Choose(0, 4)
        from room in Gen.Choose(0, 6)
        select new Content(text, isNegated, ignoreCase, isRelative, place, start, text.Length + room);

    private static readonly Gen<(Content[] Contents, string Payload)> AnyCase =
        from count in Gen.Choose(1, 4)
        from contents in AnyContent.ArrayOf(count)
        from payload in Text(1, 14)
        select (Legal(contents), payload);

    private enum Place
    {
        Anywhere,
        From,
        Upto,
        Between,
        AtStart,
        AtEnd,
    }

    private sealed record Content(string Text, bool IsNegated, bool IgnoreCase, bool IsRelative, Place Place, int Start, int Room)
    {
        public override string ToString()
        {
            (string from, string upTo) = IsRelative ? ("distance", "within") : ("offset", "depth");
            string place = Place switch
            {
                Place.From => string.Create(CultureInfo.InvariantCulture, $"{from}:{Start};"),
                Place.Upto when IsRelative => string.Create(CultureInfo.InvariantCulture, $"within:{Room};"),
                Place.Upto => string.Create(CultureInfo.InvariantCulture, $"depth:{Room};"),
                Place.Between => string.Create(CultureInfo.InvariantCulture, $"{from}:{Start}; {upTo}:{Room};"),
                Place.AtStart => "startswith;",
                Place.AtEnd => "endswith;",
                _ => IsRelative ? "distance:0;" : "",
            };
            return $"content:{(IsNegated ? "!" : "")}\"{Text}\"; {(IgnoreCase ? "nocase;" : "")} {place}";
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ContentsMatchAsTheirTextSays(bool prefilter) => Prop.ForAll(AnyCase.ToArbitrary(), test =>
    {
        string rule = $"alert udp any any -> any any ({string.Join(' ', test.Contents.AsEnumerable())} sid:1;)";
        bool isMatch = new DetectorHarness(rule, prefilter).Udp(test.Payload).Length > 0;
        bool expected = Matches(test.Contents, 0, test.Payload, 0);
        return (isMatch == expected).Label($"{rule} over «{test.Payload}»: {isMatch}, read slowly {expected}");
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(Cases));

    private static Gen<string> Text(int least, int most) =>
        from length in Gen.Choose(least, most)
        from letters in Gen.Elements(Letters.ToCharArray()).ArrayOf(length)
        select new string(letters);

    /// <summary>What the language forbids is taken out: the first content has nothing to be relative to, anchors stand alone, a negated content ends a chain.</summary>
    private static Content[] Legal(Content[] contents)
    {
        var legal = new List<Content>();
        foreach (Content content in contents)
        {
            bool canBeRelative = legal.Count > 0 && !legal[^1].IsNegated && content.Place is not (Place.AtStart or Place.AtEnd);
            legal.Add(content with { IsRelative = content.IsRelative && canBeRelative });
        }

        // A rule of negated contents alone says nothing about where: left as it is, that is legal too.
        return [.. legal];
    }

    /// <summary>Every way of placing the contents is tried; slow and plain.</summary>
    private static bool Matches(Content[] contents, int index, string payload, int cursor)
    {
        if (index == contents.Length)
        {
            return true;
        }

        Content content = contents[index];
        List<int> places = [.. Enumerable.Range(0, payload.Length).Where(at => IsAt(content, payload, at, cursor))];
        if (content.IsNegated && content.Place == Place.AtEnd && places.Count > 0)
        {
            // What must not stand at the end is looked for once, as Suricata does: where it stands before too, that is the place that counts.
            StringComparison comparison = content.IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
            return payload.IndexOf(content.Text, comparison) != places[0] && Matches(contents, index + 1, payload, cursor);
        }

        return content.IsNegated
            ? places.Count == 0 && Matches(contents, index + 1, payload, cursor)
            : places.Exists(at => Matches(contents, index + 1, payload, at + content.Text.Length));
    }

    private static bool IsAt(Content content, string payload, int at, int cursor)
    {
        int end = at + content.Text.Length;
        StringComparison comparison = content.IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        if (end > payload.Length || string.Compare(payload, at, content.Text, 0, content.Text.Length, comparison) != 0)
        {
            return false;
        }

        int origin = content.IsRelative ? cursor : 0;
        int first = origin + (content.Place is Place.From or Place.Between ? content.Start : 0);
        return content.Place switch
        {
            Place.AtStart => at == 0,
            Place.AtEnd => end == payload.Length,
            Place.Upto or Place.Between => at >= first && end <= first + content.Room,
            _ => at >= first,
        };
    }
}
