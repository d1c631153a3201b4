using System.Globalization;
using System.Text;
using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Rules.Tests.Detection;

/// <summary>Chains of contents against a plain evaluator that tries everything.</summary>
public sealed class RetryTests
{
    [Fact]
    public void ChainsOfContentsMatchAsThePlainEvaluatorSays()
    {
        var random = new Random(7);
        Element[][] rules = [.. Enumerable.Range(0, 400).Select(_ => Make(random))];
        var text = new StringBuilder();
        for (int i = 0; i < rules.Length; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"alert udp any any -> any any (msg:\"t\"; {string.Concat(rules[i].Select(element => element.Text))} sid:{i + 1};)");
        }

        DetectorHarness harness = new(text.ToString(), prefilter: false);
        int matches = 0;
        for (int round = 0; round < 120; round++)
        {
            string payload = string.Concat(Enumerable.Range(0, random.Next(3, 16)).Select(_ => "abc"[random.Next(3)]));
            HashSet<uint> found = [.. harness.Result.Rules.Rules.Where(rule => Matches(rules[rule.Sid - 1], 0, payload, 0)).Select(rule => rule.Sid)];
            matches += found.Count;

            // The queue holds 15 alerts, so one rule at a time is asked for: those found first, in order of sids.
            uint[] alerts = harness.Udp(payload);
            Assert.Equal(found.Order().Take(15), alerts.Order());
        }

        Assert.InRange(matches, 1000, 120 * 400);
    }

    [Fact]
    public void ContentsThatOccurOftenDoNotCostTheProductOfTheirOccurrences()
    {
        DetectorHarness harness = new(
            "alert udp any any -> any any (msg:\"t\"; content:\"a\"; content:\"b\"; distance:0; content:\"c\"; distance:0; pcre:\"/^d/R\"; sid:1;)");
        string often = string.Concat(Enumerable.Repeat("abc", 300));
        Assert.Empty(harness.Udp(often));
        Assert.Equal(0, harness.Detector.StepLimitHits);
        Assert.Equal([1u], harness.Udp(often + "d"));
    }

    [Fact]
    public void RulesForBothDirectionsMatchTwiceWhereBothFit()
    {
        DetectorHarness harness = new("alert udp any any <> 192.168.0.0/16 any (msg:\"t\"; content:\"x\"; sid:1;)\nalert udp 192.168.0.0/16 any <> 192.168.0.0/16 any (msg:\"t\"; content:\"x\"; sid:2;)");
        byte[] inside = BridgeGuard.Testing.Packets.FrameBuilder.Udp("192.168.1.1", 1, "192.168.1.2", 2, "x"u8);
        byte[] across = BridgeGuard.Testing.Packets.FrameBuilder.Udp("10.0.0.1", 1, "192.168.1.2", 2, "x"u8);
        Assert.Equal([1u, 1u, 2u], harness.Inspect(inside, Direction.ToServer, withFlow: false));
        Assert.Equal([1u], harness.Inspect(across, Direction.ToServer, withFlow: false));
    }

    [Fact]
    public void CostsOfRulesAreCountedAndSampled()
    {
        DetectorHarness harness = new("alert udp any any -> any any (msg:\"t\"; content:\"abc\"; content:\"d\"; distance:0; sid:1;)");
        long now = 0;
        harness.Detector.Costs = new BridgeGuard.Engine.Detection.RuleCosts(() => now += 5);
        for (int i = 0; i < 10 * BridgeGuard.Engine.Detection.RuleCosts.SampleEvery; i++)
        {
            harness.Udp(i % 2 == 0 ? "abcd" : "abce");
        }

        BridgeGuard.Engine.Detection.RuleCost cost = harness.Detector.Costs.Costs[0];
        Assert.Equal(10 * BridgeGuard.Engine.Detection.RuleCosts.SampleEvery, cost.Checks);
        Assert.Equal(cost.Checks / 2, cost.Matches);
        Assert.Equal(10, cost.Samples);
        Assert.Equal(5, cost.AverageTicks);
        Assert.Equal(5.0 * cost.Checks, cost.EstimatedTicks);
    }

    private static Element[] Make(Random random)
    {
        var all = new Element[random.Next(1, 5)];
        for (int i = 0; i < all.Length; i++)
        {
            string bytes = string.Concat(Enumerable.Range(0, random.Next(1, 3)).Select(_ => "abc"[random.Next(3)]));
            bool isRelative = i > 0 && random.Next(4) != 0;
            int? distance = isRelative && random.Next(3) != 0 ? random.Next(-2, 3) : null;
            int? within = isRelative && (distance is null || random.Next(2) == 0) ? random.Next(bytes.Length, 5) : null;
            int? offset = !isRelative && random.Next(3) == 0 ? random.Next(0, 4) : null;
            int? depth = !isRelative && random.Next(3) == 0 ? random.Next(bytes.Length, 8) : null;
            all[i] = new Element(bytes, i > 0 && random.Next(4) == 0, isRelative, distance, within, offset, depth);
        }

        return all;
    }

    private static bool Matches(Element[] rule, int index, string payload, int cursor)
    {
        if (index == rule.Length)
        {
            return true;
        }

        Element element = rule[index];
        int start = element.IsRelative ? cursor + (element.Distance ?? 0) : element.Offset ?? 0;
        int limit = (element.IsRelative ? element.Within : element.Depth) is { } most ? Math.Min(payload.Length, start + most) : payload.Length;
        bool nextIsRelative = index + 1 < rule.Length && rule[index + 1].IsRelative;
        for (int at = Math.Max(0, start); at + element.Bytes.Length <= limit; at++)
        {
            if (string.CompareOrdinal(payload, at, element.Bytes, 0, element.Bytes.Length) != 0)
            {
                continue;
            }

            if (element.IsNegated)
            {
                return false;
            }

            bool rest = Matches(rule, index + 1, payload, at + element.Bytes.Length);
            if (rest || !nextIsRelative)
            {
                return rest;
            }
        }

        return element.IsNegated && Matches(rule, index + 1, payload, cursor);
    }

    private sealed record Element(string Bytes, bool IsNegated, bool IsRelative, int? Distance, int? Within, int? Offset, int? Depth)
    {
        public string Text => $"content:{(IsNegated ? "!" : "")}\"{Bytes}\"; {Part("distance", Distance)}{Part("within", Within)}{Part("offset", Offset)}{Part("depth", Depth)}";

        private static string Part(string name, int? value) => value is { } number ? string.Create(CultureInfo.InvariantCulture, $"{name}:{number}; ") : "";
    }
}
