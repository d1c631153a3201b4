using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Caching;

/// <content>Objects that are made again from their texts.</content>
internal static partial class RuleSetImage
{
    private static bool TryWriteRecipes(ImageWriter image, RuleSet rules, Recipes recipes)
    {
        image.Int(rules.Keywords.Length);
        foreach (TransactionMatcher matcher in rules.Keywords)
        {
            if (!recipes.Keywords.TryGetValue(matcher, out (string Keyword, ProtocolId Protocol, string? Argument) origin))
            {
                return false;
            }

            image.Text(origin.Keyword);
            image.Value(origin.Protocol);
            image.Text(origin.Argument);
        }

        image.Int(rules.BufferTransforms.Length);
        foreach (Transform[] chain in rules.BufferTransforms)
        {
            image.Int(chain.Length);
            foreach (Transform transform in chain)
            {
                if (!recipes.Transforms.TryGetValue(transform, out (string Name, string Argument) origin))
                {
                    return false;
                }

                image.Text(origin.Name);
                image.Text(origin.Argument);
            }
        }

        image.Int(rules.DatasetOps.Length);
        foreach (DatasetOp op in rules.DatasetOps)
        {
            if (!recipes.Datasets.TryGetValue(op, out DatasetSettings? settings))
            {
                return false;
            }

            image.Value(op.Command);
            image.Value(op.Test);
            image.Bool(op.MatchesSubdomains);
            WriteSettings(image, settings);
        }

        return TryWriteExpressions(image, rules, recipes);
    }

    private static bool TryReadRecipes(ImageReader image, RuleLoadOptions options, KeywordIndex keywords, out Made made, out string reason)
    {
        made = new Made { Keywords = new TransactionMatcher[image.Count()] };
        for (int i = 0; i < made.Keywords.Length; i++)
        {
            string name = image.Text();
            ProtocolId protocol = image.Value<ProtocolId>();
            string? argument = image.TextOrNull();
            if (!keywords.Keywords.TryGetValue(name, out ProtocolKeywordDefinition? definition)
                || definition.Variants.Find(variant => variant.Protocol.Id == protocol).Descriptor?.Parse(argument, out _) is not { } matcher)
            {
                reason = $"the keyword {name} cannot be made again";
                return false;
            }

            made.Keywords[i] = matcher;
        }

        made.Transforms = new Transform[image.Count()][];
        for (int i = 0; i < made.Transforms.Length; i++)
        {
            made.Transforms[i] = new Transform[image.Count()];
            for (int j = 0; j < made.Transforms[i].Length; j++)
            {
                string name = image.Text();
                if (!TransformCatalog.TryCreate(name, image.Text(), TransformContext.Default, out Transform? transform, out _))
                {
                    reason = $"the transform {name} cannot be made again";
                    return false;
                }

                made.Transforms[i][j] = transform;
            }
        }

        made.Datasets = new DatasetOp[image.Count()];
        for (int i = 0; i < made.Datasets.Length; i++)
        {
            DatasetCommand command = image.Value<DatasetCommand>();
            IntegerRange test = image.Value<IntegerRange>();
            bool matchesSubdomains = image.Bool();
            if (options.Datasets.GetOrLoad(ReadSettings(image), out reason) is not { } set)
            {
                return false;
            }

            made.Datasets[i] = new DatasetOp { Set = set, Command = command, Test = test, MatchesSubdomains = matchesSubdomains };
        }

        made.Expressions = ReadExpressions(image, MatchLimits.Default with { MatchLimit = options.PcreMatchLimit, RecursionLimit = options.PcreRecursionLimit });
        reason = "";
        return true;
    }

    private static bool TryWriteExpressions(ImageWriter image, RuleSet rules, Recipes recipes)
    {
        var numbers = new Dictionary<CompiledRegex, int>(ReferenceEqualityComparer.Instance);
        var distinct = new List<CompiledRegex>();
        foreach (PcreOp op in rules.Expressions)
        {
            if (!recipes.Expressions.ContainsKey(op.Regex))
            {
                return false;
            }

            if (numbers.TryAdd(op.Regex, distinct.Count))
            {
                distinct.Add(op.Regex);
            }
        }

        image.Jagged(distinct.ConvertAll(regex => recipes.Expressions[regex].Expression).ToArray());
        image.Array<PcreOptions>(distinct.ConvertAll(regex => recipes.Expressions[regex].Options).ToArray());
        image.Array<int>(distinct.ConvertAll(regex => regex.GroupCount).ToArray());
        image.Array<int>(rules.Expressions.Select(op => numbers[op.Regex]).ToArray());
        image.Jagged(rules.Expressions.Select(op => op.FlowCaptures).ToArray());
        image.Jagged(rules.Expressions.Select(op => op.PacketCaptures).ToArray());
        return true;
    }

    private static LazyTable<PcreOp> ReadExpressions(ImageReader image, MatchLimits limits)
    {
        byte[][] texts = image.Jagged<byte>();
        PcreOptions[] options = image.Array<PcreOptions>();
        int[] groups = image.Array<int>();
        int[] numbers = image.Array<int>();
        int[][] flow = image.Jagged<int>();
        int[][] packet = image.Jagged<int>();
        var distinct = new LazyTable<CompiledRegex>(texts.Length, i => CompiledRegex.Again(texts[i], options[i], limits, groups[i]));
        return new LazyTable<PcreOp>(numbers.Length, i => new PcreOp { Regex = distinct[numbers[i]], FlowCaptures = flow[i], PacketCaptures = packet[i] });
    }

    private static void WriteSettings(ImageWriter image, DatasetSettings settings)
    {
        image.Text(settings.Name);
        image.Text(settings.RuleFile);
        image.Bool(settings.HasReputation);
        image.Optional(settings.Type);
        image.Text(settings.Load);
        image.Text(settings.Save);
        image.Bool(settings.IsState);
        image.Value(settings.MemcapBytes);
        image.Text(settings.Format);
        image.Text(settings.ContextKey);
        image.Text(settings.ValueKey);
        image.Text(settings.ArrayKey);
        image.Bool(settings.RemoveKey);
        image.Bool(settings.MatchesSubdomains);
    }

    private static DatasetSettings ReadSettings(ImageReader image) => new()
    {
        Name = image.Text(),
        RuleFile = image.Text(),
        HasReputation = image.Bool(),
        Type = image.Optional<DatasetType>(),
        Load = image.Text(),
        Save = image.Text(),
        IsState = image.Bool(),
        MemcapBytes = image.Value<long>(),
        Format = image.Text(),
        ContextKey = image.Text(),
        ValueKey = image.Text(),
        ArrayKey = image.Text(),
        RemoveKey = image.Bool(),
        MatchesSubdomains = image.Bool(),
    };

    /// <summary>What was made again.</summary>
    private sealed class Made
    {
        public TransactionMatcher[] Keywords { get; set; } = [];

        public Transform[][] Transforms { get; set; } = [];

        public DatasetOp[] Datasets { get; set; } = [];

        public LazyTable<PcreOp> Expressions { get; set; } = new([]);
    }
}
