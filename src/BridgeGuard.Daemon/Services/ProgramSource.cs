using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.GeoIp;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;
using BridgeGuard.Rules.Caching;
using BridgeGuard.Rules.Diagnostics;
using BridgeGuard.Rules.Loading;
using BridgeGuard.Rules.Semantics;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>Loads rules, compiles them with the policy, and hands the result to every worker; again on each reload.</summary>
/// <remarks>Thread: any; loads wait for each other, so that the one asked for last also is the one in force. A load that fails leaves what is in force untouched.</remarks>
public sealed partial class ProgramSource(DaemonModel model, ILogger<ProgramSource> logger)
{
    private readonly List<PacketWorker> _workers = [];
    private readonly Lock _gate = new();
    private readonly Lock _loading = new();
    private readonly DatasetRegistry _datasets = new() { Folders = [model.StateDirectory] };
    private EngineProgram _program = EngineProgram.Empty;
    private CancellationTokenSource? _searches;
    private DaemonModel _model = model;
    private PolicyMessage _said = PolicyMessage.Empty;

    /// <summary>Rule text from which on a reload compiles in a process of its own: less does not stop a worker for a millisecond.</summary>
    internal const long LeastTextForChild = 1 << 20;

    /// <summary>The configuration in force: as at the start, with what the last reload has exchanged.</summary>
    public DaemonModel Model => Volatile.Read(ref _model);

    /// <summary>What is in force.</summary>
    public EngineProgram Program => Volatile.Read(ref _program);

    public int RulesFailed { get; private set; }

    public DateTimeOffset? LastReload { get; private set; }

    /// <summary>A worker that gets the program now and on every reload.</summary>
    public void Add(PacketWorker worker)
    {
        lock (_gate)
        {
            _workers.Add(worker);
            worker.Program = _program;
        }
    }

    /// <summary>Other guests or actions: the program is exchanged without compiling anything.</summary>
    public void Apply(PolicyMessage said)
    {
        lock (_gate)
        {
            _said = said;
            Publish(_program);
        }
    }

    /// <summary>What a configuration says about rules, for the loader.</summary>
    /// <param name="model">The configuration.</param>
    /// <param name="datasets">Datasets of loads before; null for a single load.</param>
    /// <param name="refreshesCache">Compile although the cache has the set.</param>
    public static RuleLoadOptions OptionsOf(DaemonModel model, DatasetRegistry? datasets = null, bool refreshesCache = false)
    {
        VariableTable variables = VariableTable.CreateDefault();
        foreach ((string name, string value) in model.Rules.AddressVariables)
        {
            variables.Addresses[name] = value;
        }

        foreach ((string name, string value) in model.Rules.PortVariables)
        {
            variables.Ports[name] = value;
        }

        return new RuleLoadOptions
        {
            Files = model.Rules.Files,
            Variables = variables,
            HomeGroups = model.Policy.HomeGroups,
            ClassificationFile = model.Rules.Classification,
            ReferenceFile = model.Rules.References,
            ThresholdFile = model.Rules.Thresholds,
            ReputationCategoriesFile = model.Rules.ReputationCategories,
            ReputationFiles = model.Rules.Reputation,
            CountriesFile = model.Rules.GeoIpDatabase,
            Countries = model.Rules.GeoIpDatabase is { } countries ? new CountryDatabase(countries).RangesOf : null,
            IsInline = model.Engine.IsInline,
            PcreMatchLimit = (uint)model.Engine.Detection.PcreMatchLimit,
            PcreRecursionLimit = (uint)model.Engine.Detection.PcreRecursionLimit,
            Datasets = datasets ?? new DatasetRegistry { Folders = [model.StateDirectory] },
            DisabledProtocols = RuleLoadOptions.DisabledIn(model.Engine.AppLayer),
            CacheFolder = model.Rules.CacheFolder,
            RefreshesCache = refreshesCache,
        };
    }

    /// <summary>Loads and swaps. Bad rules are logged and left out, or, when strict, refused together.</summary>
    /// <returns>False when nothing was exchanged; <paramref name="errors"/> says why, a line each.</returns>
    /// <remarks>A reload that finds errors and not one good rule (a file that is gone, half a copy) is refused too: it would switch detection off.</remarks>
    public bool TryLoad(out IReadOnlyList<string> errors) => TryLoad(null, null, out errors);

    /// <summary>The same with another configuration: rules, roles and guests are exchanged together, between two packets.</summary>
    /// <param name="next">Null: the one in force.</param>
    /// <param name="said">The guests and actions that belong to it; null: those in force.</param>
    /// <param name="errors">A line each.</param>
    public bool TryLoad(DaemonModel? next, PolicyMessage? said, out IReadOnlyList<string> errors)
    {
        lock (_loading)
        {
            _datasets.BeginReload();
            return LoadAndSwap(next is null ? _model : _model.Reloaded(next), said, out errors);
        }
    }

    /// <summary>Writes the datasets that rules ask to save; when the workers have ended.</summary>
    public void SaveDatasets()
    {
        lock (_loading)
        {
            foreach (string problem in _datasets.SaveAll())
            {
                Log.NotSaved(logger, problem);
            }
        }
    }

    private bool LoadAndSwap(DaemonModel wanted, PolicyMessage? said, out IReadOnlyList<string> errors)
    {
        RuleLoadResult loaded = Load(wanted, OptionsOf(wanted, _datasets));
        if (loaded.CacheProblem.Length > 0)
        {
            Log.BadCache(logger, loaded.CacheProblem);
        }

        string[] lines = [.. loaded.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString())];
        errors = lines;
        bool wouldEmpty = loaded.Rules.Count == 0 && Program.Rules.Count > 0;
        if (lines.Length > 0 && (wanted.Rules.Strict || wouldEmpty))
        {
            return false;
        }

        foreach (string line in lines)
        {
            Log.BadRule(logger, line);
        }

        var program = new EngineProgram(loaded.Rules, new CompiledPolicy(wanted.Policy, loaded.Rules.Rules));
        lock (_gate)
        {
            _said = said ?? _said;
            Volatile.Write(ref _model, wanted);
            Publish(program);
        }

        RulesFailed = lines.Length;
        LastReload = DateTimeOffset.UtcNow;
        ExchangeSearches(loaded.Rules);
        Log.Loaded(logger, loaded.Rules.Count, lines.Length);
        return true;
    }

    /// <summary>Where the library is wanted: compiles its searches beside the traffic and exchanges them one by one, until other rules come.</summary>
    private void ExchangeSearches(RuleSet rules)
    {
        _searches?.Cancel();
        _searches = null;
        if (Model.Engine.Detection.Engine != SearchEngine.Vectorscan)
        {
            return;
        }

        if (!SearchDatabases.IsAvailable)
        {
            Log.NoLibrary(logger);
            return;
        }

        var stop = new CancellationTokenSource();
        _searches = stop;
        new Thread(() =>
        {
            CompilerProcess.BeNice();
            int count = SearchDatabases.Build(rules, Model.Rules.CacheFolder, stop.Token, out IReadOnlyList<string> problems);
            Log.Exchanged(logger, count, problems.Count);
        })
        {
            IsBackground = true,
            Name = "search-compiler",
        }.Start();
    }

    /// <summary>The first time as quickly as can be; later beside the traffic.</summary>
    private RuleLoadResult Load(DaemonModel model, RuleLoadOptions options)
    {
        if (LastReload is null)
        {
            return StartupHeap.Load(options);
        }

        RuleLoadResult? loaded = null;
        if (options.CacheFolder is not null && model.Arguments.Count > 0 && RuleFiles.SizeOf(options.Files) >= LeastTextForChild)
        {
            loaded = RuleLoader.TryLoadCached(options, out string problem);
            if (loaded is null && CompilerProcess.TryRun(model, out problem))
            {
                loaded = RuleLoader.TryLoadCached(options, out problem);
                if (problem.Length > 0)
                {
                    Log.BadCache(logger, problem);
                }
            }
            else if (loaded is null)
            {
                Log.NoCompiler(logger, problem);
            }
        }

        return loaded ?? CompilerProcess.RunGently(() => RuleLoader.Load(options));
    }

    /// <summary>Raised before workers get a program: ports must know its guests first. Under a lock; must not call back.</summary>
    public event Action<EngineProgram>? Publishing;

    /// <summary>Under the lock. Roles and targets are numbered as the program's own policy numbers them.</summary>
    private void Publish(EngineProgram program)
    {
        PolicyModel policy = program.Policy.Model;
        program = program with { Guests = _said.GuestsOf(policy), Actions = _said.ActionsOf(policy) };
        Publishing?.Invoke(program);
        Volatile.Write(ref _program, program);
        foreach (PacketWorker worker in _workers)
        {
            worker.Program = program;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(100, LogLevel.Warning, "{Line}")]
        public static partial void BadRule(ILogger logger, string line);

        [LoggerMessage(102, LogLevel.Error, "a dataset could not be saved: {Problem}")]
        public static partial void NotSaved(ILogger logger, string problem);

        [LoggerMessage(103, LogLevel.Warning, "the cache of compiled rules: {Problem}; the rules were compiled")]
        public static partial void BadCache(ILogger logger, string problem);

        [LoggerMessage(104, LogLevel.Warning, "rules cannot be compiled beside the daemon: {Problem}; they are compiled inside it")]
        public static partial void NoCompiler(ILogger logger, string problem);

        [LoggerMessage(105, LogLevel.Warning, "detect.engine is vectorscan, but libhs.so.5 (Debian: libvectorscan5 or libhyperscan5) is not there; the managed engine searches")]
        public static partial void NoLibrary(ILogger logger);

        [LoggerMessage(106, LogLevel.Information, "{Count} searches run on the Vectorscan library; {Refused} were refused by it")]
        public static partial void Exchanged(ILogger logger, int count, int refused);

        [LoggerMessage(101, LogLevel.Information, "{Count} rules in force, {Failed} left out")]
        public static partial void Loaded(ILogger logger, int count, int failed);
    }
}
