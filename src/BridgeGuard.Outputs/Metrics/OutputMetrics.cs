using BridgeGuard.Outputs.EveFile;
using BridgeGuard.Outputs.Webhook;

namespace BridgeGuard.Outputs.Metrics;

/// <summary>The metrics of this project: the pump, the outputs, the webhooks.</summary>
public static class OutputMetrics
{
    public static void AddTo(MetricRegistry registry, OutputPump pump, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        WebhookOutput[] hooks = [.. pump.Outputs.OfType<WebhookOutput>()];
        registry.Add(
            MetricFamily.Counter("bridgeguard_events", "Events taken from the workers.", () => pump.Events),
            MetricFamily.Counter("bridgeguard_event_ring_dropped", "Events lost because a worker's ring was full.", () => pump.RingDropped),
            MetricFamily.Gauge("bridgeguard_event_ring_bytes", "Bytes waiting in the workers' rings.", () => pump.Rings.Sum(ring => ring.UsedBytes)),
            MetricFamily.Counter("bridgeguard_output_faults", "Failures of outputs inside BridgeGuard.", () => pump.Faults),
            MetricFamily.Counter("bridgeguard_eve_dropped", "EVE lines lost: disk full or reader away.", () =>
                pump.Outputs.OfType<EveFileOutput>().Sum(output => output.Counters.Dropped) + pump.RingDropped),
            PerOutput("bridgeguard_output_events", "Events that an output carried out.", pump, counters => counters.Events),
            PerOutput("bridgeguard_output_bytes", "Bytes that an output carried out.", pump, counters => counters.Bytes),
            PerOutput("bridgeguard_output_dropped", "Events that an output lost.", pump, counters => counters.Dropped),
            PerOutput("bridgeguard_output_failures", "Failed tries of an output.", pump, counters => counters.Failures),
            new MetricFamily("bridgeguard_webhook_deliveries", MetricType.Counter, "Webhook attempts by result.", samples =>
            {
                foreach (WebhookOutput hook in hooks)
                {
                    samples.Add(hook.DeliveryCounters.Delivered, ("sink", hook.Name), ("result", "delivered"));
                    samples.Add(hook.DeliveryCounters.Failed - hook.DeliveryCounters.Throttled, ("sink", hook.Name), ("result", "failed"));
                    samples.Add(hook.DeliveryCounters.Throttled, ("sink", hook.Name), ("result", "throttled"));
                }
            }),
            PerHook("bridgeguard_webhook_queue_depth", "Events in the journal that wait for delivery.", hooks, hook => hook.Journal.PendingCount),
            PerHook("bridgeguard_webhook_dlq", "Dead letters.", hooks, hook => hook.Journal.DeadCount),
            PerHook("bridgeguard_webhook_disabled", "1 when the receiver said 410 Gone.", hooks, hook => hook.Journal.IsDisabled ? 1 : 0),
            PerHook("bridgeguard_webhook_oldest_seconds", "Age of the oldest event that waits.", hooks, hook =>
                hook.Journal.OldestUs() is { } oldest ? Math.Max(0, (time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds - (oldest / 1e6)) : 0));
    }

    private static MetricFamily PerOutput(string name, string help, OutputPump pump, Func<OutputCounters, long> value) =>
        new(name, MetricType.Counter, help, samples =>
        {
            foreach (IOutput output in pump.Outputs)
            {
                samples.Add(value(output.Counters), ("output", output.Name));
            }
        });

    private static MetricFamily PerHook(string name, string help, WebhookOutput[] hooks, Func<WebhookOutput, double> value) =>
        new(name, MetricType.Gauge, help, samples =>
        {
            foreach (WebhookOutput hook in hooks)
            {
                samples.Add(value(hook), ("sink", hook.Name));
            }
        });
}
