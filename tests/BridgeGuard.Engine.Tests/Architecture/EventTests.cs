using System.Text.RegularExpressions;
using BridgeGuard.Engine.Protocols;
using Xunit;

namespace BridgeGuard.Engine.Tests.Architecture;

/// <summary>Events that protocols declare: each is made to fire by a test, or Suricata itself is shown not to raise it, or it is listed here with the reason why not.</summary>
public sealed partial class EventTests
{
    /// <summary>Declared, never raised and not asked for by any traffic of ours. What Suricata never says of traffic that ought to raise it is in the golden cases with 0.</summary>
    private static readonly Dictionary<string, string> Unraised = [];

    /// <summary>
    /// Each event fires in a golden case, where its number is the one of Suricata 8.0.8, or in a test of its protocol that names it. A number of 0 is the proof that
    /// Suricata itself stays silent over traffic that was made for this event.
    /// </summary>
    [Fact]
    public void EveryEventFiresInATestOrIsProvenSilent()
    {
        HashSet<string> shown = [.. GoldenEvents(), .. ProtocolCatalog.All.SelectMany(protocol => NamedInTests(protocol))];
        string[] missing = [.. ProtocolCatalog.All.Where(protocol => protocol.Name is not ("doh2" or "mdns"))
            .SelectMany(protocol => protocol.Anomalies.Select(anomaly => $"{protocol.Name}.{anomaly.Name}")).Where(name => !shown.Contains(name)).Order(StringComparer.Ordinal)];
        Assert.True(Unraised.Keys.Order(StringComparer.Ordinal).SequenceEqual(missing), "neither made to fire nor listed, or listed and made to fire:\n" + string.Join("\n", missing.Except(Unraised.Keys).Concat(Unraised.Keys.Except(missing))));
    }

    /// <summary>What no parser raises is silent in Suricata too, which the golden cases show.</summary>
    [Fact]
    public void EveryDeclaredEventIsRaisedOrSilentInSuricata()
    {
        (string[] declared, HashSet<string> used) = Read();
        Assert.True(declared.Length > 200, "the events were not found");
        HashSet<string> silent = [.. SilentEvents()];
        string[] unexplained = [.. declared.Where(name => !used.Contains(name) && !silent.Contains(name) && !Unraised.ContainsKey(name)).Order(StringComparer.Ordinal)];
        Assert.True(unexplained.Length == 0, "no parser raises, and no golden case shows that Suricata is silent:\n" + string.Join("\n", unexplained));
    }

    [Fact]
    public void EveryEventHasAWayToBeNamed() => Assert.All(
        ProtocolCatalog.All, protocol => Assert.Equal(protocol.Anomalies.Length, protocol.Anomalies.Select(anomaly => anomaly.Name).Distinct().Count()));

    /// <summary>As many as Suricata raises; what is silent there over traffic made for it is raised nowhere in the engine.</summary>
    [Fact]
    public void EveryEventOfProtocolDetectionFiresInAGoldenCaseOrIsProvenSilent()
    {
        string folder = SourceTree.Path("tests", "golden", "events-of-applayer");
        string expected = File.ReadAllText(Path.Combine(folder, "case.yaml"));
        Dictionary<string, int> counts = DetectionRule().Matches(File.ReadAllText(Path.Combine(folder, "case.rules"))).ToDictionary(
            rule => rule.Groups[1].Value, rule => int.Parse(Regex.Match(expected, $@"^  {rule.Groups[2].Value}: (\d+)", RegexOptions.Multiline).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(AppLayerEventNames.All.Order(StringComparer.Ordinal), counts.Keys.Order(StringComparer.Ordinal));
        string[] uses = [.. SourceTree.Sources("src", "BridgeGuard.Engine", "Protocols").Where(file => !file.EndsWith("AppLayerEvents.cs", StringComparison.Ordinal)).Select(File.ReadAllText)];
        for (int i = 0; i < AppLayerEventNames.All.Length; i++)
        {
            string member = "AppLayerEvents." + Enum.GetName((AppLayerEvents)(1 << i));
            Assert.Equal(counts[AppLayerEventNames.All[i]] > 0, Array.Exists(uses, text => text.Contains(member, StringComparison.Ordinal)));
        }
    }

    /// <summary>Events that a golden case has a rule for, as «protocol.event», with how often it fires.</summary>
    private static IEnumerable<(string Name, int Count)> GoldenRules()
    {
        foreach (string folder in Directory.EnumerateDirectories(SourceTree.Path("tests", "golden")))
        {
            string expected = File.ReadAllText(Path.Combine(folder, "case.yaml"));
            foreach (Match rule in EventRule().Matches(File.ReadAllText(Path.Combine(folder, "case.rules"))))
            {
                Match count = Regex.Match(expected, $@"^  {rule.Groups[3].Value}: (\d+)", RegexOptions.Multiline);
                if (count.Success)
                {
                    string protocol = rule.Groups[1].Value == "http" ? "http1" : rule.Groups[1].Value;
                    yield return ($"{protocol}.{rule.Groups[2].Value}", int.Parse(count.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
                }
            }
        }
    }

    private static IEnumerable<string> GoldenEvents() => GoldenRules().Select(rule => rule.Name);

    /// <summary>Members of the protocols' enumerations whose rules never fire in any golden case.</summary>
    private static IEnumerable<string> SilentEvents()
    {
        Dictionary<string, int> counts = GoldenRules().GroupBy(rule => rule.Name).ToDictionary(rules => rules.Key, rules => rules.Sum(rule => rule.Count));
        foreach (Protocol protocol in ProtocolCatalog.All)
        {
            Type? members = typeof(Protocol).Assembly.GetTypes().FirstOrDefault(type => type.IsEnum && type.Name.EndsWith("Anomaly", StringComparison.Ordinal) && type.Namespace == protocol.GetType().Namespace);
            for (int i = 0; members is not null && i < protocol.Anomalies.Length; i++)
            {
                if (counts.GetValueOrDefault($"{protocol.Name}.{protocol.Anomalies[i].Name}", -1) == 0)
                {
                    yield return $"{members.Name}.{Enum.GetName(members, Enum.ToObject(members, i))}";
                }
            }
        }
    }

    /// <summary>Events that the unit tests of a protocol's folder write out, in quotes.</summary>
    private static IEnumerable<string> NamedInTests(Protocol protocol)
    {
        string folder = protocol.GetType().Namespace!.Split('.')[^1];
        string text = string.Concat(SourceTree.Sources("tests", "BridgeGuard.Engine.Tests", "Protocols", folder).Select(File.ReadAllText));
        return protocol.Anomalies.Where(anomaly => text.Contains($"\"{anomaly.Name}\"", StringComparison.Ordinal)).Select(anomaly => $"{protocol.Name}.{anomaly.Name}");
    }

    private static (string[] Declared, HashSet<string> Used) Read()
    {
        List<string> declared = [];
        HashSet<string> used = [];
        foreach (string file in SourceTree.Sources("src", "BridgeGuard.Engine", "Protocols"))
        {
            string text = File.ReadAllText(file);
            if (!file.EndsWith("Anomalies.cs", StringComparison.Ordinal))
            {
                used.UnionWith(Use().Matches(text).Select(match => match.Value));
            }
            else if (Declaration().Match(text) is { Success: true } found)
            {
                declared.AddRange(Member().Matches(found.Groups[2].Value).Select(member => $"{found.Groups[1].Value}.{member.Groups[1].Value}"));
            }
        }

        declared.RemoveAll(name => name.EndsWith(".Count", StringComparison.Ordinal));
        return ([.. declared], used);
    }

    [GeneratedRegex(@"app-layer-event:([\w-]+)\.(\w+); sid:(\d+);")]
    private static partial Regex EventRule();

    [GeneratedRegex(@"app-layer-event:(applayer_\w+); sid:(\d+);")]
    private static partial Regex DetectionRule();

    [GeneratedRegex(@"\b\w+Anomaly\.\w+")]
    private static partial Regex Use();

    [GeneratedRegex(@"enum (\w+Anomaly)[^{]*\{(.*?)\n\}", RegexOptions.Singleline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^\s{4}(\w+)(?: = \d+)?,", RegexOptions.Multiline)]
    private static partial Regex Member();
}
