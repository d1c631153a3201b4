namespace BridgeGuard.Outputs.Metrics;

/// <summary>OpenMetrics 1.0 types that we use.</summary>
public enum MetricType : byte
{
    Counter,
    Gauge,
    Histogram,

    /// <summary>One sample of value 1 whose labels are the message.</summary>
    Info,
}
