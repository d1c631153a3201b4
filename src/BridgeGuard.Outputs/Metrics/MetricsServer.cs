using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Outputs.Metrics;

/// <summary>HTTP for monitoring: <c>/metrics /healthz /readyz /livez</c>. No authentication: listen on loopback or a unix socket.</summary>
public sealed class MetricsServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    /// <param name="addresses">IP end points or unix sockets.</param>
    /// <param name="registry">For <c>/metrics</c>.</param>
    /// <param name="health">For the three others.</param>
    /// <param name="loggers">Kestrel's own messages; null for none.</param>
    public MetricsServer(IReadOnlyList<EndPoint> addresses, MetricRegistry registry, HealthChecks health, ILoggerFactory? loggers = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        if (loggers is not null)
        {
            builder.Services.AddSingleton(loggers);
        }

        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = 64; // A few scrapers; more is a mistake.
            kestrel.Limits.MaxRequestBodySize = 0;
            foreach (EndPoint address in addresses)
            {
                if (address is UnixDomainSocketEndPoint)
                {
                    File.Delete(address.ToString()!);
                    kestrel.ListenUnixSocket(address.ToString()!);
                }
                else
                {
                    kestrel.Listen((IPEndPoint)address);
                }
            }
        });
        _application = builder.Build();
        _application.Run(context => (context.Request.Method, context.Request.Path.Value) switch
        {
            ("GET" or "HEAD", "/metrics") => WriteMetricsAsync(context, registry),
            ("GET" or "HEAD", "/healthz") => WriteHealthAsync(context, health, HealthProbe.Health),
            ("GET" or "HEAD", "/readyz") => WriteHealthAsync(context, health, HealthProbe.Ready),
            ("GET" or "HEAD", "/livez") => WriteHealthAsync(context, health, HealthProbe.Live),
            _ => NotFound(context),
        });
    }

    /// <summary>Where it listens once started; shows the port where 0 was asked for.</summary>
    public IReadOnlyCollection<string> Addresses =>
        (IReadOnlyCollection<string>?)_application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.ToArray() ?? [];

    /// <exception cref="IOException">An address is in use or not ours.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => _application.StartAsync(cancellationToken);

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }

    private static Task WriteMetricsAsync(HttpContext context, MetricRegistry registry)
    {
        bool openMetrics = context.Request.Headers.Accept.ToString().Contains("application/openmetrics-text", StringComparison.OrdinalIgnoreCase);
        return WriteAsync(context, 200, openMetrics ? MetricRegistry.OpenMetricsType : MetricRegistry.PrometheusType,
            Encoding.UTF8.GetBytes(registry.Write(openMetrics)));
    }

    private static Task WriteHealthAsync(HttpContext context, HealthChecks health, HealthProbe probe)
    {
        (HealthStatus worst, IReadOnlyList<(string Name, HealthAnswer Answer)> answers) = health.Ask(probe);
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("status", worst.ToString().ToLowerInvariant());
            json.WriteStartObject("checks");
            foreach ((string name, HealthAnswer answer) in answers)
            {
                json.WriteStartObject(name);
                json.WriteString("status", answer.Status.ToString().ToLowerInvariant());
                if (answer.Reason.Length > 0)
                {
                    json.WriteString("reason", answer.Reason);
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return WriteAsync(context, worst == HealthStatus.Unhealthy ? 503 : 200, "application/json", body.ToArray());
    }

    private static Task WriteAsync(HttpContext context, int status, string type, byte[] body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, 0, body.Length, context.RequestAborted);
    }
}
