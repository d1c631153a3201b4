using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Image;

namespace BridgeGuard.Rules.Caching;

/// <content>What rules say about themselves: numbers in records, texts once each, made into objects when asked for.</content>
internal static partial class RuleSetImage
{
    private static void WriteInfos(ImageWriter image, RuleSet rules)
    {
        var words = new Words();
        var pairs = new Dictionary<RuleMetadata, int>(ReferenceEqualityComparer.Instance);
        var pairKeys = new List<int>();
        var pairValues = new List<int[]>();
        var records = new InfoRecord[rules.Count];
        int[][] references = new int[rules.Count][];
        int[][] metadata = new int[rules.Count][];
        int[] textEnds = new int[rules.Count];
        using var texts = new MemoryStream();
        for (int i = 0; i < records.Length; i++)
        {
            RuleInfo info = rules.Infos[i];
            records[i] = InfoRecord.Of(info, words);
            references[i] = Array.ConvertAll(info.References, words.NumberOf);
            metadata[i] = Array.ConvertAll(info.Metadata, pair =>
            {
                if (!pairs.TryGetValue(pair, out int number))
                {
                    pairs.Add(pair, number = pairKeys.Count);
                    pairKeys.Add(words.NumberOf(pair.Key));
                    pairValues.Add(Array.ConvertAll(pair.Values, words.NumberOf));
                }

                return number;
            });
            texts.Write(Encoding.UTF8.GetBytes(info.Text));
            textEnds[i] = checked((int)texts.Length);
        }

        image.Array<InfoRecord>(records);
        WriteFlat(image, references);
        WriteFlat(image, metadata);
        image.Array<int>(pairKeys.ToArray());
        WriteFlat(image, [.. pairValues]);
        words.Write(image);
        image.Array<byte>(texts.GetBuffer().AsSpan(0, (int)texts.Length));
        image.Array<int>(textEnds);
    }

    private static Infos ReadInfos(ImageReader image)
    {
        InfoRecord[] records = image.Array<InfoRecord>();
        Flat references = ReadFlat(image);
        Flat metadata = ReadFlat(image);
        int[] pairKeys = image.Array<int>();
        Flat pairValues = ReadFlat(image);
        LazyTable<string> words = Words.Read(image);
        var texts = new RuleTexts(image.Array<byte>(), image.Array<int>());
        var pairs = new LazyTable<RuleMetadata>(pairKeys.Length, i => new RuleMetadata(words[pairKeys[i]], Of(pairValues[i], words)));
        return new Infos(
            new LazyTable<RuleInfo>(records.Length, i => records[i].ToInfo(i, words, Of(references[i], words), Of(metadata[i], pairs), texts)),
            Array.ConvertAll(records, record => (record.Gid, record.Sid)));
    }

    private static T[] Of<T>(ReadOnlySpan<int> numbers, LazyTable<T> table)
        where T : class
    {
        if (numbers.IsEmpty)
        {
            return [];
        }

        var all = new T[numbers.Length];
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = table[numbers[i]];
        }

        return all;
    }

    private static void WriteFlat(ImageWriter image, int[][] lists)
    {
        int[] ends = new int[lists.Length];
        var all = new List<int>();
        for (int i = 0; i < lists.Length; i++)
        {
            all.AddRange(lists[i]);
            ends[i] = all.Count;
        }

        image.Array<int>(ends);
        image.Array<int>(all.ToArray());
    }

    private static Flat ReadFlat(ImageReader image) => new(image.Array<int>(), image.Array<int>());

    /// <summary>The table of descriptions, and what is needed of them without making them.</summary>
    private sealed record Infos(LazyTable<RuleInfo> Table, (uint Gid, uint Sid)[] Ids);

    /// <summary>Lists of numbers in one array.</summary>
    private sealed class Flat(int[] ends, int[] all)
    {
        public ReadOnlySpan<int> this[int list] => all.AsSpan((list == 0 ? 0 : ends[list - 1])..ends[list]);
    }

    /// <summary>Distinct texts by number.</summary>
    private sealed class Words
    {
        private readonly Dictionary<string, int> _numbers = [];
        private readonly List<string> _all = [];

        public int NumberOf(string text)
        {
            if (!_numbers.TryGetValue(text, out int number))
            {
                _numbers.Add(text, number = _all.Count);
                _all.Add(text);
            }

            return number;
        }

        public void Write(ImageWriter image)
        {
            using var bytes = new MemoryStream();
            int[] ends = new int[_all.Count];
            for (int i = 0; i < ends.Length; i++)
            {
                bytes.Write(Encoding.UTF8.GetBytes(_all[i]));
                ends[i] = (int)bytes.Length;
            }

            image.Array<byte>(bytes.ToArray());
            image.Array<int>(ends);
        }

        public static LazyTable<string> Read(ImageReader image)
        {
            var texts = new RuleTexts(image.Array<byte>(), image.Array<int>());
            return new LazyTable<string>(texts.Count, i => texts[i]);
        }
    }

    /// <summary>A <see cref="RuleInfo"/> with numbers for its texts.</summary>
    private struct InfoRecord
    {
        public uint Sid;
        public uint Gid;
        public uint Rev;
        public int Message;
        public int ClassType;
        public int Category;
        public int FirewallPolicy;
        public int Header;
        public int SourceFile;
        public int SourceLine;
        public int FileCategory;
        public int RedirectTarget;
        public byte Severity;
        public RuleAction Action;
        public RuleTarget Target;
        public RuleKind Kind;
        public bool IsFirewall;
        public bool NoAlert;

        public static InfoRecord Of(RuleInfo info, Words words) => new()
        {
            Sid = info.Sid,
            Gid = info.Gid,
            Rev = info.Rev,
            Message = words.NumberOf(info.Message),
            ClassType = words.NumberOf(info.ClassType),
            Category = words.NumberOf(info.Category),
            FirewallPolicy = words.NumberOf(info.FirewallPolicy),
            Header = words.NumberOf(info.Header),
            SourceFile = words.NumberOf(info.SourceFile),
            SourceLine = info.SourceLine,
            FileCategory = words.NumberOf(info.FileCategory),
            RedirectTarget = words.NumberOf(info.RedirectTarget),
            Severity = info.Severity,
            Action = info.Action,
            Target = info.Target,
            Kind = info.Kind,
            IsFirewall = info.IsFirewall,
            NoAlert = info.NoAlert,
        };

        public readonly RuleInfo ToInfo(int index, LazyTable<string> words, string[] references, RuleMetadata[] metadata, RuleTexts texts) => new()
        {
            Sid = Sid,
            Gid = Gid,
            Rev = Rev,
            Message = words[Message],
            ClassType = words[ClassType],
            Category = words[Category],
            FirewallPolicy = words[FirewallPolicy],
            Header = words[Header],
            SourceFile = words[SourceFile],
            SourceLine = SourceLine,
            FileCategory = words[FileCategory],
            RedirectTarget = words[RedirectTarget],
            Severity = Severity,
            Action = Action,
            Target = Target,
            Kind = Kind,
            IsFirewall = IsFirewall,
            NoAlert = NoAlert,
            References = references,
            Metadata = metadata,
            Index = index,
            Texts = texts,
        };
    }
}
