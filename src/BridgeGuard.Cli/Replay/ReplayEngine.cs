using System.Diagnostics;
using BridgeGuard.Attachments;
using BridgeGuard.Attachments.Offline;
using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Engine.Detection;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Policy;
using BridgeGuard.Engine.Protocols;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Worker;

namespace BridgeGuard.Cli.Replay;

/// <summary>One engine over captures, in this process, on the caller's thread: the same code as on the bridge.</summary>
internal sealed class ReplayEngine : IDisposable
{
    private readonly SuricataConfiguration _configuration;
    private readonly EngineSettings _settings;
    private readonly ReplayEventSink _sink;
    private PacketLog? _packets;
    private readonly FileStore? _store;
    private readonly DataLogFiles? _data;
    private readonly PacketWorker _worker;
    private readonly RuleSetStats _rules;
    private readonly Stopwatch _clock = new();

    /// <param name="configuration">Settings and outputs.</param>
    /// <param name="program">Rules and policy.</param>
    /// <param name="rules">How loading them went, for stats records.</param>
    /// <param name="profile">Whether to keep what single rules cost.</param>
    public ReplayEngine(SuricataConfiguration configuration, EngineProgram program, RuleSetStats rules, bool profile = false)
    {
        _configuration = configuration;
        _rules = rules;
        EveTypeSettings files = new("files", ProtocolSettings.Empty);
        bool writesFileInfo = configuration.Outputs.FileStore is { WriteFileInfo: true };
        EveTypeSettings alerts = new("alert", new ProtocolSettings(new Dictionary<string, string> { ["metadata"] = "no", ["metadata.rule.raw"] = "yes" }));
        EveSettings plain = new() { Metadata = false, Types = writesFileInfo ? [alerts, files] : [alerts] };
        bool hasEve = configuration.Outputs.Eve.Count > 0;
        _settings = configuration.Engine with
        {
            Eve = hasEve ? configuration.Engine.Eve : plain,
            MoreEve = hasEve ? [.. configuration.Engine.MoreEve, plain] : [],
        };
        _sink = new ReplayEventSink(configuration.Outputs, hasEve ? _settings.MoreEve.Length : 0);
        _store = configuration.Outputs.FileStore is { } store ? new FileStore(store) : null;
        _data = configuration.Outputs is { TcpData: null, HttpBodyData: null } ? null : new DataLogFiles(configuration.Outputs.TcpData, configuration.Outputs.HttpBodyData);
        WorkerEnvironment environment = new()
        {
            Settings = _settings,
            Events = _sink,
            FileStore = _store,
            DataLog = _data,
            CertificateStore = configuration.Outputs.CertificateFolder is { } folder ? new CertificateStore(folder) : null,
            CostClock = profile || configuration.Engine.Detection.CountsCosts ? Stopwatch.GetTimestamp : null,
        };
        _worker = new PacketWorker(environment) { Program = program };
    }

    /// <summary>What single rules cost; null when it was not asked for.</summary>
    public RuleCosts? RuleCosts => _worker.RuleCosts;

    /// <summary>Reads captures to their end.</summary>
    /// <param name="paths">Files, folders, or <c>-</c>.</param>
    /// <param name="filter">A capture filter, or null.</param>
    /// <param name="hooks">What the caller wants to hear.</param>
    /// <param name="stop">Ends early; what was read is still reported.</param>
    public ReplaySummary Run(IReadOnlyList<string> paths, string? filter, AttachmentHooks hooks, CancellationToken stop)
    {
        using OfflineAttachment attachment = new(new OfflineOptions { Paths = paths, Filter = filter });
        AttachmentError? error = attachment.Open();
        if (error is not null)
        {
            return Summary(attachment, error);
        }

        _clock.Start();
        _packets = KeepingReader.PacketsOf(_configuration) is { } packets ? new PacketLog(_worker, packets, new PacketLogFiles(packets)) : null;
        error = attachment.Run(_ => _packets ?? (IFrameProcessor)_worker, hooks, stop);
        _worker.Finish();
        _packets?.Dispose();
        if (_packets?.Problem is { } problem)
        {
            hooks.Warning?.Invoke($"pcap-log: {problem}");
        }

        _clock.Stop();
        WriteStats();
        return Summary(attachment, error);
    }

    public void Dispose()
    {
        _worker.Dispose();
        _store?.Dispose();
        _data?.Dispose();
        _sink.Dispose();
    }

    private void WriteStats()
    {
        if (!_settings.Stats.Enabled)
        {
            return;
        }

        _worker.CollectCounters();
        _worker.Counters.Set(Counter.PcapLogWritten, _packets?.Written ?? 0);
        _worker.Counters.Set(Counter.PcapLogFiltered, _packets?.Filtered ?? 0);
        _worker.Counters.Set(Counter.FileStoreErrors, _store?.Errors ?? 0);
        _worker.Counters.Set(Counter.FileStoreOpenFilesMaxHit, _store?.Refused ?? 0);
        StatsSnapshot snapshot = new()
        {
            TimeUs = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000,
            UptimeSeconds = (long)_clock.Elapsed.TotalSeconds,
            Workers = [_worker.Counters],
            Rules = _rules,
        };
        using EventEmitter emitter = new(_settings, _sink, EmptyGuestDirectory.Instance, 0);
        emitter.Stats(in snapshot);
        if (_configuration.Outputs.Stats is { } table)
        {
            StatsTable.Write(table, StatsTree.Build(_settings), in snapshot);
        }
    }

    private ReplaySummary Summary(OfflineAttachment attachment, AttachmentError? error)
    {
        AttachmentStats stats = attachment.Stats;
        return new ReplaySummary
        {
            Packets = stats.Frames,
            Bytes = stats.Bytes,
            Flows = _worker.Counters[Counter.FlowTotal],
            Dropped = stats.Dropped,
            Rejected = stats.Rejects,
            Modified = stats.Modified,
            Elapsed = _clock.Elapsed,
            Faults = _worker.Faults,
            LastFault = _worker.LastFault,
            Alerts = _sink.Alerts,
            Error = error,
        };
    }
}
