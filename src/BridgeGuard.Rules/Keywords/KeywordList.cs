using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>What is told of a keyword in lists.</summary>
/// <param name="Name">As rules write it.</param>
/// <param name="Help">One sentence; may be empty.</param>
/// <param name="Kind"><c>option</c>, <c>sticky buffer</c>, <c>content modifier</c>, <c>integer</c>, <c>transform</c>.</param>
/// <param name="TakesOption">It may be followed by a colon and something more.</param>
public sealed record KeywordHelp(string Name, string Help, string Kind, bool TakesOption = true)
{
    /// <summary>What it can do, in Suricata's words, between colons.</summary>
    public string Features => (TakesOption, Kind) switch
    {
        (false, "sticky buffer" or "content modifier" or "transform") => "No option:" + Kind,
        (false, _) => "No option",
        (true, "sticky buffer" or "content modifier" or "transform") => Kind,
        _ => "none",
    };
}

/// <summary>Every keyword that rules may use, in alphabetical order: general ones, those of protocols, and transforms.</summary>
public static class KeywordList
{
    public static IReadOnlyList<KeywordHelp> All { get; } = Build();

    private static KeywordHelp[] Build()
    {
        Dictionary<string, KeywordHelp> all = [];
        foreach (Keyword keyword in KeywordCatalog.All)
        {
            all.TryAdd(keyword.Name, new KeywordHelp(keyword.Name, keyword.Help, keyword.Kind, keyword.Argument != ArgumentRule.None));
        }

        KeywordIndex index = KeywordIndex.Shared;
        foreach ((string name, BufferDefinition buffer) in index.Buffers)
        {
            all.TryAdd(name, new KeywordHelp(name, buffer.Variants[0].Descriptor.Help, "sticky buffer", TakesOption: false));
        }

        foreach ((string name, BufferDefinition buffer) in index.Modifiers)
        {
            all.TryAdd(name, new KeywordHelp(name, buffer.Variants[0].Descriptor.Help, "content modifier", TakesOption: false));
        }

        foreach ((string name, FieldDefinition field) in index.Fields)
        {
            all.TryAdd(name, new KeywordHelp(name, field.Variants[0].Descriptor.Help, "integer"));
        }

        foreach ((string name, ProtocolKeywordDefinition keyword) in index.Keywords)
        {
            all.TryAdd(name, new KeywordHelp(name, keyword.Variants[0].Descriptor.Help, "option"));
        }

        for (int i = 0; i < TransformCatalog.Names.Count; i++)
        {
            all.TryAdd(TransformCatalog.Names[i], new KeywordHelp(TransformCatalog.Names[i], TransformCatalog.Help[i], "transform"));
        }

        return [.. all.Values.OrderBy(keyword => keyword.Name, StringComparer.Ordinal)];
    }
}
