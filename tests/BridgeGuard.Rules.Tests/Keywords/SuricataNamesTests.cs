using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Protocols.Frames;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Loading;
using Xunit;

namespace BridgeGuard.Rules.Tests.Keywords;

/// <summary>Every keyword, sticky buffer, transform, frame, hook and app-layer event that Suricata names is one here, and usable as there.</summary>
public sealed class SuricataNamesTests
{
    /// <summary>What a buffer's rule may begin with; the first that takes it counts.</summary>
    private static readonly string[] Headers = ["ip", "tcp", "udp", "icmp", "http", "dns"];

    /// <summary>Headers as they came have one direction at a time.</summary>
    private static readonly string[] Directions = ["", "flow:to_server; "];

    /// <summary>Fingerprints are compared with what may be one.</summary>
    private static readonly string[] Contents = ["a", "0123456789abcdef0123456789abcdef", "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33"];

    [Fact]
    public void TheListsAreWhole()
    {
        Assert.Equal(156, SuricataNames.StickyBuffers.Length);
        Assert.Equal(13, SuricataNames.ContentModifiers.Length);
        Assert.Equal(18, SuricataNames.Transforms.Length);
        Assert.Equal(205, SuricataNames.Options.Length);
        Assert.Equal(101, SuricataNames.Frames.Length);
        Assert.Equal(149, SuricataNames.Hooks.Length);
        Assert.Equal(261, SuricataNames.Events.Length);
    }

    [Fact]
    public void EveryKeywordIsKnown()
    {
        HashSet<string> known = [.. KeywordList.All.Select(keyword => keyword.Name)];
        string[] names = [.. SuricataNames.StickyBuffers, .. SuricataNames.ContentModifiers, .. SuricataNames.Transforms, .. SuricataNames.Options];
        Assert.Equal([], names.Except(known));
    }

    [Fact]
    public void EveryStickyBufferTakesAContent() => Assert.Empty(SuricataNames.StickyBuffers.Where(name => !IsTaken(content => $"{name}; content:\"{content}\";")).ToArray());

    [Fact]
    public void EveryContentModifierFollowsAContent() => Assert.Empty(SuricataNames.ContentModifiers.Where(name => !IsTaken(content => $"content:\"{content}\"; {name};")).ToArray());

    [Fact]
    public void EveryTransformIsListedAsOne() => Assert.Empty(SuricataNames.Transforms.Where(name => KeywordList.All.Single(keyword => keyword.Name == name).Kind != "transform").ToArray());

    [Fact]
    public void EveryFrameIsThereAndTaken()
    {
        List<string> missing = [];
        List<string> rules = [];
        foreach (string line in SuricataNames.Frames)
        {
            (string transport, string name) = (line[..3], line[4..]);
            int dot = name.IndexOf('.', StringComparison.Ordinal);
            bool isThere = ProtocolCatalog.All.Any(protocol => protocol.Name == name[..dot] && (transport == "tcp" ? protocol.UsesTcp : protocol.UsesUdp)
                && (name[(dot + 1)..] == FrameTypes.StreamName || protocol.Frames.Contains(name[(dot + 1)..])));
            if (!isThere)
            {
                missing.Add(line);
            }

            rules.Add($"""alert {transport} any any -> any any (frame:{name}; content:"a"; sid:{rules.Count + 1};)""");
        }

        Assert.Empty(missing);
        Assert.Empty(Loads(rules));
    }

    [Fact]
    public void EveryHookIsTaken() => Assert.Empty(Loads(SuricataNames.Hooks.Select((hook, i) => $"alert {hook} any any -> any any (sid:{i + 1};)")));

    [Fact]
    public void EveryAppLayerEventIsDeclaredAndTaken()
    {
        // «http» names events of HTTP/1 only.
        HashSet<string> declared = [.. ProtocolCatalog.All.SelectMany(protocol => protocol.Aliases.Prepend(protocol.Name).Append(protocol.Id == ProtocolId.Http1 ? "http" : protocol.Name)
            .SelectMany(name => protocol.Anomalies.Select(anomaly => $"{name}.{anomaly.Name}")))];
        Assert.Empty(SuricataNames.Events.Where(name => !declared.Contains(name)).ToArray());
        Assert.Empty(Loads(SuricataNames.Events.Select((name, i) => $"alert {name[..name.IndexOf('.', StringComparison.Ordinal)]} any any -> any any (app-layer-event:{name}; sid:{i + 1};)")));
    }

    [Fact]
    public void EveryEventOfProtocolDetectionIsTaken() =>
        Assert.Empty(Loads(AppLayerEventNames.All.Select((name, i) => $"alert ip any any -> any any (flow:established; app-layer-event:{name}; sid:{i + 1};)")));

    /// <summary>With some header, and a text that some hash could be.</summary>
    private static bool IsTaken(Func<string, string> options) => Array.Exists(Headers, header => Array.Exists(Contents, content => Array.Exists(Directions, direction =>
        Loads([$"alert {header} any any -> any any ({direction}{options(content)} sid:1;)"]).Length == 0)));

    /// <summary>What is said against the rules.</summary>
    private static string[] Loads(IEnumerable<string> rules)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = [("a.rules", string.Join("\n", rules) + "\n")] });
        return loaded.HasErrors ? [.. loaded.Diagnostics.Select(diagnostic => diagnostic.ToString())] : [];
    }
}
