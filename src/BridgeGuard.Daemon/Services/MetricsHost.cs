using System.Net;
using System.Reflection;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Outputs.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Daemon.Services;

/// <summary>OpenMetrics, health and readiness over HTTP, where configured.</summary>
public sealed class MetricsHost(
    DaemonModel model, DataPlane dataPlane, ProgramSource programs, OutputHost outputs, ScanningHost scanning, ILoggerFactory loggers) : IHostedService, IAsyncDisposable
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
        AddRules(registry);
        AddScanning(registry);
        var health = new HealthChecks();
        health.Add("data-plane", HealthProbe.Ready | HealthProbe.Live, () =>
            dataPlane.Failure is { } failure ? new HealthAnswer(HealthStatus.Unhealthy, failure.Message) : HealthAnswer.Healthy);
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

    private void AddDataPlane(MetricRegistry registry)
    {
        BridgeAttachment attachment = dataPlane.Attachment;
        registry.Add(
            MetricFamily.Counter("bridgeguard_packets", "Frames given to the engine.", () => attachment.Stats.Frames),
            MetricFamily.Counter("bridgeguard_bytes", "Bytes of frames given to the engine.", () => attachment.Stats.Bytes),
            MetricFamily.Counter("bridgeguard_drops", "Frames that the engine dropped.", () => attachment.Stats.Dropped),
            MetricFamily.Counter("bridgeguard_rejects", "Resets and ICMP errors sent.", () => attachment.Stats.Rejects),
            MetricFamily.Counter("bridgeguard_offloaded_flows", "Flows handed to the kernel with a final verdict.", () => attachment.Stats.Offloaded),
            MetricFamily.Counter("bridgeguard_lost_frames", "Frames that vanished between a port and its worker.", () => attachment.Lost),
            MetricFamily.Gauge("bridgeguard_flows", "Flows that the engine follows.", () => dataPlane.Workers.Sum(w => w.Flows.Count)),
            MetricFamily.Counter("bridgeguard_faults", "Exceptions caught under the packet loop; each is a defect.", () => dataPlane.Workers.Sum(w => w.Faults) + attachment.Faults),
            MetricFamily.Gauge("bridgeguard_ports", "Ports of the inspected bridges.", () => attachment.Ports.All.Count),
            MetricFamily.Gauge("bridgeguard_ports_uncovered", "Ports that should be inspected and are not.", () => attachment.Ports.All.Count(p => p.Uncovered is not null)));
    }

    private void AddRules(MetricRegistry registry) => registry.Add(
        MetricFamily.Gauge("bridgeguard_rules_loaded", "Rules in force.", () => programs.Program.Rules.Count),
        MetricFamily.Gauge("bridgeguard_rules_failed", "Rules left out at the last load.", () => programs.RulesFailed),
        MetricFamily.Gauge(
            "bridgeguard_rules_last_reload_timestamp_seconds", "When rules were loaded last.", () => programs.LastReload?.ToUnixTimeSeconds() ?? 0));

    private void AddScanning(MetricRegistry registry)
    {
        if (scanning.Scans is not { } scans)
        {
            return;
        }

        registry.Add(
            MetricFamily.Counter("bridgeguard_scans", "Scans by an engine; one per content and signature generation.", () => scans.Counters.Scans),
            MetricFamily.Gauge("bridgeguard_cache_entries", "Verdicts in memory.", () => scanning.Cache!.MemoryCount));
    }
}
