using System.CommandLine;
using System.Globalization;
using BridgeGuard.Attachments;
using BridgeGuard.Cli.Replay;
using BridgeGuard.Cli.Suricata;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Rules.Caching;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using Spectre.Console;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard replay FILE…</c>: captures through the engine, EVE and a summary out.</summary>
internal static class ReplayCommand
{
    private const int TopAlerts = 12;

    /// <summary>Where roles are looked for by name: installed ones, then those shipped beside the program.</summary>
    private static readonly string[] RoleFolders =
        ["/etc/bridgeguard/roles.d", "/usr/share/bridgeguard/roles", Path.Combine(AppContext.BaseDirectory, "roles")];

    public static Command Create()
    {
        Argument<string[]> captures = new("FILE") { Description = "pcap or pcapng files, folders of them, or - for standard input", Arity = ArgumentArity.OneOrMore };
        Option<string?> only = new("-S") { Description = "rule file, in place of the configured ones" };
        Option<string?> also = new("-s") { Description = "rule file, besides the configured ones" };
        Option<string> logs = new("-l") { Description = "folder for eve.json", DefaultValueFactory = _ => "." };
        Option<bool> ips = new("--simulate-ips") { Description = "inline semantics: drops count" };
        Option<string?> checksums = new("-k") { Description = "all: validate checksums; none: do not" };
        Option<string?> configuration = new("-c") { Description = "configuration file: suricata.yaml or bridgeguard.yaml" };
        Option<string[]> settings = new("--set") { Description = "override a setting, name=value" };
        Option<string?> filter = new("--filter") { Description = "capture filter in tcpdump's language" };
        Option<string?> role = new("--role") { Description = "role that every guest has: the name of a shipped or installed one, or a role file" };
        Option<string?> cache = new("--cache") { Description = "folder that keeps compiled rules (from 1 MB of text on) for the next run" };
        checksums.AcceptOnlyFromAmong("all", "none");
        Command command = new("replay", "Run captures through the engine offline.") { captures, only, also, logs, ips, checksums, configuration, settings, filter, role, cache };
        command.SetAction((parsed, stop) => Task.FromResult(Run(
            parsed.GetValue(captures)!,
            parsed.GetValue(configuration),
            parsed.GetValue(filter),
            parsed.GetValue(role),
            parsed.GetValue(cache),
            new SuricataOverrides
            {
                ExclusiveRules = parsed.GetValue(only),
                AdditionalRules = parsed.GetValue(also),
                LogFolder = parsed.GetValue(logs),
                SimulateIps = parsed.GetValue(ips),
                Checksums = parsed.GetValue(checksums),
                Settings = parsed.GetValue(settings) ?? [],
                CapturePath = parsed.GetValue(captures)![0],
            },
            stop)));
        return command;
    }

    private static int Run(string[] captures, string? file, string? filter, string? role, string? cache, SuricataOverrides overrides, CancellationToken stop)
    {
        if (Configure(file, cache, overrides) is not var (configuration, options))
        {
            return ExitCode.BadConfiguration;
        }

        if (!Directory.Exists(configuration.LogFolder))
        {
            Console.Error.WriteLine($"bridgeguard: {configuration.LogFolder}: no such folder");
            return ExitCode.Failure;
        }

        RuleLoadResult loaded = StartupHeap.Load(options);
        if (loaded.CacheProblem.Length > 0)
        {
            Console.Error.WriteLine($"bridgeguard: {loaded.CacheProblem}; the rules were compiled");
        }

        foreach (RuleDiagnostic diagnostic in loaded.Diagnostics)
        {
            Console.Error.WriteLine(diagnostic);
        }

        // As with the peer, good rules run although others are bad; the exit code still says so.
        if (loaded.HasErrors && loaded.Loaded == 0)
        {
            return ExitCode.BadRules;
        }

        if (LoadPolicy(role) is not { } policy)
        {
            return ExitCode.BadConfiguration;
        }

        if (configuration.Engine.Detection.Engine == SearchEngine.Vectorscan)
        {
            // No traffic waits: the library searches from the first packet on.
            if (!SearchDatabases.IsAvailable)
            {
                Console.Error.WriteLine("bridgeguard: detect.engine is vectorscan, but libhs.so.5 is not there; the managed engine searches");
            }

            SearchDatabases.Build(loaded.Rules, cache is null ? null : Path.GetFullPath(cache), stop, out IReadOnlyList<string> problems);
            foreach (string problem in problems)
            {
                Console.Error.WriteLine($"bridgeguard: {problem}");
            }
        }

        EngineProgram program = new(loaded.Rules, new CompiledPolicy(policy, loaded.Rules.Rules));
        RuleSetStats rules = new(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000, loaded.Loaded, loaded.Failed, loaded.Skipped);
        ReplaySummary summary;
        using (ReplayEngine engine = new(configuration, program, rules))
        {
            summary = Watch(engine, captures, filter, stop);
            Print(summary, loaded, configuration);
        }

        return summary.Error is not null ? ExitCode.Failure : loaded.HasErrors ? ExitCode.BadRules : ExitCode.Ok;
    }

    /// <summary>Settings and rules of a suricata.yaml, a bridgeguard.yaml or neither; null after lines that say what is wrong.</summary>
    private static (SuricataConfiguration Configuration, RuleLoadOptions Rules)? Configure(string? file, string? cache, SuricataOverrides overrides)
    {
        try
        {
            if (file is not null && DaemonReplay.IsDaemonFile(file))
            {
                List<ConfigDiagnostic> diagnostics = [];
                DaemonReplay? replay = DaemonReplay.Read(file, overrides, diagnostics);
                foreach (ConfigDiagnostic diagnostic in diagnostics)
                {
                    Console.Error.WriteLine(diagnostic);
                }

                return replay is null ? null : (replay.Configuration, replay.Rules with { CacheFolder = cache is null ? null : Path.GetFullPath(cache) });
            }

            SuricataConfiguration configuration = file is null
                ? SuricataConfigurationReader.ReadText(SuricataDefaults.Configuration, "built-in configuration", overrides)
                : SuricataConfigurationReader.ReadFile(file, overrides);
            return (configuration, RuleOptions.From(configuration, cache: cache));
        }
        catch (ConfigException error)
        {
            Console.Error.WriteLine($"bridgeguard: {error.Message}");
            return null;
        }
    }

    /// <summary>Runs captures without writing events and prints what rules cost.</summary>
    public static int Profile(string[] captures, string rules, string? file, int most, bool json, CancellationToken stop)
    {
        DirectoryInfo scratch = Directory.CreateTempSubdirectory("bridgeguard-profile-");
        try
        {
            SuricataOverrides overrides = new() { ExclusiveRules = rules, LogFolder = scratch.FullName, CapturePath = captures[0] };
            SuricataConfiguration configuration = file is null
                ? SuricataConfigurationReader.ReadText(SuricataDefaults.Configuration, "built-in configuration", overrides)
                : SuricataConfigurationReader.ReadFile(file, overrides);
            RuleLoadResult loaded = StartupHeap.Load(RuleOptions.From(configuration));
            EngineProgram program = new(loaded.Rules, new CompiledPolicy(PolicyModel.Empty, loaded.Rules.Rules));
            using ReplayEngine engine = new(configuration, program, new RuleSetStats(0, loaded.Loaded, loaded.Failed, loaded.Skipped), profile: true);
            ReplaySummary summary = Watch(engine, captures, null, stop);
            RuleCosts costs = engine.RuleCosts!;
            if (json)
            {
                using Stream output = Console.OpenStandardOutput();
                RuleCostTable.WriteJson(output, costs.Rules, costs.Costs, most);
            }
            else
            {
                RuleCostTable.Print(Console.Out, costs.Rules, costs.Costs, most);
            }

            if (summary.Error is { } error)
            {
                Console.Error.WriteLine($"bridgeguard: {error.Message}");
            }

            return summary.Error is null ? ExitCode.Ok : ExitCode.Failure;
        }
        catch (ConfigException error)
        {
            Console.Error.WriteLine($"bridgeguard: {error.Message}");
            return ExitCode.BadConfiguration;
        }
        finally
        {
            scratch.Delete(recursive: true);
        }
    }

    /// <summary>The policy in which every end has the role; null after a line that says what is wrong.</summary>
    private static PolicyModel? LoadPolicy(string? role)
    {
        if (role is null)
        {
            return PolicyModel.Empty;
        }

        string? file = File.Exists(role) ? role : RoleFolders.Select(f => Path.Combine(f, role + ".yaml")).FirstOrDefault(File.Exists);
        if (file is null)
        {
            IEnumerable<string> known = RoleFolders.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, "*.yaml")).Select(f => Path.GetFileNameWithoutExtension(f));
            Console.Error.WriteLine($"bridgeguard: --role {role}: there is no such role, expected a role file or one of: {string.Join(", ", known.Distinct().Order())}");
            return null;
        }

        List<ConfigDiagnostic> diagnostics = [];
        PolicyLoader loader = new(diagnostics);
        string? name = loader.AddRole(file);
        foreach (ConfigDiagnostic diagnostic in diagnostics)
        {
            Console.Error.WriteLine(diagnostic);
        }

        return diagnostics.Count > 0 || name is null ? null : loader.BuildForReplay(name);
    }

    /// <summary>With a progress bar on a terminal, silently elsewhere.</summary>
    private static ReplaySummary Watch(ReplayEngine engine, string[] captures, string? filter, CancellationToken stop)
    {
        if (Console.IsErrorRedirected || Console.IsOutputRedirected)
        {
            return engine.Run(captures, filter, AttachmentHooks.None, stop);
        }

        ReplaySummary? summary = null;
        AnsiConsole.Progress().AutoClear(true).Start(context =>
        {
            ProgressTask task = context.AddTask("replay", maxValue: 1);
            AttachmentHooks hooks = new()
            {
                Progress = progress =>
                {
                    task.Value = progress.BytesTotal == 0 ? 0 : (double)progress.BytesRead / progress.BytesTotal;
                    task.Description = $"{progress.Frames:N0} packets";
                    task.IsIndeterminate = progress.BytesTotal == 0;
                },
            };
            summary = engine.Run(captures, filter, hooks, stop);
        });
        return summary!;
    }

    private static void Print(ReplaySummary summary, RuleLoadResult loaded, SuricataConfiguration configuration)
    {
        CultureInfo plain = CultureInfo.InvariantCulture;
        double seconds = Math.Max(summary.Elapsed.TotalSeconds, 1e-6);
        long alerts = summary.Alerts.Sum(a => a.Count);
        Console.WriteLine(string.Create(plain, $"packets   {summary.Packets,12:N0}   bytes    {summary.Bytes:N0}"));
        Console.WriteLine(string.Create(plain, $"flows     {summary.Flows,12:N0}   rules    {loaded.Loaded:N0}"));
        Console.WriteLine(string.Create(
            plain,
            $"verdicts  {summary.Packets - summary.Dropped,12:N0} passed, {summary.Dropped:N0} dropped, {summary.Rejected:N0} rejected, {summary.Modified:N0} modified"));
        Console.WriteLine(string.Create(
            plain,
            $"time      {seconds,12:F3} s  {summary.Packets / seconds / 1000:N0} kpps, {summary.Bytes * 8 / seconds / 1e6:N0} Mbit/s"));
        Console.WriteLine(string.Create(plain, $"alerts    {alerts,12:N0}"));
        foreach ((uint sid, string message, long count) in summary.Alerts.Take(TopAlerts))
        {
            Console.WriteLine(string.Create(plain, $"  {count,10:N0}  {sid,10}  {message}"));
        }

        if (summary.Alerts.Count > TopAlerts)
        {
            Console.WriteLine(string.Create(plain, $"  … and {summary.Alerts.Count - TopAlerts} more rules"));
        }

        foreach (EveFileSettings eve in configuration.Outputs.Eve)
        {
            Console.WriteLine($"events    {eve.Path}");
        }

        if (summary.LastFault is { } fault)
        {
            Console.Error.WriteLine(string.Create(plain, $"bridgeguard: {summary.Faults} packets met a defect of the engine; the last: {fault.GetType().Name}: {fault.Message}"));
        }

        if (summary.Error is { } error)
        {
            Console.Error.WriteLine($"bridgeguard: {error.Message}");
        }
    }
}
