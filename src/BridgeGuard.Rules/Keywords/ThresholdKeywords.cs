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
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
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
        if ((isBackoff && track != TrackBy.Flow) || (isFilter && track == TrackBy.Rule))
        {
            context.FailArgument(isBackoff ? "track by_flow with type backoff" : "track by_src, by_dst, by_both or by_flow");
            return;
        }

        if (kind is null || (isBackoff ? !TryCount(pairs, "multiplier", out multiplier) : !TryCount(pairs, "seconds", out seconds)))
        {
            context.FailArgument(expected);
            return;
        }

        foreach (ThresholdRule other in context.Rule.Thresholds)
        {
            if (other.Kind == kind || isFilter || other.Kind == ThresholdKind.DetectionFilter)
            {
                context.Fail(DiagnosticCode.Conflict, "a rule has one threshold of a type, or a detection_filter and no threshold");
                return;
            }
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
