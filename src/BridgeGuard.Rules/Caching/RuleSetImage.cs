using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Detection.Datasets;
using BridgeGuard.Engine.Detection.Firewall;
using BridgeGuard.Engine.Detection.Image;
using BridgeGuard.Engine.Detection.Matchers;
using BridgeGuard.Engine.Detection.Prefilter;
using BridgeGuard.Engine.Detection.Regex;
using BridgeGuard.Engine.Detection.Transforms;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Caching;

/// <summary>Writes a compiled set with its diagnostics, and reads it back. Write and Read name the same things in the same order.</summary>
internal static partial class RuleSetImage
{
    /// <summary>Writes all; false when the set holds an object whose origin is not known (then nothing usable was written).</summary>
    public static bool TryWrite(ImageWriter image, CachedLoad load, Recipes recipes, VariableNames names)
    {
        RuleSet rules = load.Rules;
        image.Texts(names.All());
        image.Int(recipes.DataFiles.Count);
        foreach ((string path, byte[]? digest) in recipes.DataFiles)
        {
            image.Text(path);
            image.Array<byte>(digest ?? []);
        }

        WriteDiagnostics(image, load);
        if (!TryWriteRecipes(image, rules, recipes))
        {
            return false;
        }

        WriteInfos(image, rules);
        WriteProgram(image, rules);
        WriteGroups(image, rules);
        WriteSearches(image, rules);
        WriteFirewall(image, rules.Firewall);
        return true;
    }

    /// <summary>Reads what <see cref="TryWrite"/> wrote.</summary>
    /// <returns>Null with a reason when it does not fit this process: the caller compiles.</returns>
    public static CachedLoad? TryRead(ImageReader image, RuleLoadOptions options, KeywordIndex keywords, out string reason)
    {
        string[] names = image.Texts();
        if (!options.Names.CanAdopt(names))
        {
            reason = "flow variables have other numbers in this process";
            return null;
        }

        for (int i = image.Count(); i > 0; i--)
        {
            string path = image.Text();
            byte[] digest = image.Array<byte>();
            if (!(CompileKey.DigestOf(path) ?? []).AsSpan().SequenceEqual(digest))
            {
                reason = $"{path} has changed";
                return null;
            }
        }

        (List<RuleDiagnostic> diagnostics, int failed, int skipped, int files) = ReadDiagnostics(image);
        if (!TryReadRecipes(image, options, keywords, out Made made, out reason))
        {
            return null;
        }

        Infos infos = ReadInfos(image);
        RuleSet rules = ReadProgram(image, infos, made, options);
        options.Names.Adopt(names);
        reason = "";
        return new CachedLoad(rules, diagnostics, failed, skipped, files);
    }

    private static void WriteDiagnostics(ImageWriter image, CachedLoad load)
    {
        image.Int(load.Failed);
        image.Int(load.Skipped);
        image.Int(load.Files);
        image.Int(load.Diagnostics.Count);
        foreach (RuleDiagnostic diagnostic in load.Diagnostics)
        {
            image.Value(diagnostic.Severity);
            image.Value(diagnostic.Code);
            image.Text(diagnostic.File);
            image.Int(diagnostic.Line);
            image.Int(diagnostic.Column);
            image.Value(diagnostic.Sid);
            image.Text(diagnostic.Message);
            image.Text(diagnostic.Expected);
        }
    }

    private static (List<RuleDiagnostic> Diagnostics, int Failed, int Skipped, int Files) ReadDiagnostics(ImageReader image)
    {
        int failed = image.Int();
        int skipped = image.Int();
        int files = image.Int();
        var diagnostics = new List<RuleDiagnostic>();
        for (int i = image.Count(); i > 0; i--)
        {
            diagnostics.Add(new RuleDiagnostic(
                image.Value<DiagnosticSeverity>(),
                image.Value<DiagnosticCode>(),
                image.Text(),
                image.Int(),
                image.Int(),
                image.Value<uint>(),
                image.Text(),
                image.Text()));
        }

        return (diagnostics, failed, skipped, files);
    }

    private static void WriteProgram(ImageWriter image, RuleSet rules)
    {
        image.Array<RuleEntry>(rules.Entries);
        image.Array<RuleHeader>(rules.Headers);
        image.Array<int>(rules.HeaderOfRule);
        rules.Addresses.Write(image);
        rules.Ports.Write(image);
        image.Jagged(rules.ProtocolSets);
        image.Array<PacketCondition>(rules.Conditions);
        image.Array<int>(rules.Numbers);
        image.Array<BufferOp>(rules.Ops);
        WriteContents(image, rules.Contents);
        image.Int(rules.ByteOps.Length);
        foreach (ByteOp op in rules.ByteOps)
        {
            op.Write(image);
        }

        image.Int(rules.Base64Ops.Length);
        foreach (Base64Op op in rules.Base64Ops)
        {
            image.Value(op.Decode);
            image.Value(op.Section);
        }

        image.Array<Entropy>(rules.EntropyOps);
        image.Array<Asn1>(rules.Asn1Ops);
        image.Int(rules.RpcTests.Length);
        foreach (RpcTest test in rules.RpcTests)
        {
            image.Value(test.Program);
            image.Optional(test.Version);
            image.Optional(test.Procedure);
        }

        image.Array<InspectionEngine>(rules.Engines);
        image.Array<FieldTest>(rules.FieldTests);
        image.Array<IntegerRange>(rules.IntegerTests);
        WriteFileTests(image, rules.FileTests);
        image.Value(rules.NeededHashes);
        image.Bool(rules.StoresFiles);
        image.Texts(rules.BufferNames);
        image.Array<RuleEffect>(rules.Effects);
        image.Array<ThresholdRule>(rules.Thresholds);
        image.Array<Suppression>(rules.Suppressions);
        image.Int(rules.Tags.Length);
        foreach (TagOp tag in rules.Tags)
        {
            image.Bool(tag.IsHost);
            image.Bool(tag.BySource);
            image.Value(tag.Metric);
            image.Value(tag.Count);
        }

        image.Int(rules.ConfigOps.Length);
        foreach (ConfigOp config in rules.ConfigOps)
        {
            image.Bool(config.DisableLogging);
            image.Bool(config.WholeFlow);
        }
    }

    private static RuleSet ReadProgram(ImageReader image, Infos infos, Made made, RuleLoadOptions options) => new()
    {
        // Members are read in the order in which they are written here.
        Infos = infos.Table,
        Ids = infos.Ids,
        Keywords = made.Keywords,
        BufferTransforms = made.Transforms,
        DatasetOps = made.Datasets,
        Expressions = made.Expressions,
        Entries = image.Array<RuleEntry>(),
        Headers = image.Array<RuleHeader>(),
        HeaderOfRule = image.Array<int>(),
        Addresses = new AddressViews(image),
        Ports = new PortClassifier(image),
        ProtocolSets = image.Jagged<ulong>(),
        Conditions = image.Array<PacketCondition>(),
        Numbers = image.Array<int>(),
        Ops = image.Array<BufferOp>(),
        Contents = ReadContents(image),
        ByteOps = Many(image, ByteOp.Read),
        Base64Ops = Many(image, static image => new Base64Op { Decode = image.Value<Base64Decode>(), Section = image.Value<Span32>() }),
        EntropyOps = image.Array<Entropy>(),
        Asn1Ops = image.Array<Asn1>(),
        RpcTests = Many(image, static image => new RpcTest(image.Value<uint>(), image.Optional<uint>(), image.Optional<uint>())),
        Engines = image.Array<InspectionEngine>(),
        FieldTests = image.Array<FieldTest>(),
        IntegerTests = image.Array<IntegerRange>(),
        FileTests = Many(image, ReadFileTest),
        NeededHashes = image.Value<FileHashes>(),
        StoresFiles = image.Bool(),
        BufferNames = image.Texts(),
        Effects = image.Array<RuleEffect>(),
        Thresholds = image.Array<ThresholdRule>(),
        Suppressions = image.Array<Suppression>(),
        Tags = Many(image, static image => new TagOp { IsHost = image.Bool(), BySource = image.Bool(), Metric = image.Value<TagMetric>(), Count = image.Value<uint>() }),
        ConfigOps = Many(image, static image => new ConfigOp { DisableLogging = image.Bool(), WholeFlow = image.Bool() }),
        TransactionRules = ByProtocol(image.Jagged<int>(), 1),
        HeaderRules = Many(image, ReadHeaderRules),
        Searches = ReadSearches(image),
        Firewall = ReadFirewall(image),
        Names = options.Names,
    };

    private static T[] Many<T>(ImageReader image, Func<ImageReader, T> read)
    {
        var all = new T[image.Count()];
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = read(image);
        }

        return all;
    }

    private static T[][] ByProtocol<T>(T[][] all, int perProtocol) =>
        all.Length == (int)ProtocolId.Count * perProtocol ? all : throw new InvalidDataException("another number of protocols");

    private static void WriteFileTests(ImageWriter image, FileTest[] tests)
    {
        image.Int(tests.Length);
        foreach (FileTest test in tests)
        {
            image.Value(test.Kind);
            image.Value(test.Size);
            image.Bool(test.Negated);
            image.Bool(test.Digests is not null);
            test.Digests?.Write(image);
        }
    }

    private static FileTest ReadFileTest(ImageReader image) => new()
    {
        Kind = image.Value<FileTestKind>(),
        Size = image.Value<IntegerRange>(),
        Negated = image.Bool(),
        Digests = image.Bool() ? new DigestSet(image) : null,
    };

    private static void WriteGroups(ImageWriter image, RuleSet rules)
    {
        image.Jagged(rules.TransactionRules);
        image.Int(rules.HeaderRules.Length);
        foreach (HeaderRules header in rules.HeaderRules)
        {
            image.Jagged([header.Always, header.Events, header.IpOnly, header.Detection, header.Transactions, header.Anomalies]);
            image.Value(header.PayloadPatterns);
        }
    }

    private static HeaderRules ReadHeaderRules(ImageReader image)
    {
        int[][] lists = image.Jagged<int>();
        return new HeaderRules
        {
            Always = lists[0],
            Events = lists[1],
            IpOnly = lists[2],
            Detection = lists[3],
            Transactions = lists[4],
            Anomalies = lists[5],
            PayloadPatterns = image.Value<byte>(),
        };
    }

    private static void WriteFirewall(ImageWriter image, FirewallTables tables)
    {
        foreach (FirewallRule[] table in tables.Packet)
        {
            Write(table);
        }

        image.Int(tables.App.Length);
        foreach (FirewallRule[][] hooks in tables.App)
        {
            image.Int(hooks.Length);
            Array.ForEach(hooks, Write);
        }

        void Write(FirewallRule[] rules)
        {
            image.Int(rules.Length);
            foreach (FirewallRule rule in rules)
            {
                image.Int(rule.Rule);
                image.Value(rule.Action.Action);
                image.Value(rule.Action.Scope);
                image.Value(rule.Action.Pass);
                image.Bool(rule.Action.Alerts);
                image.Bool(rule.IsUpTo);
            }
        }
    }

    private static FirewallTables ReadFirewall(ImageReader image)
    {
        FirewallRule[][] packet = [ReadRules(image), ReadRules(image), ReadRules(image), ReadRules(image)];
        return new FirewallTables { Packet = packet, App = ByProtocol(Many(image, static image => Many(image, ReadRules)), 2) };

        static FirewallRule[] ReadRules(ImageReader image) => Many(image, static image => new FirewallRule
        {
            Rule = image.Int(),
            Action = new FirewallAction(image.Value<RuleAction>(), image.Value<FirewallScope>(), image.Value<FirewallPass>(), image.Bool()),
            IsUpTo = image.Bool(),
        });
    }
}
