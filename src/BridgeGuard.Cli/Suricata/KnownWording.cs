using System.Text.RegularExpressions;

namespace BridgeGuard.Cli.Suricata;

/// <summary>The sentences that scripts around Suricata search its log for, where one of our diagnostics means the same.</summary>
/// <remarks>Only for invocations in Suricata's form; our own verbs say it in our own words, with line and column.</remarks>
internal static partial class KnownWording
{
    private const string ContentBuffers = "needs preceding content, uricontent option, http_client_body, http_server_body, http_header option, http_raw_header option, "
        + "http_method option, http_cookie, http_raw_uri, http_stat_msg, http_stat_code, http_user_agent, http_host, http_raw_host or file_data/dce_stub_data sticky buffer options.";

    /// <summary>The module and sentence for a message; null when there is no well-known one.</summary>
    /// <param name="message">Our message.</param>
    /// <param name="rule">The rule as written.</param>
    public static (string Module, string Text)? Find(string message, string rule)
    {
        if (MissingVariable().Match(message) is { Success: true } variable)
        {
            string keyword = variable.Groups[1].Value;
            return keyword is "byte_test"
                ? ("detect-bytetest", $"Unknown byte_extract var seen in byte_test - {variable.Groups[2].Value}")
                : ($"detect-{keyword}", $"unknown byte_ keyword var seen in {keyword} - {variable.Groups[2].Value}.");
        }

        if (BadNumber().Match(message) is { Success: true } number)
        {
            string keyword = number.Groups[1].Value;
            string end = keyword is "depth" or "offset" ? "." : "";
            return ($"detect-{keyword}", $"invalid value for {keyword}: {number.Groups[2].Value}{end}");
        }

        if (TooLong().Match(message) is { Success: true } size)
        {
            return ("detect-content", $"signature can't match as required content length {size.Groups[1].Value} exceeds dsize value {size.Groups[2].Value}");
        }

        if (NeedsContent().Match(message) is { Success: true } needs)
        {
            return ($"detect-{needs.Groups[1].Value}", $"{needs.Groups[1].Value} {ContentBuffers}");
        }

        if (GivenTwice().Match(message) is { Success: true } twice)
        {
            return ($"detect-{twice.Groups[1].Value}", $"can't use multiple {twice.Groups[1].Value}s for the same content.");
        }

        if (MixedPositions().Match(message) is { Success: true } mixed)
        {
            return ($"detect-{mixed.Groups[1].Value}", "can't use a relative keyword like within/distance with a absolute relative keyword like depth/offset for the same content.");
        }

        if (message.StartsWith("http.host is in lower case already", StringComparison.Ordinal))
        {
            return ("detect-http-host", $"rule {SidOf(rule)}: http.host keyword specified along with \"nocase\". The hostname buffer is normalized to lowercase, specifying nocase is redundant.");
        }

        if (message.StartsWith("http.host is in lower case:", StringComparison.Ordinal))
        {
            return ("detect-http-host", $"rule {SidOf(rule)}: A pattern with uppercase characters detected for http.host. The hostname buffer is normalized to lowercase, please specify a lowercase pattern.");
        }

        if (PathRefused().Match(message) is { Success: true } path)
        {
            string why = path.Groups[1].Value == "absolute paths" ? "Absolute paths" : "Directory traversals";
            return ("detect-dataset", $"{why} not allowed: {path.Groups[2].Value}");
        }

        if (message.Contains("rules with save or state are disabled", StringComparison.Ordinal))
        {
            return ("detect-dataset", "Rules containing save/state datasets have been disabled");
        }

        if (message.StartsWith("replace does nothing", StringComparison.Ordinal))
        {
            return ("detect-replace", $"Can't use 'replace' keyword in non IPS mode: {rule}");
        }

        if (OtherDirection().IsMatch(message))
        {
            string hint = FlowDirection().IsMatch(rule) ? "" : ", a transactional rule with => should be used";
            return ("detect-parse", $"rule {SidOf(rule)} mixes keywords with conflicting directions{hint}");
        }

        if (BadTransform().Match(message) is { Success: true } transform)
        {
            return ("detect-parse", $"invalid formatting to {transform.Groups[1].Value} keyword: '{transform.Groups[1].Value}'");
        }

        if (GoneEvent().Match(message) is { Success: true } gone)
        {
            return ("detect", $"decode-event keyword no longer supports event \"decoder.{gone.Groups[1].Value}\"");
        }

        if (BadSetLine().Match(message) is { Success: true } set)
        {
            string what = set.Groups[1].Value switch
            {
                "base64" => "bad base64 encoding",
                "score" => "invalid datarep value",
                "ip" => "invalid Ipv6 value",
                _ => "invalid Ipv4 value",
            };
            return ("debug", $"{what} {set.Groups[2].Value} in {set.Groups[3].Value}");
        }

        if (MixedSet().Match(message) is { Success: true } mixedSet)
        {
            return ("datasets", $"Cannot mix dataset and datarep values for set {mixedSet.Groups[1].Value}");
        }

        if (NotString().Match(message) is { Success: true } value)
        {
            return ("datajson", $"dataset '{value.Groups[1].Value}': failed to get value because it is not a string");
        }

        return FindContent(message, rule);
    }

    private static (string Module, string Text)? FindContent(string message, string rule)
    {
        if (message.StartsWith("a quote inside the content is not escaped", StringComparison.Ordinal))
        {
            return ("detect-content", "Invalid unescaped double quote within content section.");
        }

        if (message.StartsWith("an option is empty", StringComparison.Ordinal))
        {
            return ("detect-parse", "unknown rule keyword ''.");
        }

        if (NotHex().Match(message) is { Success: true } digit && BadHexContent(rule, digit.Groups[1].Value) is { } content)
        {
            return ("detect-content", $"Invalid hex code in content - {content}, hex {digit.Groups[1].Value}. Invalidating signature.");
        }

        if (message.StartsWith("a hexadecimal byte has one digit", StringComparison.Ordinal) && HalfByteContent(rule) is { } half)
        {
            return ("detect-content", $"Incomplete hex code in content - {half}. Invalidating signature.");
        }

        if (message.StartsWith("a hexadecimal run is not closed", StringComparison.Ordinal) && OddBars(rule) is { } open)
        {
            return ("detect-content", $"Invalid hex code assembly in content - {open}.  Invalidating signature.");
        }

        return null;
    }

    private static string? BadHexContent(string rule, string digit)
    {
        foreach (Match content in Contents().Matches(rule))
        {
            string text = content.Groups[1].Value;
            string[] parts = text.Split('|');
            for (int i = 1; i < parts.Length; i += 2)
            {
                if (parts[i].Contains(digit, StringComparison.Ordinal))
                {
                    return text;
                }
            }
        }

        return null;
    }

    private static string SidOf(string rule) => Sid().Match(rule) is { Success: true } sid ? sid.Groups[1].Value : "0";

    /// <summary>The content in which a byte between bars has one digit.</summary>
    private static string? HalfByteContent(string rule)
    {
        foreach (Match content in Contents().Matches(rule))
        {
            string text = content.Groups[1].Value;
            string[] parts = text.Split('|');
            for (int i = 1; i < parts.Length; i += 2)
            {
                if (parts[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Any(digits => digits.Length % 2 == 1))
                {
                    return text;
                }
            }
        }

        return null;
    }

    private static string? OddBars(string rule)
    {
        foreach (Match content in Contents().Matches(rule))
        {
            if (content.Groups[1].Value.AsSpan().Count('|') % 2 == 1)
            {
                return content.Groups[1].Value;
            }
        }

        return null;
    }

    [GeneratedRegex(@"(absolute paths|paths out of the folder) are not allowed: (.*)$")]
    private static partial Regex PathRefused();

    [GeneratedRegex(@"^(\w+): no byte_extract or byte_math before sets «(.*?)»")]
    private static partial Regex MissingVariable();

    [GeneratedRegex(@"^(depth|offset|within|distance): «(-?\d+)» is not understood")]
    private static partial Regex BadNumber();

    [GeneratedRegex(@"^the contents need (\d+) bytes, dsize allows (\d+)")]
    private static partial Regex TooLong();

    [GeneratedRegex(@"^(depth|offset|within|distance|nocase|rawbytes|fast_pattern) needs a content before it")]
    private static partial Regex NeedsContent();

    [GeneratedRegex(@"^(depth|offset|within|distance) is given twice")]
    private static partial Regex GivenTwice();

    [GeneratedRegex(@"^(\w+) mixes relative and absolute positions")]
    private static partial Regex MixedPositions();

    [GeneratedRegex(@"^«(.)» is not a hexadecimal digit")]
    private static partial Regex NotHex();

    [GeneratedRegex(@"exists only to (server|client), the rule is for the other direction|^a keyword exists only in the other direction")]
    private static partial Regex OtherDirection();

    [GeneratedRegex(@"flow\s*:[^;]*(to_|from_)(server|client)")]
    private static partial Regex FlowDirection();

    [GeneratedRegex(@"\bsid\s*:\s*(\d+)")]
    private static partial Regex Sid();

    [GeneratedRegex(@"^(pcrexform|xor|from_base64): expected text in quotes")]
    private static partial Regex BadTransform();

    [GeneratedRegex(@"^decode-event: the event «(.*?)» is no longer raised")]
    private static partial Regex GoneEvent();

    [GeneratedRegex(@"^bad (base64|score|ip|ipv4) in the set (.*?), (.*):\d+: «")]
    private static partial Regex BadSetLine();

    [GeneratedRegex(@"^the set (.*?) mixes values with and without a score")]
    private static partial Regex MixedSet();

    [GeneratedRegex(@"a value of the set (.*?) in .* is not a string")]
    private static partial Regex NotString();

    [GeneratedRegex(@"content:\s*!?""([^""]*)""")]
    private static partial Regex Contents();
}
