using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Compilation;

/// <summary>A suppression or a limit from <c>threshold.config</c>.</summary>
internal sealed record ThresholdEntry(uint Gid, uint Sid, ThresholdRule? Threshold, TrackBy SuppressBy, AddressRanges? Addresses);

/// <summary>Lays rule models out in the flat arrays of a <see cref="RuleSet"/>. Used once per set.</summary>
internal sealed partial class RuleCompiler
{
    private readonly List<RuleInfo> _infos = [];
    private readonly List<RuleEntry> _entries = [];
    private readonly List<string> _bufferNames = [];
    private readonly List<PacketCondition> _conditions = [];
    private readonly List<int> _numbers = [];
    private readonly List<BufferOp> _ops = [];
    private readonly List<ContentPattern> _contents = [];
    private readonly Dictionary<ContentKey, int> _contentNumbers = [];
    private readonly List<Entropy> _entropies = [];
    private readonly List<Asn1> _asn1 = [];
    private readonly List<DatasetOp> _datasetOps = [];
    private readonly List<RpcTest> _rpcTests = [];
    private readonly List<PcreOp> _expressions = [];
    private readonly List<ByteOp> _byteOps = [];
    private readonly List<Base64Op> _base64Ops = [];
    private readonly List<InspectionEngine> _engines = [];
    private readonly List<InspectionEngine> _enginesOfRule = [];
    private readonly List<FieldTest> _fieldTests = [];
    private readonly List<IntegerRange> _integerTests = [];
    private readonly List<TransactionMatcher> _keywords = [];
    private readonly List<FileTest> _fileTests = [];
    private readonly List<RuleEffect> _effects = [];
    private readonly List<ThresholdRule> _thresholds = [];
    private readonly List<Suppression> _suppressions = [];
    private readonly List<TagOp> _tags = [];
    private readonly List<ConfigOp> _configs = [];
    private readonly HeaderTable _headers;
    private readonly List<Transform[]> _bufferTransforms = [];
    private readonly Dictionary<string, int> _bufferNumbers = [];
    private readonly PrefilterPlan _prefilters = new();
    private readonly FirewallLayout _firewall = new();
    private readonly List<int>[] _transactionRules = new List<int>[(int)ProtocolId.Count];

    private RuleCompiler(AddressMeanings meanings) => _headers = new HeaderTable(meanings);

    /// <summary>Compiles rules that were bound without error.</summary>
    /// <param name="rules">With their texts and priority resolved, in evaluation order.</param>
    /// <param name="thresholds">What <c>threshold.config</c> says.</param>
    /// <param name="meanings">What HOME_NET means besides what is configured.</param>
    public static RuleSet Compile(IReadOnlyList<(RuleModel Rule, RuleInfo Info)> rules, IReadOnlyList<ThresholdEntry> thresholds, AddressMeanings meanings)
    {
        var compiler = new RuleCompiler(meanings);
        ILookup<(uint, uint), ThresholdEntry> byRule = thresholds.ToLookup(entry => (entry.Gid, entry.Sid));
        foreach ((RuleModel rule, RuleInfo info) in rules)
        {
            compiler.Add(rule, info, byRule);
        }

        return compiler.Build();
    }

    private void Add(RuleModel rule, RuleInfo info, ILookup<(uint, uint), ThresholdEntry> thresholds)
    {
        int index = _entries.Count;
        RuleFlags payload = RuleKinds.PayloadFlags(rule);
        RuleKind kind = RuleKinds.KindOf(rule, payload);
        (SectionModel Section, OpModel Content)? fast = rule.Firewall is null ? FastPatternChooser.Choose(rule) : null;
        bool onFlow = rule.ActionOnFlow ?? RuleKinds.ActsOnFlow(rule, kind);
        RuleFlags directions = Flags(rule.Directions);
        var entry = new RuleEntry
        {
            Flags = directions | payload
                | (rule.NoAlert ? RuleFlags.NoAlert : 0)
                | (rule.Payload.Ops.Count > 0 ? RuleFlags.HasPayload : 0)
                | (rule.IsTwoWay ? RuleFlags.TwoWay : 0)
                | (onFlow ? RuleFlags.ActionOnFlow : 0)
                | (rule.Payload.Ops.Exists(op => op.Replacement is not null) ? RuleFlags.Replaces : 0)
                | (IsHookOnly(rule) ? RuleFlags.HookOnly : 0)
                | (rule.ActionOnFlow == false ? RuleFlags.ActionOnPacketOnly : 0)
                | (kind == RuleKind.Packet && rule.Conditions.Count == 0 && RuleKinds.IsOfProtocolAndDirection(rule) ? RuleFlags.OfDirection : 0)
                | (fast is null ? 0 : RuleFlags.HasFastPattern),
            Action = rule.Action,
            Kind = kind,
            App = rule.App,
            Header = _headers.Intern(rule, directions),
            Conditions = AddConditions(rule),
            Payload = AddSection(rule, kind == RuleKind.Frame ? FrameSection(rule, fast) : rule.Payload),
            Effects = AddEffects(rule),
        };
        entry.Engines = AddEngines(rule, entry, index, fast);
        AddThresholds(rule, thresholds, ref entry);
        _entries.Add(entry);
        _infos.Add(info);
        if (rule.Firewall is not null)
        {
            _firewall.Add(rule, index);
        }
        else
        {
            AddToLists(rule, index, kind, payload, fast);
        }
    }

    /// <summary>Frames are looked at one by one: of several types that a rule names, those with its fast pattern decide.</summary>
    private static SectionModel FrameSection(RuleModel rule, (SectionModel Section, OpModel Content)? fast) => fast?.Section ?? rule.Frames[^1];

    private static bool IsHookOnly(RuleModel rule) => rule is { IsTwoWay: false, Firewall: null, Sections.Count: 0, Payload.Ops.Count: 0, Engines.Count: > 0 }
        && rule.Engines.TrueForAll(engine => engine.Kind == EngineKind.Progress);

    private static RuleFlags Flags(DirectionMask mask) =>
        ((mask & DirectionMask.ToServer) != 0 ? RuleFlags.ToServer : 0) | ((mask & DirectionMask.ToClient) != 0 ? RuleFlags.ToClient : 0);

    private void AddToLists(RuleModel rule, int index, RuleKind kind, RuleFlags payload, (SectionModel Section, OpModel Content)? fast)
    {
        HeaderTable.Lists lists = _headers.ListsOf(_entries[index].Header);
        switch (kind)
        {
            case RuleKind.IpOnly:
                lists.IpOnly.Add(index);
                return;

            case RuleKind.ProtocolDetection:
                lists.Detection.Add(index);
                return;

            case RuleKind.Transaction when fast is null:
                (rule.Engines.Exists(engine => engine.Kind == EngineKind.Anomaly) ? lists.Anomalies : lists.Transactions).Add(index);
                return;

            case RuleKind.Transaction:
                return;

            case RuleKind.Frame:
                SectionModel section = FrameSection(rule, fast);
                _prefilters.AddFrame(index, fast?.Content, section.Frame!, NumberOf(section), rule.Directions);
                return;
        }

        if (rule.Conditions.Exists(condition => condition.Condition.Kind is ConditionKind.PacketEvent or ConditionKind.AppEvent))
        {
            lists.Events.Add(index);
            return;
        }

        if (fast is not { } pattern)
        {
            lists.Always.Add(index);
            return;
        }

        lists.PayloadPatterns |= _prefilters.AddPayload(index, pattern.Content, payload, rule, _entries[index].Header);
    }

    private Span32 AddConditions(RuleModel rule)
    {
        if (rule.Conditions.Count == 0)
        {
            return Span32.Empty;
        }

        var built = new List<PacketCondition>(rule.Conditions.Count);
        foreach (ConditionModel model in rule.Conditions)
        {
            PacketCondition condition = model.Condition;
            if (model.Numbers is { } numbers)
            {
                condition.A = _numbers.Count;
                condition.B = numbers.Length;
                _numbers.AddRange(numbers);
            }

            if (model.Addresses is { } addresses)
            {
                condition.A = _headers.InternAddresses(addresses);
            }

            if (model.Rpc is { } rpc)
            {
                condition.A = _rpcTests.Count;
                _rpcTests.Add(rpc);
            }

            if (model.Content is { } content)
            {
                condition.B = InternContent(new OpModel { Kind = BufferOpKind.Content, Pattern = content });
            }

            if (model.Section is { } section)
            {
                Span32 span = AddSection(rule, section);
                condition.A = span.Start;
                condition.B = span.Count;
                condition.Negated = section.Absent || section.AbsentOrElse;
                condition.Test = section.Transforms.Count == 0 ? default : new IntegerRange(IntegerComparison.Equal, (uint)NumberOf(section) + 1, 0);
            }

            built.Add(condition);
        }

        int start = _conditions.Count;
        _conditions.AddRange(built);
        return new Span32(start, built.Count);
    }

    private Span32 AddSection(RuleModel rule, SectionModel section)
    {
        if (section.Ops.Count == 0)
        {
            return Span32.Empty;
        }

        var built = new List<BufferOp>(section.Ops.Count);
        for (int i = 0; i < section.Ops.Count; i++)
        {
            OpModel op = section.Ops[i];
            BufferOp compiled = Compile(rule, op);
            if (IsReferredTo(section.Ops, i))
            {
                compiled.Flags |= OpFlags.NextIsRelative;
            }

            built.Add(compiled);
            if (op.Replacement is { } bytes)
            {
                built.Add(new BufferOp
                {
                    Kind = BufferOpKind.Replace,
                    Data = InternContent(new OpModel { Kind = BufferOpKind.Content, Pattern = bytes }),
                    DataLength = bytes.Length,
                });
            }
        }

        int start = _ops.Count;
        _ops.AddRange(built);
        return new Span32(start, built.Count);
    }

    /// <summary>Whether something behind an instruction hangs on where it matched: the next that is relative, with nothing in between that moves the place.</summary>
    private static bool IsReferredTo(List<OpModel> ops, int index)
    {
        for (int i = index + 1; i < ops.Count; i++)
        {
            if (ops[i].Has(OpFlags.Relative))
            {
                return true;
            }

            if (ops[i].Kind is BufferOpKind.ByteJump or BufferOpKind.ByteExtract or BufferOpKind.ByteMath
                || (ops[i].Kind is BufferOpKind.Content or BufferOpKind.Pcre && !ops[i].IsNegated))
            {
                return false;
            }
        }

        return false;
    }

    private BufferOp Compile(RuleModel rule, OpModel op)
    {
        var compiled = new BufferOp
        {
            Kind = op.Kind,
            Flags = op.Flags,
            Offset = op.Offset,
            Depth = op.Depth,
            Distance = op.Distance,
            Within = op.Within,
            Test = op.Test,
        };
        switch (op.Kind)
        {
            case BufferOpKind.Content:
                compiled.Data = InternContent(op);
                compiled.DataLength = op.Pattern.Length;
                break;
            case BufferOpKind.Entropy:
                compiled.Data = _entropies.Count;
                _entropies.Add((Entropy)op.Data!);
                break;
            case BufferOpKind.Dataset:
                compiled.Data = _datasetOps.Count;
                _datasetOps.Add((DatasetOp)op.Data!);
                break;
            case BufferOpKind.Asn1:
                compiled.Data = _asn1.Count;
                _asn1.Add((Asn1)op.Data!);
                break;
            case BufferOpKind.Pcre:
                compiled.Data = _expressions.Count;
                _expressions.Add((PcreOp)op.Data!);
                break;
            case BufferOpKind.ByteTest or BufferOpKind.ByteJump or BufferOpKind.ByteExtract or BufferOpKind.ByteMath:
                compiled.Data = _byteOps.Count;
                _byteOps.Add((ByteOp)op.Data!);
                break;
            case BufferOpKind.Base64Decode:
                compiled.Data = _base64Ops.Count;
                var decode = (Base64Op)op.Data!;
                decode.Section = rule.Base64Data is { } data ? AddSection(rule, data) : Span32.Empty;
                _base64Ops.Add(decode);
                break;
        }

        return compiled;
    }

    private int InternContent(OpModel op)
    {
        bool ignoreCase = op.Has(OpFlags.IgnoreCase);
        var key = new ContentKey(op.Pattern, ignoreCase);
        if (!_contentNumbers.TryGetValue(key, out int number))
        {
            number = _contents.Count;
            _contentNumbers.Add(key, number);
            _contents.Add(new ContentPattern(op.Pattern, ignoreCase));
        }

        return number;
    }

    /// <summary>Bytes and case of a content, compared by value.</summary>
    private readonly struct ContentKey(byte[] bytes, bool ignoreCase) : IEquatable<ContentKey>
    {
        private readonly byte[] _bytes = bytes;
        private readonly bool _ignoreCase = ignoreCase;

        public bool Equals(ContentKey other) => _ignoreCase == other._ignoreCase && _bytes.AsSpan().SequenceEqual(other._bytes);

        public override bool Equals(object? obj) => obj is ContentKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.AddBytes(_bytes);
            hash.Add(_ignoreCase);
            return hash.ToHashCode();
        }
    }

    private Span32 AddEffects(RuleModel rule)
    {
        int start = _effects.Count;
        foreach (RuleEffect model in rule.Effects)
        {
            RuleEffect effect = model;
            switch (effect.Kind)
            {
                case EffectKind.StoreFiles:
                    effect.B = _entries.Count;
                    break;
                case EffectKind.Tag:
                    effect.A += _tags.Count;
                    break;
                case EffectKind.Config:
                    effect.A += _configs.Count;
                    break;
            }

            _effects.Add(effect);
        }

        _tags.AddRange(rule.Tags);
        _configs.AddRange(rule.Configs);
        return new Span32(start, _effects.Count - start);
    }

    private void AddThresholds(RuleModel rule, ILookup<(uint, uint), ThresholdEntry> configured, ref RuleEntry entry)
    {
        if (configured.Count == 0)
        {
            entry.Thresholds = new Span32(_thresholds.Count, rule.Thresholds.Count);
            _thresholds.AddRange(rule.Thresholds);
            return;
        }

        // The most specific wins: rule by sid, then group by gid 1 sid 0, then all (0, 0).
        var applicable = configured[(rule.Gid, rule.Sid)].Concat(configured[(rule.Gid, 0)]).Concat(configured[(0, 0)]).ToList();
        int start = _thresholds.Count;

        // What a rule says itself comes before what is said of all rules, and before rate filters.
        bool hasOwn = rule.Thresholds.Count > 0;
        var limits = applicable.Where(item => item.Threshold is { } limit && !(hasOwn && (item.Sid == 0 || limit.Kind == ThresholdKind.RateFilter))).ToList();
        if (limits.Count > 0)
        {
            ThresholdEntry first = limits[0];
            // Of several limits for the same rules the last one counts; a rate filter goes beside.
            _thresholds.AddRange(limits.Where(item => item.Sid == first.Sid && item.Gid == first.Gid)
                .Select(item => item.Threshold!.Value)
                .GroupBy(limit => limit.Kind == ThresholdKind.RateFilter)
                .Select(same => same.Last()));
        }
        else
        {
            _thresholds.AddRange(rule.Thresholds);
        }

        entry.Thresholds = new Span32(start, _thresholds.Count - start);
        start = _suppressions.Count;
        foreach (ThresholdEntry item in applicable.Where(item => item.Threshold is null))
        {
            _suppressions.Add(new Suppression
            {
                Track = item.SuppressBy,
                Addresses = item.Addresses is { } ranges ? _headers.InternAddresses(ranges) : 0,
            });
        }

        entry.Suppressions = new Span32(start, _suppressions.Count - start);
    }

    private RuleSet Build() => new()
    {
        Infos = new([.. _infos]),
        Ids = [.. _infos.Select(info => (info.Gid, info.Sid))],
        Entries = [.. _entries],
        Headers = _headers.Headers(),
        HeaderOfRule = [.. _entries.Select(entry => entry.Header)],
        HeaderRules = _headers.Rules(),
        Addresses = _headers.BuildAddresses(),
        Ports = _headers.BuildPorts(),
        ProtocolSets = _headers.ProtocolSets(),
        Conditions = [.. _conditions],
        Numbers = [.. _numbers],
        Ops = [.. _ops],
        Contents = new([.. _contents]),
        EntropyOps = [.. _entropies],
        Asn1Ops = [.. _asn1],
        DatasetOps = [.. _datasetOps],
        RpcTests = [.. _rpcTests],
        Expressions = new([.. _expressions]),
        ByteOps = [.. _byteOps],
        Base64Ops = [.. _base64Ops],
        Engines = [.. _engines],
        FieldTests = [.. _fieldTests],
        IntegerTests = [.. _integerTests],
        Keywords = [.. _keywords],
        FileTests = [.. _fileTests],
        StoresFiles = _effects.Exists(effect => effect.Kind == EffectKind.StoreFiles),
        NeededHashes = _fileTests.Aggregate(FileHashes.None, (all, test) => all | test.Kind switch
        {
            FileTestKind.Md5 => FileHashes.Md5,
            FileTestKind.Sha1 => FileHashes.Sha1,
            FileTestKind.Sha256 => FileHashes.Sha256,
            _ => FileHashes.None,
        }),
        BufferNames = [.. _bufferNames],
        Effects = [.. _effects],
        Thresholds = [.. _thresholds],
        Suppressions = [.. _suppressions],
        Tags = [.. _tags],
        ConfigOps = [.. _configs],
        BufferTransforms = [.. _bufferTransforms],
        TransactionRules = Array.ConvertAll(_transactionRules, list => list is null ? [] : list.ToArray()),
        PayloadPrefilters = _prefilters.BuildPayload(),
        BufferPrefilters = _prefilters.BuildBuffers(),
        Firewall = _firewall.Build(),
        FrameRules = _prefilters.BuildFrames(),
    };
}
