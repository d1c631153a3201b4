using System.Reflection;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Rules.Explain;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Xunit;

namespace BridgeGuard.Rules.Tests.Caching;

/// <summary>A set from the cache is the set that was compiled, and whatever is wrong with a file is found before it is believed.</summary>
public sealed class CompiledRuleCacheTests : IDisposable
{
    private const string Rules = """
        alert http any any -> any any (msg:"uri"; flow:established,to_server; http.uri; content:"/evil"; nocase; content:".php"; distance:0; pcre:"/id=\d+/R"; flowbits:set,seen; classtype:trojan-activity; reference:url,example.com/x; metadata:created_at 2020_01_01, tag a, tag b; sid:1; rev:3;)
        alert tcp $HOME_NET any -> any [80,443,8000:8100] (msg:"payload"; content:"|de ad be ef|"; depth:8; byte_extract:2,0,n,relative; byte_test:2,>,n,2; byte_jump:1,0; byte_math:bytes 1, offset 0, oper +, rvalue 3, result r; isdataat:n; threshold:type limit, track by_src, count 2, seconds 60; sid:2;)
        alert dns any any -> any any (dns.query; dotprefix; content:".example.com"; endswith; xbits:set,x,track ip_src,expire 10; sid:3;)
        alert tls any any -> any any (tls.version:1.2; tls.sni; to_lowercase; content:"bad"; tag:session,10,packets; sid:4;)
        drop http any any -> any any (file.data; content:"MZ"; startswith; entropy:value > 1; flowbits:isset,seen; sid:5;)
        alert http any any -> any any (http.user_agent; dataset:isset,agents,type string,state agents.lst; sid:6;)
        alert tcp any any -> any any (msg:"b64"; base64_decode:bytes 16,offset 0,relative; base64_data; content:"x"; sid:7;)
        alert http any any -> any any (filemd5:list.md5; filesize:>10; sid:8;)
        alert tcp any any -> any any (content:"|30|"; asn1:oversize_length 10; sid:9;)
        alert dns any any -> any any (frame:dns.pdu; content:"abc"; sid:10;)
        alert smb any any -> any any (smb.version:2; sid:11;)
        alert ip any any -> [10.0.0.0/8,!10.1.0.0/16,2001:db8::/32] any (ip_proto:47; ttl:<5; sid:12;)
        config dns any any -> any any (dns.query; content:"quiet"; config:logging disable, type tx, scope tx; sid:13;)
        alert tcp any any -> any any (pcre:"/user=(\w+)/, flow:name"; sid:14;)
        alert http any any -> any any (http.nosuch; content:"x"; sid:15;)
        alert http any any -> any any (msg:"unknown class"; http.uri; content:"y"; classtype:nosuch; sid:16;)
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("bridgeguard-cache-").FullName;

    public CompiledRuleCacheTests()
    {
        Write("a.rules", Rules);
        Write("list.md5", "d41d8cd98f00b204e9800998ecf8427e\n");
        Write("classification.config", "config classification: trojan-activity,A trojan,1\n");
        Write("reference.config", "config reference: url http://\n");
        Write("threshold.config", "suppress gen_id 1, sig_id 3, track by_src, ip 10.0.0.1\n");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TheSecondLoadComesFromTheCacheAndIsTheSameSet()
    {
        RuleLoadResult cold = Load();
        RuleLoadResult warm = Load();

        Assert.False(cold.IsFromCache);
        Assert.True(warm.IsFromCache, warm.CacheProblem);
        AssertSame(cold, warm);
        Assert.NotEmpty(warm.Diagnostics);
    }

    [Fact]
    public void WholeEmergingThreatsIsTheSameFromTheCache()
    {
        string file = Path.Combine(_folder, "et.rules");
        using (Stream packed = File.OpenRead(Path.Combine(Loading.RealRuleSetTests.SharedFolder(), "etopen-2023-05-15.rules.gz")))
        using (Stream stream = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionMode.Decompress))
        using (Stream plain = File.Create(file))
        {
            stream.CopyTo(plain);
        }

        var options = new RuleLoadOptions { Files = [file], CacheFolder = Cache };
        RuleLoadResult cold = RuleLoader.Load(options);
        RuleLoadResult warm = RuleLoader.Load(options);

        Assert.True(warm.IsFromCache, warm.CacheProblem);
        Assert.Equal(31_993, warm.Loaded);
        AssertSame(cold, warm);
    }

    [Theory]
    [InlineData("a.rules", "alert tcp any any -> any any (content:\"new\"; sid:100;)\n")]
    [InlineData("classification.config", "config classification: trojan-activity,A trojan,2\n")]
    [InlineData("reference.config", "config reference: url https://\n")]
    [InlineData("threshold.config", "")]
    [InlineData("list.md5", "00000000000000000000000000000000\n")]
    public void AChangedFileIsCompiledAnew(string file, string content)
    {
        Load();
        Write(file, content);

        RuleLoadResult changed = Load();

        Assert.False(changed.IsFromCache);
        Assert.True(Load().IsFromCache);
    }

    [Fact]
    public void AChangedVariableOrSettingIsCompiledAnew()
    {
        Load();
        VariableTable variables = VariableTable.CreateDefault();
        variables.Addresses["HOME_NET"] = "192.168.7.0/24";

        Assert.False(RuleLoader.Load(Options(variables: variables)).IsFromCache);
        Assert.False(RuleLoader.Load(Options(isInline: true)).IsFromCache);
        Assert.True(Load().IsFromCache);
    }

    [Fact]
    public void ARuleFileMoreInTheFolderIsCompiledAnew()
    {
        var options = new RuleLoadOptions { Files = [_folder], CacheFolder = Cache, LeastCachedBytes = 0 };
        RuleLoader.Load(options);
        Assert.True(RuleLoader.Load(options).IsFromCache);
        Write("b.rules", "alert tcp any any -> any any (content:\"new\"; sid:100;)\n");

        RuleLoadResult changed = RuleLoader.Load(options);

        Assert.False(changed.IsFromCache);
        Assert.True(changed.Rules.Find(1, 100) >= 0);
    }

    [Fact]
    public void EveryFlippedBitIsFoundAndSaid()
    {
        RuleLoadResult cold = Load();
        byte[] whole = File.ReadAllBytes(CacheFile());
        var random = new Random(7);
        for (int i = 0; i < 200; i++)
        {
            byte[] damaged = (byte[])whole.Clone();
            int at = i < 100 ? i : random.Next(damaged.Length);
            damaged[at] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(CacheFile(), damaged);

            RuleLoadResult again = Load();

            Assert.False(again.IsFromCache, $"byte {at}");
            Assert.NotEmpty(again.CacheProblem);
            Assert.Equal(cold.Loaded, again.Loaded);
        }

        Assert.True(Load().IsFromCache, "the set is written anew after each");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(80)]
    [InlineData(200)]
    [InlineData(-1)]
    public void ATruncatedFileIsFoundAndSaid(int length)
    {
        RuleLoadResult cold = Load();
        byte[] whole = File.ReadAllBytes(CacheFile());
        File.WriteAllBytes(CacheFile(), whole[..(length < 0 ? whole.Length + length : length)]);

        RuleLoadResult again = Load();

        Assert.False(again.IsFromCache);
        Assert.Contains("cut short", again.CacheProblem);
        AssertSame(cold, again);
    }

    [Fact]
    public void AForeignFileIsFoundAndSaid()
    {
        Load();
        File.WriteAllText(CacheFile(), new string('x', 4096));

        Assert.Contains("no compiled rule set", Load().CacheProblem);
    }

    [Fact]
    public void TheFileOfOtherRulesUnderThisNameIsFoundAndSaid()
    {
        Load();
        string other = CacheFile();
        Write("a.rules", "alert tcp any any -> any any (content:\"new\"; sid:100;)\n");
        Load();
        string own = Directory.GetFiles(Cache).Single(file => file != other);
        File.Copy(other, own, overwrite: true);

        RuleLoadResult loaded = Load();

        Assert.Contains("other rules", loaded.CacheProblem);
        Assert.Equal(1, loaded.Loaded);
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void WhatOthersCanWriteIsNotBelieved()
    {
        Load();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(CacheFile()));
        File.SetUnixFileMode(CacheFile(), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);

        Assert.Contains("others may write", Load().CacheProblem);

        Assert.True(Load().IsFromCache);
        File.SetUnixFileMode(Cache, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupWrite);

        Assert.Contains("others may write", Load().CacheProblem);
    }

    [Fact]
    public void AFolderThatCannotBeWrittenCostsOnlyTheCache()
    {
        string blocked = Path.Combine(_folder, "blocked");
        File.WriteAllText(blocked, "");

        RuleLoadResult loaded = RuleLoader.Load(Options(cache: Path.Combine(blocked, "cache")));

        Assert.NotEmpty(loaded.CacheProblem);
        Assert.True(loaded.Loaded > 10);
    }

    [Fact]
    public void SetsOverTheNumberKeptGo()
    {
        for (int i = 0; i < 10; i++)
        {
            Write("a.rules", $"alert tcp any any -> any any (content:\"new\"; sid:{100 + i};)\n");
            Load();
        }

        Assert.InRange(Directory.GetFiles(Cache).Length, 2, 6);
        Assert.True(Load().IsFromCache);
    }

    [Fact]
    public void VariablesWithOtherNumbersAreCompiledAnew()
    {
        var names = new VariableNames();
        names.Intern("first");
        RuleLoader.Load(Options(names: names));
        var others = new VariableNames();
        others.Intern("second");

        RuleLoadResult loaded = RuleLoader.Load(Options(names: others));

        Assert.False(loaded.IsFromCache);
        Assert.Contains("numbers", loaded.CacheProblem);
    }

    [Fact]
    public void EveryPropertyOfARuleSetIsInTheImage()
    {
        string[] written =
        [
            "Addresses", "Asn1Ops", "Base64Ops", "BufferNames", "BufferPrefilters", "BufferTransforms", "ByteOps", "Conditions", "ConfigOps", "Contents",
            "DatasetOps", "Effects", "Engines", "EntropyOps", "Entries", "Expressions", "FieldTests", "FileTests", "Firewall", "FrameRules", "HeaderOfRule",
            "HeaderRules", "Headers", "Ids", "Infos", "IntegerTests", "Keywords", "NeededHashes", "Names", "Numbers", "Ops", "PayloadPrefilters", "Ports",
            "ProtocolSets", "RpcTests", "StoresFiles", "Suppressions", "Tags", "Thresholds", "TransactionRules",
        ];
        string[] derived = ["Count", "NeedsStream", "Reputation", "Rules", "Searches"];
        string[] actual = [.. typeof(RuleSet).GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Select(p => p.Name)];
        Assert.Equal([.. written.Concat(derived).Order(StringComparer.Ordinal)], actual.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryOptionIsInTheKey()
    {
        string[] inKey =
        [
            "ActionOrder", "ClassificationFile", "Countries", "CountriesFile", "DataFolders", "DisabledFeatures", "DisabledProtocols", "Files", "Filters", "FirewallFiles", "HomeGroups", "IsInline",
            "PcreMatchLimit", "PcreRecursionLimit", "ReferenceFile", "ReputationCategoriesFile", "Texts", "ThresholdFile", "UriLengthIsRaw", "Variables",
        ];
        string[] without = ["CacheFolder", "Datasets", "DefaultActionOrder", "LeastCachedBytes", "Names", "RefreshesCache", "ReputationFiles"];
        Assert.Equal(
            [.. inKey.Concat(without).Order(StringComparer.Ordinal)],
            typeof(RuleLoadOptions).GetProperties().Select(p => p.Name).Order(StringComparer.Ordinal));
    }

    private static void AssertSame(RuleLoadResult expected, RuleLoadResult actual)
    {
        Assert.Equal(expected.Diagnostics, actual.Diagnostics);
        Assert.Equal((expected.Loaded, expected.Failed, expected.Skipped, expected.Files), (actual.Loaded, actual.Failed, actual.Skipped, actual.Files));
        RuleSet left = expected.Rules;
        RuleSet right = actual.Rules;
        Assert.Equal(left.Count, right.Count);
        Assert.Equal(PrefilterOutline.Of(left).Select(search => search.ToString()), PrefilterOutline.Of(right).Select(search => search.ToString()));
        for (int i = 0; i < left.Count; i++)
        {
            RuleInfo one = left.Rules[i];
            RuleInfo other = right.Rules[i];
            Assert.Equal(RuleExplainer.Explain(left, one.Gid, one.Sid), RuleExplainer.Explain(right, one.Gid, one.Sid));
            Assert.Equal(i, right.Find(one.Gid, one.Sid));
            Assert.Equal(one.Text, other.Text);
            Assert.Equal(one.References, other.References);
            Assert.Equal(one.Metadata.Select(pair => $"{pair.Key}={string.Join('|', pair.Values)}"), other.Metadata.Select(pair => $"{pair.Key}={string.Join('|', pair.Values)}"));
            foreach (PropertyInfo property in typeof(RuleInfo).GetProperties().Where(p => p.PropertyType.IsValueType || p.PropertyType == typeof(string)))
            {
                Assert.Equal(property.GetValue(one), property.GetValue(other));
            }
        }
    }

    private string Cache => Path.Combine(_folder, "cache");

    private string CacheFile() => Assert.Single(Directory.GetFiles(Cache));

    private void Write(string name, string content) => File.WriteAllText(Path.Combine(_folder, name), content);

    private RuleLoadResult Load() => RuleLoader.Load(Options());

    private RuleLoadOptions Options(VariableTable? variables = null, bool isInline = false, VariableNames? names = null, string? cache = null) => new()
    {
        Files = [Path.Combine(_folder, "a.rules")],
        ClassificationFile = Path.Combine(_folder, "classification.config"),
        ReferenceFile = Path.Combine(_folder, "reference.config"),
        ThresholdFile = Path.Combine(_folder, "threshold.config"),
        Variables = variables ?? VariableTable.CreateDefault(),
        Datasets = new DatasetRegistry { Folders = [_folder] },
        IsInline = isInline,
        Names = names ?? VariableNames.Shared,
        CacheFolder = cache ?? Cache,
        LeastCachedBytes = 0,
    };
}
