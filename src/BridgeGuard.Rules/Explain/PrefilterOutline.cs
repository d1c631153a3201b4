using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols;

namespace BridgeGuard.Rules.Explain;

/// <summary>One search of the prefilter, for people.</summary>
/// <param name="Where">The buffer or payload it looks at, with protocol and direction.</param>
/// <param name="Rules">Rules whose fast pattern it looks for.</param>
/// <param name="Patterns">Distinct patterns.</param>
/// <param name="MemoryBytes">What its tables take.</param>
/// <param name="Filters">How the patterns are divided.</param>
public sealed record PrefilterOutline(string Where, int Rules, int Patterns, long MemoryBytes, string Filters)
{
    /// <summary>All searches of a set, the largest first.</summary>
    public static IReadOnlyList<PrefilterOutline> Of(RuleSet rules)
    {
        var all = new List<PrefilterOutline>();
        for (int i = 0; i < rules.PayloadPrefilters.Length; i++)
        {
            foreach (PrefilterTable table in rules.PayloadPrefilters[i])
            {
                string of = table.App != ProtocolId.Unknown ? $" of {table.App}" : $" of {table.Headers.Length} headers";
                all.Add(Describe($"{(PayloadKind)(i / 2)} {(Direction)(i % 2)}{of}", table));
            }
        }

        for (int i = 0; i < rules.BufferPrefilters.Length; i++)
        {
            foreach (BufferPrefilter prefilter in rules.BufferPrefilters[i].All)
            {
                all.Add(Describe($"{(ProtocolId)(i / 2)} {rules.BufferNames[prefilter.Buffer]} {(Direction)(i % 2)}", prefilter.Table));
            }
        }

        return [.. all.OrderByDescending(outline => outline.Patterns)];
    }

    private static PrefilterOutline Describe(string where, PrefilterTable table) =>
        new(where, table.Rules.Length, table.Set.PatternCount, table.Set.MemoryBytes, table.Set.Outline);
}
