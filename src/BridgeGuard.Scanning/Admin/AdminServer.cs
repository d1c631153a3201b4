using System.Globalization;
using System.Text.Json.Nodes;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace BridgeGuard.Scanning.Admin;

/// <summary><see cref="CacheAdmin"/> over HTTP on a unix socket that only the daemon's user may open: what <c>bridgeguard cache</c> and <c>scan</c> talk to.</summary>
public sealed class AdminServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly CacheAdmin _admin;
    private readonly TimeProvider _time;

    public AdminServer(CacheAdmin admin, string socketPath, ILoggerFactory? loggers = null, TimeProvider? time = null)
    {
        _admin = admin;
        _time = time ?? TimeProvider.System;
        SocketPath = socketPath;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        if (loggers is not null)
        {
            builder.Services.AddSingleton(loggers);
        }

        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null; // The operator's own files.
            kestrel.Limits.MinRequestBodyDataRate = null;
            File.Delete(socketPath); // Left by a kill.
            kestrel.ListenUnixSocket(socketPath, listen => listen.Protocols = HttpProtocols.Http1);
        });
        _application = builder.Build();
        _application.UseRouting();
        Map();
    }

    public string SocketPath { get; }

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        await _application.StartAsync(cancellationToken).ConfigureAwait(false);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => _application.StopAsync(cancellationToken);

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private void Map()
    {
        _application.MapGet("/stats", context => AnswerAsync(context, 200, _admin.Stats()));
        _application.MapGet("/verdict", GetAsync);
        _application.MapPut("/verdict", PutAsync);
        _application.MapDelete("/verdict", RemoveAsync);
        _application.MapPost("/warm", WarmAsync);
        _application.MapGet("/export", ExportAsync);
        _application.MapPost("/import", ImportAsync);
        _application.MapPost("/scan", ScanAsync);
    }

    private Task GetAsync(HttpContext context)
    {
        if (!TryKey(context, out Sha256 hash, out long? size))
        {
            return AnswerAsync(context, 400, Error("a sha256 of 64 hexadecimal digits is needed, and a size that is a number of bytes or none"));
        }

        var list = new JsonArray();
        foreach ((FileKey key, FileVerdict verdict) in _admin.Get(hash, size))
        {
            list.Add(CacheAdmin.Describe(key, verdict));
        }

        return AnswerAsync(context, list.Count == 0 ? 404 : 200, list);
    }

    private async Task PutAsync(HttpContext context)
    {
        string kind = context.Request.Query["verdict"].ToString();
        if (!TryKey(context, out Sha256 hash, out long? size) || size is not { } length || kind is not ("clean" or "malicious"))
        {
            await AnswerAsync(context, 400, Error("sha256, size and a verdict that is clean or malicious are needed")).ConfigureAwait(false);
            return;
        }

        string signature = context.Request.Query["signature"].ToString();
        long nowUs = (_time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;
        await _admin.PutAsync(
            new FileKey(hash, length), kind == "clean" ? FileVerdictKind.Clean : FileVerdictKind.Malicious,
            signature.Length == 0 ? null : signature, context.Request.Query["pin"] == "1", nowUs, context.RequestAborted).ConfigureAwait(false);
        await AnswerAsync(context, 200, new JsonObject()).ConfigureAwait(false);
    }

    private async Task RemoveAsync(HttpContext context)
    {
        if (!TryKey(context, out Sha256 hash, out long? size) || size is not { } length)
        {
            await AnswerAsync(context, 400, Error("sha256 and size are needed")).ConfigureAwait(false);
            return;
        }

        bool was = await _admin.RemoveAsync(new FileKey(hash, length), context.RequestAborted).ConfigureAwait(false);
        await AnswerAsync(context, was ? 200 : 404, new JsonObject()).ConfigureAwait(false);
    }

    private async Task WarmAsync(HttpContext context)
    {
        string path = context.Request.Query["path"].ToString();
        if (!Directory.Exists(path))
        {
            await AnswerAsync(context, 404, Error($"the daemon sees no folder '{path}'")).ConfigureAwait(false);
            return;
        }

        await AnswerAsync(context, 200, Describe(await _admin.WarmAsync(path, context.RequestAborted).ConfigureAwait(false))).ConfigureAwait(false);
    }

    private async Task ExportAsync(HttpContext context)
    {
        context.Response.ContentType = "application/x-ndjson";
        await using var writer = new StreamWriter(context.Response.Body);
        await _admin.ExportAsync(writer, context.RequestAborted).ConfigureAwait(false);
    }

    private async Task ImportAsync(HttpContext context)
    {
        // The reader is synchronous: the whole text first, it is the operator's own.
        using var reader = new StreamReader(context.Request.Body);
        string text = await reader.ReadToEndAsync(context.RequestAborted).ConfigureAwait(false);
        using var lines = new StringReader(text);
        (long imported, IReadOnlyList<(int Line, string Message)> errors) = await _admin.ImportAsync(lines, context.RequestAborted).ConfigureAwait(false);
        await AnswerAsync(context, 200, Describe(imported, errors)).ConfigureAwait(false);
    }

    private async Task ScanAsync(HttpContext context)
    {
        ScanOutcome outcome = await _admin.ScanAsync(context.Request.Body, context.RequestAborted).ConfigureAwait(false);
        JsonObject answer = CacheAdmin.Describe(outcome.Key, outcome.Verdict);
        answer["from_cache"] = outcome.IsFromCache;
        await AnswerAsync(context, 200, answer).ConfigureAwait(false);
    }

    internal static JsonObject Describe(WarmUp warm) => new()
    {
        ["files"] = warm.Files,
        ["from_cache"] = warm.FromCache,
        ["malicious"] = warm.Malicious,
        ["errors"] = warm.Errors,
        ["unreadable"] = warm.Unreadable,
    };

    internal static JsonObject Describe(long imported, IReadOnlyList<(int Line, string Message)> errors) => new()
    {
        ["imported"] = imported,
        ["errors"] = new JsonArray([.. errors.Select(error => (JsonNode)$"line {error.Line}: {error.Message}")]),
    };

    private static JsonObject Error(string message) => new() { ["error"] = message };

    private static bool TryKey(HttpContext context, out Sha256 hash, out long? size)
    {
        size = null;
        string text = context.Request.Query["size"].ToString();
        if (!Sha256.TryParse(context.Request.Query["sha256"].ToString(), out hash))
        {
            return false;
        }

        if (text.Length == 0)
        {
            return true;
        }

        bool isNumber = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long length);
        size = length;
        return isNumber;
    }

    private static async Task AnswerAsync(HttpContext context, int status, JsonNode body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted).ConfigureAwait(false);
    }
}
