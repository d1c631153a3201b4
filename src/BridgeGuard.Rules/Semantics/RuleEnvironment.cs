using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Caching;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Semantics;

/// <summary>Everything a rule's meaning depends on besides its text. One per load; not thread-safe.</summary>
internal sealed class RuleEnvironment
{
    private readonly Dictionary<(string Expression, PcreOptions Options), CompiledRegex> _expressions = [];

    public RuleEnvironment(VariableTable variables, KeywordIndex keywords)
    {
        Keywords = keywords;
        Addresses = new AddressExpressions(variables.Addresses);
        Ports = new PortExpressions(variables.Ports);
    }

    public KeywordIndex Keywords { get; }

    /// <summary>How to make objects of the set again, for the cache; null when nobody asks.</summary>
    public Recipes? Recipes { get; init; }

    /// <summary>The words of all rules of this load.</summary>
    public TextPool Words { get; } = new();

    public AddressExpressions Addresses { get; }

    public PortExpressions Ports { get; }

    public VariableNames Names { get; init; } = VariableNames.Shared;

    public MatchLimits RegexLimits { get; init; } = MatchLimits.Default;

    public TransformContext Transforms { get; init; } = TransformContext.Default;

    /// <summary>Verdicts are carried out: <c>replace</c> has a meaning.</summary>
    public bool IsInline { get; init; }

    /// <summary>The rules are firewall rules: other actions, explicit hooks.</summary>
    public bool IsFirewall { get; set; }

    /// <summary>Features that the configuration switches off.</summary>
    public IReadOnlyList<string> DisabledFeatures { get; init; } = [];

    /// <summary>Protocols that the configuration switches off.</summary>
    public IReadOnlyList<ProtocolId> DisabledProtocols { get; init; } = [];

    /// <summary>The protocol is switched off; <c>http</c> when all its versions are.</summary>
    public bool IsOff(ProtocolId id) => DisabledProtocols.Count > 0 && (id == ProtocolId.Http
        ? DisabledProtocols.Contains(ProtocolId.Http1) && DisabledProtocols.Contains(ProtocolId.Http2)
        : DisabledProtocols.Contains(id));

    /// <summary>All protocols that have a keyword are switched off: <paramref name="name"/> is the first one's.</summary>
    public bool AreOff(IEnumerable<Protocol> protocols, out string name)
    {
        name = "";
        if (DisabledProtocols.Count == 0)
        {
            return false;
        }

        foreach (Protocol protocol in protocols)
        {
            if (!IsOff(protocol.Id))
            {
                return false;
            }

            name = name.Length == 0 ? protocol.ConfigurationName : name;
        }

        return name.Length > 0;
    }

    /// <summary>What <c>urilen</c> measures without <c>,norm</c> or <c>,raw</c>.</summary>
    public bool UriLengthIsRaw { get; init; }

    /// <summary>Compiles an expression once, however many rules use it.</summary>
    public bool TryCompile(byte[] expression, PcreOptions options, MatchLimits limits, out CompiledRegex? regex, out RegexCompileError? error)
    {
        error = null;
        var key = (System.Text.Encoding.Latin1.GetString(expression), options);
        if (_expressions.TryGetValue(key, out regex))
        {
            return true;
        }

        if (!CompiledRegex.TryCompile(expression, options, limits, out regex, out error))
        {
            return false;
        }

        _expressions.Add(key, regex);
        Recipes?.Expressions.TryAdd(regex, (expression, options));
        return true;
    }

    public DatasetRegistry Datasets { get; init; } = new();

    /// <summary>Short names of reputation categories.</summary>
    public IReadOnlyDictionary<string, int> ReputationCategories { get; init; } = new Dictionary<string, int>();

    /// <summary>The addresses of countries by their codes; null without a database.</summary>
    public Func<IReadOnlyList<string>, AddressRanges?>? Countries { get; init; }

    /// <summary>Folders in which lists that rules name are looked for after the rule file's own.</summary>
    public IReadOnlyList<string> DataFolders { get; init; } = [];

    /// <summary>A file named by a rule: absolute, beside the rule file, or in a data folder.</summary>
    public bool TryReadDataFile(string ruleFile, string name, out string content)
    {
        content = "";
        IEnumerable<string> candidates = Path.IsPathRooted(name)
            ? [name]
            : DataFolders.Prepend(Path.GetDirectoryName(ruleFile) ?? "").Select(folder => Path.Combine(folder, name));
        foreach (string candidate in candidates)
        {
            try
            {
                if (File.Exists(candidate))
                {
                    byte[] bytes = File.ReadAllBytes(candidate);
                    Recipes?.DataFiles.Add((candidate, System.Security.Cryptography.SHA256.HashData(bytes)));
                    content = System.Text.Encoding.Latin1.GetString(bytes);
                    return true;
                }

                Recipes?.DataFiles.Add((candidate, null));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }

        return false;
    }

    public bool IsKeyword(string name) => KeywordCatalog.Find(name) is not null || Keywords.Buffers.ContainsKey(name) || Keywords.Modifiers.ContainsKey(name)
        || Keywords.Fields.ContainsKey(name) || Keywords.Keywords.ContainsKey(name) || TransformCatalog.IsTransform(name);

    /// <summary>A protocol by the name that rules use.</summary>
    public bool TryFindProtocol(string name, out ProtocolId id)
    {
        id = name switch
        {
            "http" => ProtocolId.Http,
            "failed" => ProtocolId.Failed,
            "unknown" => ProtocolId.Unknown,

            // Of old; Suricata 8 knows it in configurations only.
            "ssl" => ProtocolId.Count,
            _ => Keywords.FindProtocol(name)?.Id ?? ProtocolId.Count,
        };
        if (name == "http" && Keywords.FindProtocol("http1") is null && Keywords.FindProtocol("http") is null)
        {
            id = ProtocolId.Count;
        }

        return id != ProtocolId.Count;
    }
}
