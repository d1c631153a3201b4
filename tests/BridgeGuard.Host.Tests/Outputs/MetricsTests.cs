using System.Net;
using System.Net.Http.Headers;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using BridgeGuard.Outputs.Metrics;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class MetricsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void TextIsThatOfOpenMetrics()
    {
        var registry = new MetricRegistry();
        var histogram = new Histogram(0.1, 1);
        histogram.Observe(0.1);
        histogram.Observe(0.5);
        histogram.Observe(5);
        registry.Add(
            new MetricFamily("bridgeguard_drops", MetricType.Counter, "Drops by \"reason\"\nand \\.", samples => samples.Add(3, ("reason", "a\"b\\c\nd"), ("port", "tap0"))),
            MetricFamily.Gauge("bridgeguard_load", "Load.", () => 0.25),
            new MetricFamily("bridgeguard_hold_seconds", MetricType.Histogram, "Hold.", samples => samples.Add(histogram, ("role", "web"))),
            new MetricFamily("bridgeguard_build", MetricType.Info, "Build.", samples => samples.Add(1, ("version", "1"))));
        Assert.Equal(
            """
            # TYPE bridgeguard_build info
            # HELP bridgeguard_build Build.
            bridgeguard_build_info{version="1"} 1
            # TYPE bridgeguard_drops counter
            # HELP bridgeguard_drops Drops by "reason"\nand \\.
            bridgeguard_drops_total{reason="a\"b\\c\nd",port="tap0"} 3
            # TYPE bridgeguard_hold_seconds histogram
            # HELP bridgeguard_hold_seconds Hold.
            bridgeguard_hold_seconds_bucket{role="web",le="0.1"} 1
            bridgeguard_hold_seconds_bucket{role="web",le="1"} 2
            bridgeguard_hold_seconds_bucket{role="web",le="+Inf"} 3
            bridgeguard_hold_seconds_count{role="web"} 3
            bridgeguard_hold_seconds_sum{role="web"} 5.6
            # TYPE bridgeguard_load gauge
            # HELP bridgeguard_load Load.
            bridgeguard_load 0.25
            # TYPE bridgeguard_metric_errors counter
            # HELP bridgeguard_metric_errors Metric families whose values could not be read.
            bridgeguard_metric_errors_total 0
            # EOF

            """.ReplaceLineEndings("\n"),
            registry.Write(openMetrics: true));
        Assert.Contains("# TYPE bridgeguard_drops_total counter\n", registry.Write(openMetrics: false), StringComparison.Ordinal);
    }

    [Fact]
    public void FamilyThatThrowsIsLeftOutAndCounted()
    {
        var registry = new MetricRegistry();
        registry.Add(MetricFamily.Gauge("bridgeguard_a", "A.", () => throw new InvalidOperationException()), MetricFamily.Gauge("bridgeguard_z", "Z.", () => 1));
        registry.Write(openMetrics: true);
        string text = registry.Write(openMetrics: true);
        Assert.DoesNotContain("bridgeguard_a", text, StringComparison.Ordinal);
        Assert.Contains("bridgeguard_z 1\n", text, StringComparison.Ordinal);
        Assert.Contains("bridgeguard_metric_errors_total 2\n", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("9lives")]
    [InlineData("bad-name")]
    [InlineData("requests_total")]
    [InlineData("bridgeguard_metric_errors")]
    public void NameThatIsNoneOrTakenIsRefused(string name) =>
        Assert.Throws<ArgumentException>(() => new MetricRegistry().Add(MetricFamily.Gauge(name, "", () => 0)));

    [Fact]
    public async Task ServerAnswersMetricsInTheFormThatIsAskedFor()
    {
        await using var pump = new OutputPump([new EventRing()], []);
        var registry = new MetricRegistry();
        ProcessMetrics.AddTo(registry, "0.1");
        OutputMetrics.AddTo(registry, pump);
        await using var server = new MetricsServer([new IPEndPoint(IPAddress.Loopback, 0)], registry, new HealthChecks());
        await server.StartAsync(Cancel);
        using var client = new HttpClient { BaseAddress = new Uri(server.Addresses.Single()) };

        using HttpResponseMessage old = await client.GetAsync("/metrics", Cancel);
        Assert.Equal("text/plain", old.Content.Headers.ContentType!.MediaType);
        client.DefaultRequestHeaders.Accept.Add(MediaTypeWithQualityHeaderValue.Parse("application/openmetrics-text;version=1.0.0"));
        using HttpResponseMessage open = await client.GetAsync("/metrics", Cancel);
        Assert.Equal("application/openmetrics-text", open.Content.Headers.ContentType!.MediaType);
        string text = await open.Content.ReadAsStringAsync(Cancel);
        Assert.EndsWith("# EOF\n", text, StringComparison.Ordinal);
        Assert.Contains("process_resident_memory_bytes ", text, StringComparison.Ordinal);
        Assert.Contains("bridgeguard_eve_dropped_total 0\n", text, StringComparison.Ordinal);
        Assert.Contains("bridgeguard_metric_errors_total 0\n", text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/", Cancel)).StatusCode);
    }

    [Fact]
    public async Task HealthIsAnsweredByTheWorstCheckOfItsProbe()
    {
        var health = new HealthChecks();
        var answer = new HealthAnswer(HealthStatus.Degraded, "rules are old");
        health.Add("rules", HealthProbe.Health, () => answer);
        health.Add("workers", HealthProbe.Ready | HealthProbe.Live, () => HealthAnswer.Healthy);
        await using var server = new MetricsServer([new IPEndPoint(IPAddress.Loopback, 0)], new MetricRegistry(), health);
        await server.StartAsync(Cancel);
        using var client = new HttpClient { BaseAddress = new Uri(server.Addresses.Single()) };

        using HttpResponseMessage degraded = await client.GetAsync("/healthz", Cancel);
        Assert.Equal(HttpStatusCode.OK, degraded.StatusCode);
        Assert.Equal(
            "{\"status\":\"degraded\",\"checks\":{\"rules\":{\"status\":\"degraded\",\"reason\":\"rules are old\"},\"workers\":{\"status\":\"healthy\"}}}",
            await degraded.Content.ReadAsStringAsync(Cancel));
        answer = new HealthAnswer(HealthStatus.Unhealthy, "port tap3 is blind");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync("/healthz", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/readyz", Cancel)).StatusCode);
        health.Add("workers", HealthProbe.Live, () => throw new InvalidOperationException("stuck"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await client.GetAsync("/livez", Cancel)).StatusCode);
    }
}
