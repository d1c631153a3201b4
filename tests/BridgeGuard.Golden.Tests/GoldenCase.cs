using System.Globalization;
using YamlDotNet.Serialization;

namespace BridgeGuard.Golden.Tests;

/// <summary>What a case folder says.</summary>
public sealed class GoldenCase
{
    public bool Inline { get; set; }

    public Dictionary<uint, int> Alerts { get; set; } = [];

    public List<EventCount> Events { get; set; } = [];

    /// <summary>Options of record types, flattened as <see cref="Engine.Protocols.ProtocolSettings"/> has them; the other types are written as they are by default.</summary>
    public Dictionary<string, Dictionary<string, string>> Outputs { get; set; } = [];

    /// <summary>Options of protocols.</summary>
    public Dictionary<string, Dictionary<string, string>> Protocols { get; set; } = [];

    /// <summary>Why counts depend on how bytes are cut into segments (a rule that looks at single packets); null: they must not.</summary>
    [YamlMember(Alias = "counts-segments")]
    public string? CountsSegments { get; set; }

    [YamlMember(Alias = "dropped-at-least")]
    public int DroppedAtLeast { get; set; }

    public static GoldenCase Load(string folder) =>
        new DeserializerBuilder().WithNamingConvention(YamlDotNet.Serialization.NamingConventions.HyphenatedNamingConvention.Instance).Build()
            .Deserialize<GoldenCase>(File.ReadAllText(Path.Combine(folder, "case.yaml")));

    public sealed class EventCount
    {
        public int Count { get; set; }

        public Dictionary<string, string> Match { get; set; } = [];

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Count} of {{{string.Join(", ", Match.Select(m => $"{m.Key}: {m.Value}"))}}}");
    }
}
