using System.Net;
using System.Net.Sockets;
using BridgeGuard.Scanning.GuestApi.Clamd;
using BridgeGuard.Scanning.Pipeline;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Scanning.GuestApi;

/// <summary>Answers guests: the HTTP API and the clamd protocol, on Kestrel. Started and stopped by the daemon.</summary>
public sealed class GuestApiServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    public GuestApiServer(
        ScanService scan,
        GuestApiOptions options,
        GuestLookup lookup,
        AnswerSigner signer,
        TimeProvider? time = null,
        ILoggerFactory? loggers = null)
    {
        time ??= TimeProvider.System;
        var limiter = new GuestLimiter(options.Limits, time);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        if (loggers is not null)
        {
            builder.Services.AddSingleton(loggers);
        }

        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(new ClamdConnectionHandler(scan, options, limiter, Counters, OnHit, time));
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = options.MaxConnections;
            kestrel.Limits.MaxRequestBodySize = options.MaxSubmitBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
            kestrel.Limits.KeepAliveTimeout = options.ReadTimeout;
            foreach (EndPoint address in options.Http)
            {
                Listen(kestrel, address, listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(next => connection => GuardAsync(connection, next, lookup, limiter));
                });
            }

            foreach (EndPoint address in options.Clamd)
            {
                Listen(kestrel, address, listen =>
                {
                    listen.Use(next => connection => GuardAsync(connection, next, lookup, limiter));
                    listen.UseConnectionHandler<ClamdConnectionHandler>();
                });
            }
        });

        _application = builder.Build();
        _application.Use(HandleBadRequestsAsync);
        _application.UseRouting();
        new FileEndpoints(scan, options, limiter, signer, Counters, OnHit, time).Map(_application);
    }

    public GuestApiCounters Counters { get; } = new();

    /// <summary>A guest was told that a content is malicious. Called while it waits for the answer; must return soon.</summary>
    public event Action<GuestHit>? Hit;

    /// <summary>Where it listens once started, as Kestrel writes it; shows the port where 0 was asked for.</summary>
    public IReadOnlyCollection<string> Addresses =>
        (IReadOnlyCollection<string>?)_application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.ToArray() ?? [];

    /// <exception cref="IOException">An address is in use or not ours.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => _application.StartAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken = default) => _application.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private void OnHit(GuestHit hit) => Hit?.Invoke(hit);

    private static void Listen(KestrelServerOptions kestrel, EndPoint address, Action<ListenOptions> configure)
    {
        if (address is UnixDomainSocketEndPoint)
        {
            string path = address.ToString()!;
            File.Delete(path); // Left by a kill; a live server's socket is protected by the daemon's own lock.
            kestrel.ListenUnixSocket(path, configure);
        }
        else
        {
            kestrel.Listen((IPEndPoint)address, configure);
        }
    }

    /// <summary>Tells whose connection it is and counts it before a byte is read. Strangers get through to be told so, but share one account.</summary>
    private static async Task GuardAsync(ConnectionContext connection, ConnectionDelegate next, GuestLookup lookup, GuestLimiter limiter)
    {
        // The other end of a unix socket has no name; the socket's own path is the guest's.
        GuestIdentity? guest = lookup(connection.RemoteEndPoint is IPEndPoint ? connection.RemoteEndPoint : connection.LocalEndPoint);
        if (guest is not null)
        {
            connection.Features.Set(guest);
        }

        GuestUse use = limiter.For(guest ?? Stranger);
        if (!use.TryConnect())
        {
            connection.Abort(new ConnectionAbortedException("This guest has too many connections."));
            return;
        }

        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            use.Disconnect();
        }
    }

    private static readonly GuestIdentity Stranger = new(uint.MaxValue, "");

    private static async Task HandleBadRequestsAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = e.StatusCode; // Too long, too slow, malformed: Kestrel knows which.
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The guest left.
        }
    }
}
