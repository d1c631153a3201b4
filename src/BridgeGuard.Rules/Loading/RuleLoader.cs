using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Rules.Caching;
using BridgeGuard.Rules.Compilation;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Semantics;
using BridgeGuard.Rules.Syntax;

namespace BridgeGuard.Rules.Loading;

/// <summary>Files and options to a rule set, with every error of all files reported. Deterministic: same input, same set.</summary>
public static class RuleLoader
{
    /// <summary>Loads and compiles. Never throws for what files say; I/O errors become diagnostics too.</summary>
    /// <remarks>With a cache folder a set that was compiled before comes from there, with the same diagnostics.</remarks>
    public static RuleLoadResult Load(RuleLoadOptions options) => Load(options, KeywordIndex.Shared);

    /// <summary>Loads and compiles with another catalogue of protocols (tests).</summary>
    internal static RuleLoadResult Load(RuleLoadOptions options, KeywordIndex keywords)
    {
        if (options.CacheFolder is null)
        {
            return new Session(options, keywords).Run();
        }

        string problem = "";
        if (!options.RefreshesCache && TryLoadCached(options, keywords, out problem) is { } cached)
        {
            return cached;
        }

        RuleLoadResult compiled = new Session(options, keywords).Run();
        return problem.Length == 0 ? compiled : compiled with { CacheProblem = problem };
    }

    /// <summary>The set from the cache; null when it is not there or not to be used. Never compiles.</summary>
    /// <param name="options">What the set is made from.</param>
    /// <param name="problem">What is wrong with what the cache holds; empty when nothing is.</param>
    public static RuleLoadResult? TryLoadCached(RuleLoadOptions options, out string problem) => TryLoadCached(options, KeywordIndex.Shared, out problem);

    /// <summary>Whether the cache has a set for these options, good or not: nothing of it is read.</summary>
    public static bool IsCached(RuleLoadOptions options) =>
        options.CacheFolder is { } folder && CompileKey.Of(options, CompileKey.DigestOf) is { } key && File.Exists(new CompiledRuleCache(folder).PathOf(key));

    private static RuleLoadResult? TryLoadCached(RuleLoadOptions options, KeywordIndex keywords, out string problem)
    {
        problem = "";
        if (options.CacheFolder is not { } folder || CompileKey.Of(options, CompileKey.DigestOf) is not { } key)
        {
            return null;
        }

        CachedLoad? load = new CompiledRuleCache(folder).TryRead(key, image => (RuleSetImage.TryRead(image, options, keywords, out string reason), reason), out problem);
        if (load is null)
        {
            return null;
        }

        List<RuleDiagnostic> diagnostics = [.. load.Diagnostics];
        return new RuleLoadResult(
            load.Rules.With(ReputationFiles.Read(options.ReputationFiles, diagnostics)), diagnostics, load.Rules.Count, load.Failed, load.Skipped, load.Files, options.Datasets)
        {
            IsFromCache = true,
        };
    }

    private sealed class Session
    {
        private readonly RuleLoadOptions _options;
        private readonly List<RuleDiagnostic> _diagnostics = [];
        private readonly List<(RuleModel Rule, int Priority)> _rules = [];
        private readonly Dictionary<(uint Gid, uint Sid), int> _byId = [];
        private readonly RuleEnvironment _environment;
        private readonly Dictionary<(string Key, string Value), RuleMetadata> _metadata = [];
        private readonly HashSet<string> _unknownClasses = [];
        private readonly HashSet<string> _unknownReferences = [];

        /// <summary>The options of the rule at hand.</summary>
        private readonly List<OptionSyntax> _pieces = new(64);
        private Dictionary<string, ClassType> _classes = [];
        private Dictionary<string, string> _references = [];
        private readonly List<RuleMetadata> _metadataOfRule = [];
        private readonly Recipes? _recipes;
        private readonly Dictionary<string, byte[]> _digests = [];
        private long _textBytes;
        private int _failed;
        private int _skipped;
        private int _files;

        public Session(RuleLoadOptions options, KeywordIndex keywords)
        {
            _options = options;
            _recipes = options.CacheFolder is null ? null : new Recipes();
            _environment = new RuleEnvironment(options.Variables, keywords)
            {
                Names = options.Names,
                Recipes = _recipes,
                RegexLimits = MatchLimits.Default with { MatchLimit = options.PcreMatchLimit, RecursionLimit = options.PcreRecursionLimit },
                IsInline = options.IsInline,
                UriLengthIsRaw = options.UriLengthIsRaw,
                Datasets = options.Datasets,
                DataFolders = options.DataFolders,
                DisabledFeatures = options.DisabledFeatures,
                DisabledProtocols = options.DisabledProtocols,
                ReputationCategories = ReadCategories(),
                Countries = options.Countries is { } countries ? codes => AddressExpressions.FromRanges(countries(codes)) : null,
            };
        }

        private Dictionary<string, int> ReadCategories() => _options.ReputationCategoriesFile is { } file && TryRead(file, out string text)
            ? ReputationFiles.ParseCategories(text, file, _diagnostics)
            : [];

        public RuleLoadResult Run()
        {
            if (_options.ClassificationPath is { } classification && TryRead(classification, out string text))
            {
                _classes = ClassificationFile.Parse(text, classification, _diagnostics);
            }

            if (_options.ReferencePath is { } reference && TryRead(reference, out text))
            {
                _references = ReferenceFile.Parse(text, reference, _diagnostics);
            }

            List<ThresholdEntry> thresholds = _options.ThresholdFile is { } threshold && TryRead(threshold, out text)
                ? ThresholdFile.Parse(text, threshold, _environment.Addresses, _diagnostics)
                : [];
            _environment.IsFirewall = true;
            AddFiles(_options.FirewallFiles);
            _environment.IsFirewall = false;
            AddFiles(_options.Files);

            foreach ((string name, string content) in _options.Texts)
            {
                AddFile(name, content);
            }

            WarnAboutBits();
            List<(RuleModel Rule, int Priority)> sorted = RuleOrder.Sort(_rules, _options.ActionOrder);
            var complete = new List<(RuleModel Rule, RuleInfo Info)>(sorted.Count);
            foreach ((RuleModel rule, int priority) in sorted)
            {
                complete.Add((rule, Describe(rule, priority, complete.Count)));
            }

            RuleSet rules = RuleCompiler.Compile(complete, thresholds, new AddressMeanings(_options.Variables, _options.HomeGroups));
            string problem = Keep(rules);
            rules = rules.With(ReputationFiles.Read(_options.ReputationFiles, _diagnostics));
            return new RuleLoadResult(rules, _diagnostics, rules.Count, _failed, _skipped, _files, _options.Datasets) { CacheProblem = problem };
        }

        /// <summary>Writes the set to the cache under the key of what was read; a word on what went wrong.</summary>
        private string Keep(RuleSet rules)
        {
            if (_recipes is null || _textBytes < _options.LeastCachedBytes || CompileKey.Of(_options, file => _digests.GetValueOrDefault(file)) is not { } key)
            {
                return "";
            }

            var load = new CachedLoad(rules, _diagnostics, _failed, _skipped, _files);
            return new CompiledRuleCache(_options.CacheFolder!).Write(key, image => RuleSetImage.TryWrite(image, load, _recipes, _options.Names));
        }

        private void AddFiles(IReadOnlyList<string> patterns)
        {
            foreach (string pattern in patterns)
            {
                foreach (string file in Expand(pattern))
                {
                    if (TryRead(file, out string text))
                    {
                        _files++;
                        AddFile(file, text);
                    }
                }
            }
        }

        private void AddFile(string file, string content)
        {
            IEnumerable<(string Text, int Line)> rules = _options.Filters is { } filters && !_environment.IsFirewall
                ? filters.Apply(RuleFileReader.ReadAll(content), file)
                : RuleFileReader.Read(content);
            foreach ((string text, int line) in rules)
            {
                if (text.StartsWith(' '))
                {
                    // Rule sets are shared with Suricata, which passes over such lines without a word.
                    _diagnostics.Add(new RuleDiagnostic(
                        DiagnosticSeverity.Warning, DiagnosticCode.Syntax, file, line, 1, 0, "a line that begins with a blank is not read, as Suricata does not read it", "the rule at the start of the line"));
                    continue;
                }

                RuleSyntax? syntax = RuleParser.Parse(text, file, line, _diagnostics, _environment.Words, _pieces);
                if (syntax is null)
                {
                    _failed++;
                    continue;
                }

                RuleModel? rule = RuleBinder.Bind(syntax, _environment, _diagnostics);
                if (rule is null)
                {
                    _failed++;
                }
                else if (rule.IsSkipped)
                {
                    _skipped++;
                }
                else
                {
                    Add(rule);
                }
            }
        }

        /// <summary>Of two rules with the same id the higher revision stays; the same or a lower one is an error.</summary>
        private void Add(RuleModel rule)
        {
            // The rule is bound: its pieces of text would only be carried from one collection to the next.
            rule.Syntax.Options = [];
            int priority = rule.Priority ?? PriorityOf(rule);
            if (!_byId.TryGetValue((rule.Gid, rule.Sid), out int known))
            {
                _byId.Add((rule.Gid, rule.Sid), _rules.Count);
                _rules.Add((rule, priority));
                return;
            }

            RuleModel old = _rules[known].Rule;
            bool isNewer = rule.Revision > old.Revision;
            RuleSyntax loser = isNewer ? old.Syntax : rule.Syntax;
            _diagnostics.Add(new RuleDiagnostic(
                isNewer ? DiagnosticSeverity.Warning : DiagnosticSeverity.Error,
                DiagnosticCode.DuplicateRule,
                loser.File,
                loser.Line,
                1,
                rule.Sid,
                $"the rule {rule.Gid}:{rule.Sid} is given twice; revision {Math.Max(rule.Revision, old.Revision)} stays"));
            if (isNewer)
            {
                _rules[known] = (rule, priority);
            }
            else
            {
                _failed++;
            }
        }

        private int PriorityOf(RuleModel rule)
        {
            if (rule.ClassType.Length == 0)
            {
                return 3;
            }

            if (_classes.TryGetValue(rule.ClassType, out ClassType? known))
            {
                return known.Priority;
            }

            if (_unknownClasses.Add(rule.ClassType))
            {
                _diagnostics.Add(new RuleDiagnostic(
                    DiagnosticSeverity.Warning, DiagnosticCode.UnknownClassType, rule.Syntax.File, rule.Syntax.Line, 1, rule.Sid, $"the classtype «{rule.ClassType}» is not defined"));
            }

            return 3;
        }

        private RuleInfo Describe(RuleModel rule, int priority, int index)
        {
            ClassType? known = _classes.GetValueOrDefault(rule.ClassType);
            RuleFlags payload = RuleKinds.PayloadFlags(rule);
            return new RuleInfo
            {
                Sid = rule.Sid,
                Gid = rule.Gid,
                Rev = rule.Revision,
                Message = rule.Message,
                ClassType = rule.ClassType,
                Category = known?.Description ?? "",
                Severity = (byte)Math.Min(priority, byte.MaxValue),
                Action = rule.Action,
                NoAlert = rule.NoAlert,
                IsFirewall = rule.Firewall is not null,
                FirewallPolicy = rule.Firewall?.Text ?? "",
                Target = rule.Target,
                References = References(rule),
                Metadata = Metadata(rule),
                Text = rule.Syntax.Text,
                Index = index,
                Kind = RuleKinds.KindOf(rule, payload),
                Header = rule.Syntax.Header,
                SourceFile = rule.Syntax.File,
                SourceLine = rule.Syntax.Line,
                FileCategory = Path.GetFileNameWithoutExtension(rule.Syntax.File),
                RedirectTarget = rule.RedirectTarget,
            };
        }

        private string[] References(RuleModel rule)
        {
            if (rule.References.Count == 0)
            {
                return [];
            }

            var all = new string[rule.References.Count];
            for (int i = 0; i < all.Length; i++)
            {
                all[i] = Complete(rule, rule.References[i].Key, rule.References[i].Value);
            }

            return all;
        }

        /// <summary>Values of equal keys together, the last one first as Suricata writes them; pairs that many rules have exist once.</summary>
        private RuleMetadata[] Metadata(RuleModel rule)
        {
            List<RuleMetadata> all = _metadataOfRule;
            all.Clear();
            foreach ((string key, string value) in rule.Metadata)
            {
                int at = all.Count - 1;
                while (at >= 0 && all[at].Key != key)
                {
                    at--;
                }

                if (at >= 0)
                {
                    all[at] = new RuleMetadata(key, [value, .. all[at].Values]);
                    continue;
                }

                if (!_metadata.TryGetValue((key, value), out RuleMetadata? shared))
                {
                    shared = new RuleMetadata(key, [value]);
                    _metadata.Add((key, value), shared);
                }

                all.Add(shared);
            }

            return [.. all];
        }

        private string Complete(RuleModel rule, string system, string value)
        {
            if (_references.TryGetValue(system, out string? prefix))
            {
                return MetaKeywords.SchemeLength(value) > 0 ? value : prefix + value;
            }

            if (_unknownReferences.Add(system))
            {
                _diagnostics.Add(new RuleDiagnostic(
                    DiagnosticSeverity.Warning, DiagnosticCode.UnknownReference, rule.Syntax.File, rule.Syntax.Line, 1, rule.Sid, $"the reference system «{system}» is not defined"));
            }

            // What Suricata writes before a value whose address it does not know.
            return "undefined" + value;
        }

        private void WarnAboutBits()
        {
            var written = new HashSet<string>();
            foreach ((RuleModel rule, _) in _rules)
            {
                written.UnionWith(rule.BitsWritten);
            }

            foreach ((RuleModel rule, _) in _rules)
            {
                foreach (string bit in rule.BitsRead)
                {
                    if (written.Add(bit))
                    {
                        _diagnostics.Add(new RuleDiagnostic(
                            DiagnosticSeverity.Warning, DiagnosticCode.FlowBitNeverSet, rule.Syntax.File, rule.Syntax.Line, 1, rule.Sid, $"the flowbit «{bit}» is tested but no rule sets it"));
                    }
                }
            }
        }

        private IReadOnlyList<string> Expand(string pattern)
        {
            IReadOnlyList<string> files = RuleFiles.Expand(pattern, out string problem);
            if (problem.Length > 0)
            {
                Missing(pattern, problem);
            }

            return files;
        }

        /// <summary>Rule text is bytes: Latin-1 keeps each of them; texts for people are turned into UTF-8 later.</summary>
        private bool TryRead(string file, out string text)
        {
            text = "";
            try
            {
                byte[] bytes = File.ReadAllBytes(file);
                _textBytes += bytes.Length;
                if (_recipes is not null)
                {
                    _digests[file] = SHA256.HashData(bytes);
                }

                text = Encoding.Latin1.GetString(bytes);
                return true;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
            {
                Missing(file, error.Message);
                return false;
            }
        }

        private void Missing(string file, string why) => _diagnostics.Add(
            new RuleDiagnostic(DiagnosticSeverity.Error, DiagnosticCode.FileNotFound, file, 0, 0, 0, $"the file cannot be read: {why}"));
    }
}
