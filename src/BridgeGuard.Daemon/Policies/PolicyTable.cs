using System.Globalization;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Daemon.Policies;

/// <summary>One row of a policy table.</summary>
/// <param name="Name">What it is about.</param>
/// <param name="Place"><c>file:line:column</c>.</param>
public sealed record PolicyRow(string Name, string Place)
{
    /// <summary>Role of the sending guest; null: outside.</summary>
    public string? From { get; init; }

    /// <summary>Role of the receiving guest; null: outside.</summary>
    public string? To { get; init; }

    public string[] Tags { get; init; } = [];

    public bool IsQuarantined { get; init; }

    public SyntheticTraffic? Traffic { get; init; }

    /// <summary>A capture in place of synthetic traffic.</summary>
    public string? Capture { get; init; }

    public string Verdict { get; init; } = "";

    /// <summary>Alerts that must be there, as <c>gid:sid</c>; null: not asked.</summary>
    public IReadOnlyList<string>? Alerts { get; init; }

    /// <summary>A role's compiled options, in place of traffic.</summary>
    public string? Role { get; init; }

    public IReadOnlyDictionary<string, string> Has { get; init; } = new Dictionary<string, string>();
}

/// <summary>The outcome of one row; <paramref name="Problem"/> is null when it is as expected.</summary>
public sealed record PolicyRowResult(PolicyRow Row, string? Problem, IReadOnlyList<string> Places);

/// <summary>A file of expected verdicts: what a policy must do with traffic between roles. Run offline, for people and for CI.</summary>
public sealed class PolicyTable
{
    private static readonly string[] Verdicts = ["pass", "alert", "drop", "reject", "redirect", "sinkhole", "tarpit", "block-page", "rate-limit", "mark"];

    private readonly List<PolicyRow> _rows = [];
    private readonly List<(string Name, string Text)> _texts = [];
    private readonly List<string> _files = [];

    public IReadOnlyList<PolicyRow> Rows => _rows;

    /// <summary>Reads a table; null after diagnostics.</summary>
    public static PolicyTable? Load(string file, List<ConfigDiagnostic> diagnostics)
    {
        int before = diagnostics.Count;
        if (YamlSection.Load(file, diagnostics) is not { } section)
        {
            return null;
        }

        var table = new PolicyTable();
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        if (section.Text("rules") is { } rules)
        {
            table._texts.Add((file, rules));
        }

        foreach (string pattern in section.Texts("rule-files"))
        {
            string[] found = [.. DaemonConfigLoader.Expand(folder, pattern, "*.rules")];
            if (found.Length == 0)
            {
                section.Error("rule-files", $"no rule file fits '{pattern}', expected a file, a folder or a pattern");
            }

            table._files.AddRange(found);
        }

        foreach (YamlSection row in section.Sections("tests"))
        {
            table._rows.Add(ReadRow(row, folder));
        }

        section.RejectUnknownKeys();
        return diagnostics.Count == before ? table : null;
    }

    /// <summary>The rules that the table's traffic is matched with, compiled for a policy. Problems are those of its rules.</summary>
    public RuleSet CompileRules(PolicyModel policy, List<string> problems)
    {
        RuleLoadResult loaded = RuleLoader.Load(new RuleLoadOptions { Texts = _texts, Files = _files, HomeGroups = policy.HomeGroups, IsInline = true });
        problems.AddRange(loaded.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString()));
        return loaded.Rules;
    }

    /// <summary>Tries every row against a policy.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="rules">As compiled for it.</param>
    /// <param name="wanted">Only rows that it wants; null: all.</param>
    public IEnumerable<PolicyRowResult> Run(PolicyModel policy, RuleSet rules, Func<PolicyRow, bool>? wanted = null)
    {
        using PolicySimulator simulator = new(policy, rules);
        foreach (PolicyRow row in _rows.Where(r => wanted?.Invoke(r) != false))
        {
            yield return Run(simulator, policy, row);
        }
    }

    private static PolicyRowResult Run(PolicySimulator simulator, PolicyModel policy, PolicyRow row)
    {
        foreach (string? role in (string?[])[row.From, row.To, row.Role])
        {
            if (role is not null && policy.FindRole(role) < 0)
            {
                return new PolicyRowResult(row, $"role '{role}' does not exist", []);
            }
        }

        if (row.Role is { } described)
        {
            var options = RoleDescription.Of(policy.Roles[policy.FindRole(described)], policy).ToDictionary(o => o.Option, o => o.Value);
            string[] wrong = [.. row.Has.Where(h => options.GetValueOrDefault(h.Key, "(nothing)") != h.Value).Select(h => $"{h.Key} is '{options.GetValueOrDefault(h.Key, "(nothing)")}', expected '{h.Value}'")];
            return new PolicyRowResult(row, wrong.Length == 0 ? null : string.Join("; ", wrong), []);
        }

        SimulationResult result = row.Capture is { } capture
            ? simulator.Replay(row.From, row.To, capture, row.IsQuarantined, row.Tags)
            : simulator.Run(row.From, row.To, row.Traffic!, row.IsQuarantined, row.Tags);
        string? problem = result.Verdict != row.Verdict ? $"the verdict is {result.Verdict}{(result.Reason.Length > 0 ? $" ({result.Reason})" : "")}, expected {row.Verdict}" : null;
        string[] missing = [.. (row.Alerts ?? []).Except(result.Alerts)];
        if (problem is null && missing.Length > 0)
        {
            problem = $"no alert {string.Join(", ", missing)}; there are: {(result.Alerts.Count == 0 ? "none" : string.Join(", ", result.Alerts))}";
        }

        if (problem is null && row.Alerts is { Count: 0 } && result.Alerts.Count > 0)
        {
            problem = $"alerts {string.Join(", ", result.Alerts)}, expected none";
        }

        return new PolicyRowResult(row, problem, result.Places);
    }

    private static PolicyRow ReadRow(YamlSection section, string folder)
    {
        string place = section.PlaceOf(section.Has("name") ? "name" : "from");
        if (section.Text("role") is { } role)
        {
            var has = section.Section("has");
            var row = new PolicyRow(section.Text("name") ?? role, place) { Role = role, Has = has?.Flatten() ?? [] };
            if (has is null)
            {
                section.Error(null, "'has' is missing, expected the role's options and their values");
            }

            section.RejectUnknownKeys();
            return row;
        }

        string from = section.RequiredText("from");
        string to = section.RequiredText("to");
        string expect = section.RequiredText("expect");
        if (expect.Length > 0 && !Verdicts.Contains(expect))
        {
            section.Error("expect", $"'expect' is '{expect}', {section.Hint(expect, Verdicts)}");
        }

        string? capture = section.Text("pcap") is { } path ? Path.GetFullPath(path, folder) : null;
        var result = new PolicyRow(section.Text("name") ?? $"{from} to {to}", place)
        {
            From = from == "outside" ? null : from,
            To = to == "outside" ? null : to,
            Tags = [.. section.Texts("tags")],
            IsQuarantined = section.Bool("quarantined", false),
            Capture = capture,
            Traffic = capture is null ? ReadTraffic(section) : null,
            Verdict = expect,
            Alerts = section.Has("alerts") ? section.Texts("alerts") : null,
        };
        section.RejectUnknownKeys();
        return result;
    }

    private static SyntheticTraffic ReadTraffic(YamlSection section)
    {
        string protocol = section.Text("protocol") ?? (section.Has("udp") ? "udp" : section.Bool("icmp", false) ? "icmp" : "tcp");
        int port = section.Integer("tcp", 0, 0, ushort.MaxValue) + section.Integer("udp", 0, 0, ushort.MaxValue);
        string? http = section.Text("http");
        string? tls = section.Text("tls");
        string? version = section.Text("tls-version");
        return new SyntheticTraffic
        {
            Protocol = protocol,
            Port = (ushort)(port != 0 ? port : http is not null ? 80 : tls is not null ? 443 : 0),
            Http = http,
            Payload = section.Text("payload"),
            Dns = section.Text("dns"),
            Tls = tls,
            EncryptedHello = section.Bool("encrypted-hello", false),
            TlsVersion = version switch
            {
                "1.0" => 0x0301,
                "1.1" => 0x0302,
                "1.2" => 0x0303,
                _ => 0,
            },
            Scan = section.Integer("scan", 0, 0, 60_000),
            Sweep = section.Integer("sweep", 0, 0, 60_000),
            Flood = section.Integer("flood", 0, 0, 1_000_000),
            Beacon = section.Integer("beacon", 0, 0, 10_000),
            Seconds = section.Integer("seconds", 60, 1, 86_400),
            Queries = section.Integer("queries", 0, 0, 100_000),
            Pings = section.Integer("pings", 0, 0, 100_000),
            Lie = section.Text("lie"),
        };
    }
}
