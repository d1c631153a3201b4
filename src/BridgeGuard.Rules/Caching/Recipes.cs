using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Rules.Caching;

/// <summary>The texts from which objects of a rule set were made, to make them again. Filled while rules are bound; one per load.</summary>
internal sealed class Recipes
{
    public Dictionary<TransactionMatcher, (string Keyword, ProtocolId Protocol, string? Argument)> Keywords { get; } = new(ReferenceEqualityComparer.Instance);

    public Dictionary<Transform, (string Name, string Argument)> Transforms { get; } = new(ReferenceEqualityComparer.Instance);

    public Dictionary<DatasetOp, DatasetSettings> Datasets { get; } = new(ReferenceEqualityComparer.Instance);

    public Dictionary<CompiledRegex, (byte[] Expression, PcreOptions Options)> Expressions { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>Files that rules name, with the digest of what was read; null where there was none.</summary>
    public List<(string Path, byte[]? Digest)> DataFiles { get; } = [];
}
