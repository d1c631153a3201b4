using System.Globalization;
using System.Text;

namespace BridgeGuard.Outputs.Metrics;

/// <summary>Takes the samples of one family and writes them as text lines.</summary>
public sealed class MetricSamples
{
    private readonly StringBuilder _text;
    private readonly MetricFamily _family;

    internal MetricSamples(StringBuilder text, MetricFamily family)
    {
        _text = text;
        _family = family;
    }

    /// <summary>Adds one sample.</summary>
    /// <param name="value">Base units; counters never fall.</param>
    /// <param name="labels">Name and value; the same names in every sample of a family.</param>
    public void Add(double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        string suffix = _family.Type switch
        {
            MetricType.Counter => "_total",
            MetricType.Info => "_info",
            _ => "",
        };
        Line(suffix, labels, default, value);
    }

    /// <summary>Adds a histogram: its cumulative buckets, count and sum.</summary>
    public void Add(Histogram histogram, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        long cumulative = 0;
        for (int i = 0; i <= histogram.Bounds.Count; i++)
        {
            cumulative += histogram.CountAt(i);
            string bound = i == histogram.Bounds.Count ? "+Inf" : Number(histogram.Bounds[i]);
            Line("_bucket", labels, ("le", bound), cumulative);
        }

        Line("_count", labels, default, cumulative);
        Line("_sum", labels, default, histogram.Sum);
    }

    private void Line(string suffix, ReadOnlySpan<(string Name, string Value)> labels, (string Name, string Value) last, double value)
    {
        _text.Append(_family.Name).Append(suffix);
        if (labels.Length > 0 || last.Name is not null)
        {
            char before = '{';
            foreach ((string name, string labelValue) in labels)
            {
                Label(ref before, name, labelValue);
            }

            if (last.Name is not null)
            {
                Label(ref before, last.Name, last.Value);
            }

            _text.Append('}');
        }

        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    private void Label(ref char before, string name, string value)
    {
        _text.Append(before).Append(name).Append("=\"");
        foreach (char c in value)
        {
            _ = c switch
            {
                '\\' => _text.Append("\\\\"),
                '"' => _text.Append("\\\""),
                '\n' => _text.Append("\\n"),
                _ => _text.Append(c),
            };
        }

        _text.Append('"');
        before = ',';
    }

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : double.IsNaN(value) ? "NaN"
        : Math.Abs(value) < 1e15 && value == Math.Truncate(value) ? ((long)value).ToString(CultureInfo.InvariantCulture)
        : value.ToString("R", CultureInfo.InvariantCulture);
}
