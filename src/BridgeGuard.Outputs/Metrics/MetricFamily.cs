namespace BridgeGuard.Outputs.Metrics;

/// <summary>One metric with all its label sets; the values are read when somebody asks.</summary>
/// <param name="Name">With prefix and unit, without <c>_total</c>, <c>_info</c> or <c>_bucket</c>.</param>
/// <param name="Type">Decides the suffix of the samples.</param>
/// <param name="Help">One sentence.</param>
/// <param name="Collect">Adds the samples; called for each scrape, on a pool thread.</param>
public sealed record MetricFamily(string Name, MetricType Type, string Help, Action<MetricSamples> Collect)
{
    /// <summary>A counter of one sample.</summary>
    public static MetricFamily Counter(string name, string help, Func<double> value) =>
        new(name, MetricType.Counter, help, samples => samples.Add(value()));

    /// <summary>A gauge of one sample.</summary>
    public static MetricFamily Gauge(string name, string help, Func<double> value) =>
        new(name, MetricType.Gauge, help, samples => samples.Add(value()));
}
