using System.Globalization;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Rules.Compilation;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Keywords;
using BridgeGuard.Rules.Semantics;

namespace BridgeGuard.Rules.Loading;

/// <summary>Reads <c>threshold.config</c>: <c>threshold</c> (or <c>event_filter</c>), <c>rate_filter</c> and <c>suppress</c> lines.</summary>
/// <remarks>
/// The parts of a line stand in the order of Suricata's documents and are separated by commas; the addresses of <c>suppress</c> are the rest of the line: one,
/// several with or without brackets, variables, but no negation and no range. Errors tell the column of the part that is not what was expected.
/// </remarks>
internal static class ThresholdFile
{
    private const string Ids = "gen_id N, sig_id N";
    private const string SuppressForm = "suppress " + Ids + "[, track by_src|by_dst|by_either, ip ADDRESSES]";
    private const string ThresholdForm = "threshold " + Ids + ", type limit|threshold|both, track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds N";
    private const string RateForm = "rate_filter " + Ids + ", track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds N, new_action alert|drop|pass|reject, timeout N";

    public static List<ThresholdEntry> Parse(string content, string file, AddressExpressions addresses, List<RuleDiagnostic> diagnostics)
    {
        var entries = new List<ThresholdEntry>();
        foreach ((string line, int number) in ConfigLines.Read(content))
        {
            var parts = new Parts(line);
            ThresholdEntry? entry = parts.Command switch
            {
                "suppress" => Suppress(parts, addresses),
                "threshold" or "event_filter" => Threshold(parts),
                "rate_filter" => RateFilter(parts),
                _ => null,
            };
            if (entry is null)
            {
                string expected = parts.Expected.Length > 0 ? parts.Expected : "suppress, threshold, event_filter or rate_filter, then " + Ids + ", …";
                diagnostics.Add(new RuleDiagnostic(
                    DiagnosticSeverity.Error, DiagnosticCode.BadLine, file, number, parts.Column, 0, $"«{line}» is not understood", expected));
                continue;
            }

            entries.Add(entry);
        }

        return entries;
    }

    private static ThresholdEntry? Suppress(Parts parts, AddressExpressions addresses)
    {
        parts.Expected = SuppressForm;
        if (!parts.TryIds(out uint gid, out uint sid))
        {
            return null;
        }

        if (parts.IsAtEnd)
        {
            return new ThresholdEntry(gid, sid, null, TrackBy.Either, null);
        }

        if (!parts.TryTrack(track => track is TrackBy.Source or TrackBy.Destination or TrackBy.Either, out TrackBy by) || !parts.TryRest("ip", out string ip))
        {
            return null;
        }

        if (ip.AsSpan().IndexOfAny('!', '-') >= 0)
        {
            return null; // Suricata has neither here.
        }

        AddressRanges? ranges = addresses.Parse(ip.Contains(',', StringComparison.Ordinal) && !ip.StartsWith('[') ? $"[{ip}]" : ip, out ListError error);
        if (error.IsError)
        {
            parts.Expected = error.Message;
            return null;
        }

        return new ThresholdEntry(gid, sid, null, by, ranges);
    }

    private static ThresholdEntry? Threshold(Parts parts)
    {
        parts.Expected = ThresholdForm;
        if (!parts.TryIds(out uint gid, out uint sid) || !parts.TryText("type", out string type))
        {
            return null;
        }

        ThresholdKind? kind = type switch
        {
            "limit" => ThresholdKind.Limit,
            "threshold" => ThresholdKind.Threshold,
            "both" => ThresholdKind.Both,
            _ => null,
        };
        if (kind is null
            || !parts.TryTrack(track => track != TrackBy.Either, out TrackBy by)
            || !parts.TryCount(out uint count)
            || !parts.TryNumber("seconds", out uint seconds)
            || !parts.IsAtEnd)
        {
            return null;
        }

        var rule = new ThresholdRule { Kind = kind.Value, Track = by, Count = count, Seconds = seconds };
        return new ThresholdEntry(gid, sid, rule, default, null);
    }

    private static ThresholdEntry? RateFilter(Parts parts)
    {
        parts.Expected = RateForm;
        if (!parts.TryIds(out uint gid, out uint sid)
            || !parts.TryTrack(track => track != TrackBy.Either, out TrackBy by)
            || !parts.TryCount(out uint count)
            || !parts.TryNumber("seconds", out uint seconds)
            || !parts.TryText("new_action", out string name))
        {
            return null;
        }

        RuleAction? action = name switch
        {
            "alert" => RuleAction.Alert,
            "drop" => RuleAction.Drop,
            "pass" => RuleAction.Pass,
            "reject" => RuleAction.Reject,
            _ => null,
        };
        if (action is null || !parts.TryNumber("timeout", out uint timeout) || !parts.IsAtEnd)
        {
            return null;
        }

        var rule = new ThresholdRule
        {
            Kind = ThresholdKind.RateFilter,
            Track = by,
            Count = count,
            Seconds = seconds,
            TimeoutSeconds = timeout,
            NewAction = action.Value,
        };
        return new ThresholdEntry(gid, sid, rule, default, null);
    }

    /// <summary>A line's parts, read one after the other; <see cref="Column"/> is that of the part read last.</summary>
    private sealed class Parts
    {
        private readonly string _line;
        private int _at;

        public Parts(string line)
        {
            _line = line;
            int blank = line.AsSpan().IndexOfAny(' ', '\t');
            Command = blank < 0 ? line : line[..blank];
            _at = blank < 0 ? line.Length : blank;
        }

        public string Command { get; }

        /// <summary>What the whole line should have been.</summary>
        public string Expected { get; set; } = "";

        public int Column { get; private set; } = 1;

        public bool IsAtEnd
        {
            get
            {
                SkipBlanks();
                Column = _at < _line.Length ? _at + 1 : Column;
                return _at >= _line.Length;
            }
        }

        public bool TryIds(out uint gid, out uint sid)
        {
            sid = 0;
            if (!TryNumber("gen_id", out gid) || !TryNumber("sig_id", out sid))
            {
                return false;
            }

            // One rule of all generators there is not.
            return gid != 0 || sid == 0;
        }

        public bool TryTrack(Func<TrackBy, bool> allows, out TrackBy track)
        {
            track = default;
            return TryText("track", out string text) && ThresholdKeywords.TryTrack(text, out track) && allows(track);
        }

        public bool TryNumber(string name, out uint value)
        {
            value = 0;
            return TryText(name, out string text) && uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        }

        public bool TryCount(out uint count) => TryNumber("count", out count) && count > 0;

        public bool TryText(string name, out string value)
        {
            value = "";
            if (!TryName(name))
            {
                return false;
            }

            int comma = _line.IndexOf(',', _at);
            int end = comma < 0 ? _line.Length : comma;
            value = _line[_at..end].Trim();

            // The comma belongs to the part behind it: a line does not end with one.
            _at = end;
            return value.Length > 0;
        }

        /// <summary>A part that is the rest of the line, commas and all.</summary>
        public bool TryRest(string name, out string value)
        {
            value = "";
            if (!TryName(name))
            {
                return false;
            }

            value = _line[_at..].Trim();
            _at = _line.Length;
            return value.Length > 0;
        }

        private bool TryName(string name)
        {
            SkipBlanks();
            bool isFirst = name == "gen_id";
            if (!isFirst && _at < _line.Length && _line[_at] == ',')
            {
                _at++;
                SkipBlanks();
            }
            else if (!isFirst)
            {
                Column = Math.Min(_at, _line.Length - 1) + 1;
                return false;
            }

            Column = Math.Min(_at, _line.Length - 1) + 1;
            if (!_line.AsSpan(_at).StartsWith(name, StringComparison.Ordinal) || _at + name.Length >= _line.Length || _line[_at + name.Length] is not (' ' or '\t'))
            {
                return false;
            }

            _at += name.Length;
            return true;
        }

        private void SkipBlanks()
        {
            while (_at < _line.Length && _line[_at] is ' ' or '\t')
            {
                _at++;
            }
        }
    }
}
