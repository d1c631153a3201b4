namespace BridgeGuard.Cli.Suricata;

/// <summary>What to do besides reading packets.</summary>
internal enum SuricataAction
{
    Run,
    TestConfiguration,
    DumpConfiguration,
    ListKeywords,
    ListProtocols,
    ListHooks,
    ListFrames,
    ListRunModes,
    EngineAnalysis,
    Version,
    BuildInfo,
    Help,
}

/// <summary>A command line in Suricata's form: no verb, short and long options, a capture filter at the end.</summary>
/// <remarks>Parsed by hand: these invocations are made by scripts, thousands of times, and start-up time counts.</remarks>
internal sealed class SuricataArguments
{
    private static readonly HashSet<string> IgnoredWithValue =
    [
        "--runmode", "--pidfile", "--user", "--group", "--pcap-buffer-size", "--pcap-file-buffer-size", "-i", "-F", "--unix-socket", "--reject-dev",
        "--skip-packets",
    ];

    private static readonly HashSet<string> Ignored =
    [
        "-D", "--no-random", "--pcap-file-delete", "--landlock", "--disable-hashing",
    ];

    public SuricataAction Action { get; private set; }

    public string? ConfigurationFile { get; private set; }

    public string? Capture { get; private set; }

    public string? LogFolder { get; private set; }

    public string? DataFolder { get; private set; }

    public string? ExclusiveRules { get; private set; }

    public string? AdditionalRules { get; private set; }

    public string? FirewallRules { get; private set; }

    public string? Checksums { get; private set; }

    public List<string> Settings { get; } = [];

    public List<string> Includes { get; } = [];

    public string? Filter { get; private set; }

    /// <summary>A file that holds the capture filter (<c>-F</c>).</summary>
    public string? FilterFile { get; private set; }

    public bool SimulateIps { get; private set; }

    public bool DisableDetection { get; private set; }

    public bool InitErrorsFatal { get; private set; }

    public bool IsContinuous { get; private set; }

    public bool IsRecursive { get; private set; }

    /// <summary>Keywords (or <c>all</c>) that refuse a rule where a wrong argument would otherwise only be warned of.</summary>
    public string? StrictKeywords { get; private set; }

    /// <summary>What <c>--list-keywords</c> was given: empty, <c>csv</c>, <c>all</c> or a keyword.</summary>
    public string ListArgument { get; private set; } = "";

    public int Verbosity { get; private set; }

    /// <summary>The problem, when the command line cannot be understood.</summary>
    public string? Error { get; private set; }

    public static SuricataArguments Parse(IReadOnlyList<string> words)
    {
        SuricataArguments arguments = new();
        for (int i = 0; i < words.Count && arguments.Error is null; i++)
        {
            string word = words[i];
            if (!word.StartsWith('-') || word == "-")
            {
                // Free words, wherever they stand, are the capture filter.
                arguments.Filter = arguments.Filter is null ? word : $"{arguments.Filter} {word}";
                continue;
            }

            int equals = word.StartsWith("--", StringComparison.Ordinal) ? word.IndexOf('=', StringComparison.Ordinal) : -1;
            string name = equals < 0 ? word : word[..equals];
            string? inline = equals < 0 ? null : word[(equals + 1)..];
            if (name.Length > 2 && name[1] != '-')
            {
                if (!name.AsSpan(1).ContainsAnyExcept('v'))
                {
                    arguments.Verbosity += name.Length - 1;
                    continue;
                }

                // -lDIR, -k=none and the like: the value stands right behind the letter.
                inline = name[2..].TrimStart('=');
                name = name[..2];
            }

            if (arguments.TakeFlag(name, inline))
            {
                continue;
            }

            if (inline is null && i + 1 < words.Count)
            {
                inline = words[i + 1];
                i++;
            }

            if (!arguments.TakeValue(name, inline))
            {
                arguments.Error ??= $"unrecognized option '{name}'";
            }
        }

        return arguments;
    }

    private bool TakeFlag(string name, string? inline)
    {
        switch (name)
        {
            case "-v":
                Verbosity++;
                return true;
            case "-T":
                Action = SuricataAction.TestConfiguration;
                InitErrorsFatal = true;
                return true;
            case "-V" or "--version":
                Action = SuricataAction.Version;
                return true;
            case "-h" or "--help":
                Action = SuricataAction.Help;
                return true;
            case "--build-info":
                Action = SuricataAction.BuildInfo;
                return true;
            case "--dump-config":
                Action = SuricataAction.DumpConfiguration;
                return true;
            case "--engine-analysis":
                Action = SuricataAction.EngineAnalysis;
                return true;
            case "--list-keywords":
                Action = SuricataAction.ListKeywords;
                ListArgument = inline ?? "";
                return true;
            case "--list-app-layer-protos":
                Action = SuricataAction.ListProtocols;
                return true;
            case "--list-app-layer-hooks":
                Action = SuricataAction.ListHooks;
                return true;
            case "--list-app-layer-frames":
                Action = SuricataAction.ListFrames;
                return true;
            case "--list-runmodes":
                Action = SuricataAction.ListRunModes;
                return true;
            case "--simulate-ips":
                SimulateIps = true;
                return true;
            case "--disable-detection":
                DisableDetection = true;
                return true;
            case "--init-errors-fatal":
                InitErrorsFatal = true;
                return true;
            case "--pcap-file-continuous":
                IsContinuous = true;
                return true;
            case "--pcap-file-recursive":
                IsRecursive = true;
                return true;
            case "--strict-rule-keywords":
                StrictKeywords = inline ?? "all";
                return true;
            case "--af-packet" or "--pcap" or "--nfq":
                Error = $"'{name}' attaches to live traffic: use 'bridgeguard run'";
                return true;
            default:
                return Ignored.Contains(name);
        }
    }

    private bool TakeValue(string name, string? value)
    {
        if (value is null)
        {
            Error = $"option '{name}' requires an argument";
            return true;
        }

        switch (name)
        {
            case "-c":
                ConfigurationFile = value;
                return true;
            case "-r":
                Capture = value;
                return true;
            case "-l":
                LogFolder = value;
                return true;
            case "-S":
                ExclusiveRules = value;
                return true;
            case "-s":
                AdditionalRules = value;
                return true;
            case "--firewall-rules-exclusive":
                FirewallRules = value;
                return true;
            case "-k" when value is "all" or "none":
                Checksums = value;
                return true;
            case "-k":
                Error = "option '-k' must be all or none";
                return true;
            case "--set":
                Settings.Add(value);
                return true;
            case "--include":
                Includes.Add(value);
                return true;
            case "--data-dir":
                DataFolder = value;
                return true;
            case "-F":
                FilterFile = value;
                return true;
            default:
                return IgnoredWithValue.Contains(name);
        }
    }
}
