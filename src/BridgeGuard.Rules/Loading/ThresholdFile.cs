using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Compilation;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Loading;

/// <summary>Reads <c>threshold.config</c>: <c>threshold</c> (or <c>event_filter</c>), <c>rate_filter</c> and <c>suppress</c> lines.</summary>
internal static class ThresholdFile
{
    public static List<ThresholdEntry> Parse(string content, string file, AddressExpressions addresses, List<RuleDiagnostic> diagnostics)
    {
        var entries = new List<ThresholdEntry>();
        foreach ((string line, int number) in ConfigLines.Read(content))
        {
            int blank = line.IndexOfAny([' ', '\t']);
            string command = blank < 0 ? line : line[..blank];
            string rest = blank < 0 ? "" : line[blank..].Trim();
            string expected = "";
            ThresholdEntry? entry = null;
            if (TryParsePairs(rest, out Dictionary<string, string> pairs)
                && TryNumber(pairs, "gen_id", out uint gid) && TryNumber(pairs, "sig_id", out uint sid))
            {
                entry = command switch
                {
                    "suppress" => Suppress(gid, sid, pairs, addresses, out expected),
                    "threshold" or "event_filter" => Threshold(gid, sid, pairs, out expected),
                    "rate_filter" => RateFilter(gid, sid, pairs, out expected),
                    _ => null,
                };
            }

            if (entry is null)
            {
                diagnostics.Add(ConfigLines.Bad(
                    file, number, line, expected.Length > 0 ? expected : "suppress, threshold or rate_filter with gen_id N, sig_id N, …"));
                continue;
            }

            entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Pairs separated by commas; an address list keeps the commas inside its brackets.</summary>
    private static bool TryParsePairs(string text, out Dictionary<string, string> pairs)
    {
        pairs = [];
        if (!ListSyntax.TrySplit(text, out List<string> items))
        {
            return false;
        }

        foreach (string item in items)
        {
            int blank = item.IndexOfAny([' ', '\t']);
            if (blank <= 0 || !pairs.TryAdd(item[..blank], item[blank..].Trim()))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryNumber(Dictionary<string, string> pairs, string name, out uint value)
    {
        value = 0;
        return pairs.TryGetValue(name, out string? text) && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    private static ThresholdEntry? Suppress(uint gid, uint sid, Dictionary<string, string> pairs, AddressExpressions addresses, out string expected)
    {
        expected = "suppress gen_id N, sig_id N[, track by_src|by_dst|by_either, ip ADDRESSES]";
        if (!pairs.TryGetValue("track", out string? trackText))
        {
            return pairs.ContainsKey("ip") ? null : new ThresholdEntry(gid, sid, null, TrackBy.Either, null);
        }

        if (!ThresholdKeywords.TryTrack(trackText, out TrackBy track) || track is not (TrackBy.Source or TrackBy.Destination or TrackBy.Either)
            || !pairs.TryGetValue("ip", out string? ip))
        {
            return null;
        }

        AddressRanges? ranges = addresses.Parse(ip, out ListError error);
        if (error.IsError)
        {
            expected = error.Message;
            return null;
        }

        return new ThresholdEntry(gid, sid, null, track, ranges);
    }

    private static ThresholdEntry? Threshold(uint gid, uint sid, Dictionary<string, string> pairs, out string expected)
    {
        expected = "type limit|threshold|both, track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds N";
        ThresholdKind? kind = pairs.GetValueOrDefault("type") switch
        {
            "limit" => ThresholdKind.Limit,
            "threshold" => ThresholdKind.Threshold,
            "both" => ThresholdKind.Both,
            "backoff" => ThresholdKind.Backoff,
            _ => null,
        };
        if (kind is null || !ThresholdKeywords.TryTrack(pairs.GetValueOrDefault("track", ""), out TrackBy track) || track == TrackBy.Either
            || !ThresholdKeywords.TryCount(pairs, "count", out uint count))
        {
            return null;
        }

        uint multiplier = 0;
        uint seconds = 0;
        if (kind == ThresholdKind.Backoff ? !ThresholdKeywords.TryCount(pairs, "multiplier", out multiplier) : !ThresholdKeywords.TryCount(pairs, "seconds", out seconds))
        {
            return null;
        }

        var rule = new ThresholdRule { Kind = kind.Value, Track = track, Count = count, Seconds = seconds, Multiplier = multiplier };
        return new ThresholdEntry(gid, sid, rule, default, null);
    }

    private static ThresholdEntry? RateFilter(uint gid, uint sid, Dictionary<string, string> pairs, out string expected)
    {
        expected = "track by_src|by_dst|by_both|by_rule, count N, seconds N, new_action alert|drop|pass|reject, timeout N";
        RuleAction? action = pairs.GetValueOrDefault("new_action") switch
        {
            "alert" => RuleAction.Alert,
            "drop" => RuleAction.Drop,
            "pass" => RuleAction.Pass,
            "reject" => RuleAction.Reject,
            _ => null,
        };
        if (action is null || !ThresholdKeywords.TryTrack(pairs.GetValueOrDefault("track", ""), out TrackBy track) || track == TrackBy.Either
            || !ThresholdKeywords.TryCount(pairs, "count", out uint count) || !ThresholdKeywords.TryCount(pairs, "seconds", out uint seconds)
            || !ThresholdKeywords.TryCount(pairs, "timeout", out uint timeout))
        {
            return null;
        }

        var rule = new ThresholdRule
        {
            Kind = ThresholdKind.RateFilter,
            Track = track,
            Count = count,
            Seconds = seconds,
            TimeoutSeconds = timeout,
            NewAction = action.Value,
        };
        return new ThresholdEntry(gid, sid, rule, default, null);
    }
}
