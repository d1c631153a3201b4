namespace BridgeGuard.Outputs.Metrics;

/// <summary>Counts observations by size. Thread: any; no lock, so a scrape may be one observation behind in its sum.</summary>
public sealed class Histogram
{
    private readonly long[] _counts;
    private double _sum;

    /// <param name="bounds">Upper bounds, ascending, without the infinite one.</param>
    public Histogram(params ReadOnlySpan<double> bounds)
    {
        for (int i = 1; i < bounds.Length; i++)
        {
            if (bounds[i] <= bounds[i - 1])
            {
                throw new ArgumentException("Bounds ascend.", nameof(bounds));
            }
        }

        Bounds = bounds.ToArray();
        _counts = new long[bounds.Length + 1];
    }

    public IReadOnlyList<double> Bounds { get; }

    public double Sum => Volatile.Read(ref _sum);

    /// <summary>Observations in this bucket alone; the last index is the one above all bounds.</summary>
    public long CountAt(int bucket) => Volatile.Read(ref _counts[bucket]);

    /// <summary>Counts one value, in the metric's unit.</summary>
    public void Observe(double value)
    {
        int bucket = 0;
        while (bucket < Bounds.Count && value > Bounds[bucket])
        {
            bucket++;
        }

        Interlocked.Increment(ref _counts[bucket]);
        double sum = Volatile.Read(ref _sum);
        while (Interlocked.CompareExchange(ref _sum, sum + value, sum) is var seen && !seen.Equals(sum))
        {
            sum = seen;
        }
    }
}
