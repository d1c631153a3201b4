using System.Text;

namespace BridgeGuard.Engine.Detection.Transforms;

/// <summary>Under which names domains can be registered (publicsuffix.org), for <c>domain</c> and <c>tld</c>.</summary>
/// <remarks>
/// Immutable. Made from the text of <c>public_suffix_list.dat</c>, which the caller reads (Debian: package publicsuffix,
/// /usr/share/publicsuffix); <see cref="BuiltIn"/> is a short list of common two-label suffixes for systems without it. Rules are
/// kept in UTF-8 as written and in punycode.
/// </remarks>
public sealed class PublicSuffixList
{
    /// <summary>No name has more labels than this that matter: the longest rule has five.</summary>
    private const int MaxLabels = 8;

    private static readonly Lazy<PublicSuffixList> BuiltInList = new(() => Parse(BuiltInSuffixes.Text));

    private readonly HashSet<Label> _rules;
    private readonly HashSet<Label>.AlternateLookup<ReadOnlySpan<byte>> _lookup;

    private PublicSuffixList(HashSet<Label> rules)
    {
        _rules = rules;
        _lookup = rules.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    /// <summary>The short list.</summary>
    public static PublicSuffixList BuiltIn => BuiltInList.Value;

    /// <summary>Rules in the list.</summary>
    public int Count => _rules.Count;

    /// <summary>Reads the list's text format: a rule per line, <c>*.</c> wildcards, <c>!</c> exceptions, <c>//</c> comments.</summary>
    public static PublicSuffixList Parse(string text)
    {
        var rules = new HashSet<Label>(LabelComparer.Instance);
        var idn = new System.Globalization.IdnMapping { UseStd3AsciiRules = false };
        foreach (ReadOnlySpan<char> rawLine in text.AsSpan().EnumerateLines())
        {
            ReadOnlySpan<char> line = rawLine.Trim();
            int blank = line.IndexOfAny(' ', '\t');
            line = blank < 0 ? line : line[..blank];
            if (line.IsEmpty || line.StartsWith("//"))
            {
                continue;
            }
            string rule = line.ToString();
            rules.Add(new Label(Encoding.UTF8.GetBytes(rule)));
            if (!Ascii.IsValid(rule))
            {
                int start = rule[0] == '!' ? 1 : rule.StartsWith("*.", StringComparison.Ordinal) ? 2 : 0;
                rules.Add(new Label(Encoding.UTF8.GetBytes(rule[..start] + idn.GetAscii(rule, start))));
            }
        }
        return new PublicSuffixList(rules);
    }

    /// <summary>Where the public suffix begins in a name without final dot; 0 when the whole name is one, also for an empty name.</summary>
    public int SuffixStart(ReadOnlySpan<byte> name)
    {
        // The longest matching rule wins; an exception beats it and is one label shorter; no rule at all means the last label.
        int best = name.LastIndexOf((byte)'.') + 1;
        int start = best;
        int childStart = -1; // Of the part one label shorter than the part that begins at start.
        Span<byte> buffer = stackalloc byte[256];
        for (int labels = 1; labels <= MaxLabels && name.Length - start <= 253; labels++)
        {
            ReadOnlySpan<byte> part = name[start..];
            buffer[0] = (byte)'!';
            part.CopyTo(buffer[1..]);
            if (childStart >= 0 && _lookup.Contains(buffer[..(part.Length + 1)]))
            {
                return childStart;
            }
            if (_lookup.Contains(part))
            {
                best = start;
            }
            if (childStart >= 0)
            {
                buffer[0] = (byte)'*';
                name[(childStart - 1)..].CopyTo(buffer[1..]);
                if (_lookup.Contains(buffer[..(name.Length - childStart + 2)]))
                {
                    best = start;
                }
            }
            if (start == 0)
            {
                break;
            }
            childStart = start;
            start = name[..(start - 1)].LastIndexOf((byte)'.') + 1;
        }
        return best;
    }

    /// <summary>The bytes of a rule.</summary>
    private readonly record struct Label(byte[] Bytes);

    /// <summary>Lets spans be looked up without making a rule of them.</summary>
    private sealed class LabelComparer : IEqualityComparer<Label>, IAlternateEqualityComparer<ReadOnlySpan<byte>, Label>
    {
        public static readonly LabelComparer Instance = new();

        public bool Equals(Label x, Label y) => x.Bytes.AsSpan().SequenceEqual(y.Bytes);

        public int GetHashCode(Label label) => GetHashCode(label.Bytes.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, Label other) => alternate.SequenceEqual(other.Bytes);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode); // Seeded per process: senders cannot aim at a bucket.
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public Label Create(ReadOnlySpan<byte> alternate) => new(alternate.ToArray());
    }
}
