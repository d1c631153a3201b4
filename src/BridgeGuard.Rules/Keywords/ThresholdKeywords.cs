using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Diagnostics;

namespace BridgeGuard.Rules.Keywords;

/// <summary>How often a rule alerts.</summary>
internal static class ThresholdKeywords
{
    public static readonly Keyword Threshold = new()
    {
        Name = "threshold",
        Argument = ArgumentRule.Required,
        Help = "type limit|threshold|both|backoff, track by_…, count N, seconds N",
        Apply = context => Apply(context, isFilter: false),
    };

    public static readonly Keyword DetectionFilter = new()
    {
        Name = "detection_filter",
        Argument = ArgumentRule.Required,
        Help = "track by_…, count N, seconds N: alerts beyond N matches within the time",
        Apply = context => Apply(context, isFilter: true),
    };

    /// <summary>Parses what rules and <c>threshold.config</c> share: pairs of a name and a value.</summary>
    public static bool TryParse(string text, out Dictionary<string, string> pairs)
    {
        pairs = [];
        string[] parts = text.Split(',', StringSplitOptions.TrimEntries);
        foreach (string part in parts.AsSpan(0, parts is [.., ""] ? parts.Length - 1 : parts.Length))
        {
            int blank = part.IndexOf(' ');
            if (blank <= 0 || !pairs.TryAdd(part[..blank], part[(blank + 1)..].Trim()))
            {
                return false;
            }
        }

        return true;
    }

    public static bool TryTrack(string text, out TrackBy track)
    {
        track = text switch
        {
            "by_src" => TrackBy.Source,
            "by_dst" => TrackBy.Destination,
            "by_both" => TrackBy.Both,
            "by_rule" => TrackBy.Rule,
            "by_flow" => TrackBy.Flow,
            "by_either" => TrackBy.Either,
            _ => (TrackBy)255,
        };
        return (byte)track != 255;
    }

    public static bool TryCount(Dictionary<string, string> pairs, string name, out uint value)
    {
        value = 0;
        return pairs.TryGetValue(name, out string? text) && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    private static void Apply(BindContext context, bool isFilter)
    {
        const string expected = "type limit|threshold|both|backoff, track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds N";
        if (!TryParse(context.Argument, out Dictionary<string, string> pairs)
            || !pairs.TryGetValue("track", out string? trackText) || !TryTrack(trackText, out TrackBy track) || track == TrackBy.Either
            || !TryCount(pairs, "count", out uint count))
        {
            context.FailArgument(isFilter ? expected[(expected.IndexOf(',') + 2)..] : expected);
            return;
        }

        ThresholdKind? kind = isFilter ? ThresholdKind.DetectionFilter : pairs.GetValueOrDefault("type") switch
        {
            "limit" => ThresholdKind.Limit,
            "threshold" => ThresholdKind.Threshold,
            "both" => ThresholdKind.Both,
            "backoff" => ThresholdKind.Backoff,
            _ => null,
        };
        bool isBackoff = kind == ThresholdKind.Backoff;
        uint seconds = 0;
        uint multiplier = 0;
        if ((isBackoff && track != TrackBy.Flow) || (isFilter && track is TrackBy.Both or TrackBy.Rule))
        {
            context.FailArgument(isBackoff ? "track by_flow with type backoff" : "track by_src, by_dst or by_flow");
            return;
        }

        if (kind is null || (isBackoff ? !TryCount(pairs, "multiplier", out multiplier) || pairs.ContainsKey("seconds") : !TryCount(pairs, "seconds", out seconds)))
        {
            context.FailArgument(expected);
            return;
        }

        if (isFilter ? count == 0 || seconds == 0 : isBackoff && (count == 0 || multiplier < 2))
        {
            context.FailArgument(isFilter ? "count and seconds from 1 on" : "count from 1 on, multiplier from 2 on");
            return;
        }

        // Suricata does not see the first one behind a sticky buffer, and rules are written that way.
        if (context.Rule.Thresholds.Count > 0 && context.Rule.Active is null)
        {
            context.Fail(DiagnosticCode.Conflict, "a rule has one threshold or one detection_filter");
            return;
        }

        context.Rule.Thresholds.Add(new ThresholdRule
        {
            Kind = kind.Value,
            Track = track,
            Count = count,
            Seconds = seconds,
            Multiplier = multiplier,
        });
    }
}
