using System.Text;

namespace BridgeGuard.Outputs.Metrics;

/// <summary>Every metric of the process, written as OpenMetrics 1.0 or as Prometheus' older text (0.0.4).</summary>
/// <remarks>Families are added at start; values are pulled, so counting costs the data plane nothing. Thread: any.</remarks>
public sealed class MetricRegistry
{
    public const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    public const string PrometheusType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, MetricFamily> _families = new(StringComparer.Ordinal);
    private long _errors;

    public MetricRegistry() => Add(MetricFamily.Counter("bridgeguard_metric_errors", "Metric families whose values could not be read.", () => _errors));

    /// <exception cref="ArgumentException">The name is taken, or is none by OpenMetrics' rules.</exception>
    public void Add(params ReadOnlySpan<MetricFamily> families)
    {
        foreach (MetricFamily family in families)
        {
            bool isName = family.Name.Length > 0 && family.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':') && !char.IsAsciiDigit(family.Name[0]);
            bool hasSuffix = family.Name.EndsWith("_total", StringComparison.Ordinal) || family.Name.EndsWith("_info", StringComparison.Ordinal);
            lock (_lock)
            {
                if (!isName || hasSuffix || !_families.TryAdd(family.Name, family))
                {
                    throw new ArgumentException($"\"{family.Name}\" is not a metric name, ends in its type's suffix, or is taken.", nameof(families));
                }
            }
        }
    }

    /// <summary>All metrics as text. A family that throws is left out and counted; the others are not its victims.</summary>
    public string Write(bool openMetrics)
    {
        MetricFamily[] families;
        lock (_lock)
        {
            families = [.. _families.Values];
        }

        var text = new StringBuilder(16 << 10);
        foreach (MetricFamily family in families)
        {
            int before = text.Length;
            try
            {
                WriteHead(text, family, openMetrics);
                family.Collect(new MetricSamples(text, family));
            }
            catch (Exception)
            {
                Interlocked.Increment(ref _errors);
                text.Length = before;
            }
        }

        return (openMetrics ? text.Append("# EOF\n") : text).ToString();
    }

    private static void WriteHead(StringBuilder text, MetricFamily family, bool openMetrics)
    {
        (string suffix, string type) = (family.Type, openMetrics) switch
        {
            (MetricType.Counter, true) => ("", "counter"),
            (MetricType.Counter, false) => ("_total", "counter"),
            (MetricType.Gauge, _) => ("", "gauge"),
            (MetricType.Histogram, _) => ("", "histogram"),
            (_, true) => ("", "info"),
            _ => ("_info", "gauge"),
        };
        string help = family.Help.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        text.Append("# TYPE ").Append(family.Name).Append(suffix).Append(' ').Append(type).Append('\n');
        text.Append("# HELP ").Append(family.Name).Append(suffix).Append(' ').Append(help).Append('\n');
    }
}
