using System.Net;
using System.Reflection;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Plane;
using BridgeGuard.Outputs.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>OpenMetrics, health and readiness over HTTP, where configured.</summary>
public sealed class MetricsHost(
    DaemonModel model, IDataPlane plane, OutputHost outputs, KeepingHost keeping, ScanningHost scanning, ILoggerFactory loggers) : IHostedService, IAsyncDisposable
{
    private MetricsServer? _server;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (model.MetricsListen is not { } listen)
        {
            return;
        }

        if (!IPEndPoint.TryParse(listen, out IPEndPoint? endPoint) || endPoint.Port == 0)
        {
            throw new StartupException(ExitCodes.BadConfiguration, $"metrics-listen: '{listen}' is no address with a port, expected the form 127.0.0.1:9912");
        }

        var registry = new MetricRegistry();
        ProcessMetrics.AddTo(registry, Assembly.GetExecutingAssembly().GetName().Version?.ToString(3) ?? "");
        OutputMetrics.AddTo(registry, outputs.Pump);
        AddDataPlane(registry);
        AddCoverage(registry);
        AddKeeping(registry);
        AddRules(registry);
        AddScanning(registry);
        var health = new HealthChecks();
        health.Add("data-plane", HealthProbe.Ready | HealthProbe.Live, () =>
            plane.Failure is { } failure ? new HealthAnswer(HealthStatus.Unhealthy, failure)
                : plane.Status.Phase != PlanePhase.Running ? new HealthAnswer(HealthStatus.Unhealthy, "the data plane does not inspect") : HealthAnswer.Healthy);
        _server = new MetricsServer([endPoint], registry, health, loggers);
        try
        {
            await _server.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new StartupException(ExitCodes.Failure, $"metrics-listen: cannot listen on {listen}: {e.InnerException?.Message ?? e.Message}");
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }

    private void AddDataPlane(MetricRegistry registry) => registry.Add(
        MetricFamily.Counter("bridgeguard_packets", "Frames given to the engine.", () => plane.Status.Stats.Frames),
        MetricFamily.Counter("bridgeguard_bytes", "Bytes of frames given to the engine.", () => plane.Status.Stats.Bytes),
        MetricFamily.Counter("bridgeguard_drops", "Frames that the engine dropped.", () => plane.Status.Stats.Dropped),
        MetricFamily.Counter("bridgeguard_rejects", "Resets and ICMP errors sent.", () => plane.Status.Stats.Rejects),
        MetricFamily.Counter("bridgeguard_offloaded_flows", "Flows handed to the kernel with a final verdict.", () => plane.Status.Stats.Offloaded),
        MetricFamily.Counter("bridgeguard_offload_refused_flows", "Flows that the kernel had no room for: they stay with the engine.", () => plane.Status.Stats.OffloadRefused),
        MetricFamily.Counter("bridgeguard_mark_refused_frames", "Frames that went on without their mark because there were too many different ones.", () => plane.Status.Stats.MarkRefused),
        MetricFamily.Counter("bridgeguard_lost_frames", "Frames that vanished between a port and its worker.", () => plane.Status.Lost),
        MetricFamily.Gauge("bridgeguard_flows", "Flows that the engine follows.", () => plane.Status.Flows),
        MetricFamily.Counter("bridgeguard_faults", "Exceptions caught under the packet loop; each is a defect.", () => plane.Status.Faults),
        MetricFamily.Gauge("bridgeguard_ports", "Ports of the inspected bridges.", () => plane.Status.Ports.Count),
        MetricFamily.Gauge(
            "bridgeguard_ports_uncovered", "Ports that should be inspected and are not.", () => plane.Status.Ports.Count(p => p.Port.Uncovered is not null)),
        MetricFamily.Counter("bridgeguard_files_held", "Files of which a part waited for a verdict.", () => plane.Status.FilesHeld),
        MetricFamily.Counter("bridgeguard_files_released", "Waits that ended with the file going on.", () => plane.Status.FilesReleased),
        MetricFamily.Counter("bridgeguard_files_stopped", "Files stopped.", () => plane.Status.FilesStopped),
        MetricFamily.Counter("bridgeguard_file_hold_timeouts", "Waits that ended at the role's deadline.", () => plane.Status.FileHoldTimeouts),
        MetricFamily.Counter("bridgeguard_file_hold_seconds", "How long released files waited, all together.", () => plane.Status.FileHeldUs / 1e6),
        MetricFamily.Gauge("bridgeguard_file_hold_longest_seconds", "The longest of these waits.", () => plane.Status.FileLongestHoldUs / 1e6),
        MetricFamily.Gauge("bridgeguard_plane_generation", "Number of the data plane; another one after each of its starts.", () => plane.Status.Generation),
        MetricFamily.Counter("bridgeguard_plane_collections", "Garbage collections of the data plane's process.", () => plane.Status.Memory.Collections),
        MetricFamily.Counter("bridgeguard_plane_worker_allocated_bytes", "Managed bytes that the workers' threads have allocated.", () => plane.Status.Memory.WorkerAllocatedBytes),
        MetricFamily.Counter("bridgeguard_event_ring_waits", "Times a worker waited for room in its ring.", () => plane.Status.RingWaits),
        MetricFamily.Counter("bridgeguard_event_ring_waited_seconds", "How long workers waited for room in their rings.", () => plane.Status.RingWaitedMs / 1e3),
        MetricFamily.Counter("bridgeguard_plane_files_refused", "Files for the scanner that the border between the processes had no room for.", () => plane.Status.FilesRefused));

    /// <summary>What became of each port's bytes: the kernel's own counters.</summary>
    private void AddCoverage(MetricRegistry registry) => registry.Add(
        Coverage("bridgeguard_port_seen_bytes", "Bytes that a port sent.", counters => counters.Seen.Bytes),
        Coverage("bridgeguard_port_inspected_bytes", "Bytes of them given to the engine.", counters => counters.Punted.Bytes),
        Coverage("bridgeguard_port_bypassed_bytes", "Bytes that the kernel carried after an early verdict or a decision.", counters => (counters.Passed + counters.Moved).Bytes),
        Coverage("bridgeguard_port_stopped_bytes", "Bytes that the kernel dropped.", counters =>
            (counters.Dropped + counters.Blocked + counters.Closed + counters.Limited).Bytes),
        Coverage("bridgeguard_port_unseen_bytes", "Bytes let through because the engine was dead, hung or overloaded.", counters => counters.Opened.Bytes),
        Coverage("bridgeguard_port_guarded_frames", "Frames of senders that are not bound to the port.", counters => counters.Guarded.Frames));

    private MetricFamily Coverage(string name, string help, Func<PortCounters, long> value) => new(name, MetricType.Counter, help, samples =>
    {
        foreach (PlanePort port in plane.Status.Ports)
        {
            samples.Add(value(port.Counters), ("bridge", port.Port.Bridge), ("port", port.Port.Name));
        }
    });

    private void AddKeeping(MetricRegistry registry)
    {
        if (keeping.Pump is null)
        {
            return;
        }

        registry.Add(
            MetricFamily.Counter("bridgeguard_kept_files", "Files stored.", () => keeping.FilesStored),
            MetricFamily.Counter("bridgeguard_kept_disk_errors", "Files and chains of certificates that the disk did not take.", () => keeping.FileErrors),
            MetricFamily.Counter("bridgeguard_kept_lost", "Files and chains for which their ring had no room.", () => plane.Status.KeptLost),
            MetricFamily.Counter("bridgeguard_kept_refused", "Files not stored because too many were open.", () => plane.Status.KeptRefused),
            MetricFamily.Counter("bridgeguard_kept_frames", "Frames written.", () => keeping.FramesWritten),
            MetricFamily.Counter("bridgeguard_kept_frames_lost", "Frames that the ring or the disk did not take.", () => plane.Status.FramesLost + keeping.FramesLost));
    }

    private void AddRules(MetricRegistry registry) => registry.Add(
        MetricFamily.Gauge("bridgeguard_rules_loaded", "Rules in force.", () => plane.Status.RulesLoaded),
        MetricFamily.Gauge("bridgeguard_rules_failed", "Rules left out at the last load.", () => plane.Status.RulesFailed),
        MetricFamily.Gauge(
            "bridgeguard_rules_last_reload_timestamp_seconds", "When rules were loaded last.", () => plane.Status.RulesLoadedAt));

    private void AddScanning(MetricRegistry registry)
    {
        if (scanning.Scans is not { } scans)
        {
            return;
        }

        registry.Add(
            MetricFamily.Counter("bridgeguard_scans", "Scans by an engine; one per content and signature generation.", () => scans.Counters.Scans),
            MetricFamily.Counter("bridgeguard_scans_saved", "Scans saved by the cache, by a scan under way, or by another host.",
                () => scans.Counters.SavedByCache + scans.Counters.SavedByJoining + scans.Counters.SavedByFleet),
            MetricFamily.Counter("bridgeguard_scans_ahead", "Contents that went to the scanners while they arrived.", () => scans.Counters.Ahead),
            MetricFamily.Counter("bridgeguard_scans_ahead_in_vain", "Those of which no scan was needed in the end.", () => scans.Counters.AheadInVain),
            MetricFamily.Counter("bridgeguard_scan_errors", "Contents that could not be judged.", () => scans.Counters.Errors),
            MetricFamily.Counter("bridgeguard_scan_files", "Contents taken in, from the wire and from guests.", () => scans.Counters.Files),
            MetricFamily.Counter("bridgeguard_scan_bytes", "Their bytes.", () => scans.Counters.Bytes),
            MetricFamily.Gauge("bridgeguard_cache_entries", "Verdicts in memory.", () => scanning.Cache!.MemoryCount),
            MetricFamily.Counter("bridgeguard_cache_hits", "Questions answered by list, memory or database.",
                () => scanning.Cache!.Counters.ListHits + scanning.Cache.Counters.MemoryHits + scanning.Cache.Counters.StoreHits),
            MetricFamily.Counter("bridgeguard_cache_misses", "Questions that had no answer.", () => scanning.Cache!.Counters.Misses),
            MetricFamily.Gauge("bridgeguard_bad_prints", "Bad contents whose pieces are known.", () => scanning.Cache!.BadFiles.Count),
            MetricFamily.Counter("bridgeguard_wire_files", "Files taken off the wire.", () => scanning.WireFiles!.Opened),
            MetricFamily.Counter("bridgeguard_wire_file_checkpoints", "Beginnings of uploads that were judged, as they might have been all.", () => scanning.WireFiles!.Checkpoints),
            MetricFamily.Counter("bridgeguard_wire_files_refused", "Files for which there was no room.", () => scanning.WireFiles!.RefusedOpens),
            MetricFamily.Counter("bridgeguard_fleet_hits", "Verdicts that another host had.", () => scanning.Fleet?.Hits ?? 0),
            MetricFamily.Counter("bridgeguard_fleet_forged", "Entries of the fleet without a trusted signature.", () => scanning.Fleet?.Forged ?? 0),
            MetricFamily.Counter("bridgeguard_fleet_failures", "Questions to the fleet that did not get through.", () => scanning.Fleet?.Failures ?? 0));
    }
}
