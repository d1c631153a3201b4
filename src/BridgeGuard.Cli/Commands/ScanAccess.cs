using System.Net.Sockets;
using System.Text.Json.Nodes;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Services;
using BridgeGuard.Scanning.Admin;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;

namespace BridgeGuard.Cli.Commands;

/// <summary>The way to the cache and the scanners: the daemon's socket while it runs; else the same server in this process, on the database.</summary>
internal sealed class ScanAccess : IAsyncDisposable
{
    private readonly HttpClient _client;
    private readonly Func<ValueTask> _close;

    private ScanAccess(string socket, Func<ValueTask> close)
    {
        _close = close;
        _client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, stop) =>
            {
                var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), stop);
                return new NetworkStream(connection, ownsSocket: true);
            },
        })
        {
            BaseAddress = new Uri("http://daemon"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>Whether a daemon answers.</summary>
    public bool IsDaemon { get; private init; }

    public static async Task<ScanAccess> OpenAsync(DaemonModel model, CancellationToken stop)
    {
        string socket = Path.Combine(model.StateDirectory, ScanningHost.AdminSocketName);
        if (IsListening(socket))
        {
            return new ScanAccess(socket, static () => ValueTask.CompletedTask) { IsDaemon = true };
        }

        Directory.CreateDirectory(model.StateDirectory);
        var cache = new FileVerdictCache(new CacheOptions { Path = Path.Combine(model.StateDirectory, "verdicts.db") });
        var scans = new ScanService(cache, ScanningHost.Scanners(model.Scanning), ScanningHost.OptionsOf(model.Scanning));
        await scans.StartAsync(stop);
        string own = Path.Combine(Path.GetTempPath(), $"bridgeguard-{Environment.ProcessId}.sock");
        var server = new AdminServer(new CacheAdmin(cache, scans), own);
        await server.StartAsync(stop);
        return new ScanAccess(own, async () =>
        {
            await server.StopAsync();
            await server.DisposeAsync();
            await scans.DisposeAsync();
            await cache.DisposeAsync();
            File.Delete(own);
        });
    }

    public async Task<(int Status, JsonNode? Body)> AskAsync(HttpMethod method, string path, HttpContent? content, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        using HttpResponseMessage response = await _client.SendAsync(request, stop);
        string text = await response.Content.ReadAsStringAsync(stop);
        return ((int)response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text));
    }

    public async Task CopyAsync(string path, Stream to, CancellationToken stop)
    {
        await using Stream from = await _client.GetStreamAsync(new Uri(path, UriKind.Relative), stop);
        await from.CopyToAsync(to, stop);
        await to.FlushAsync(stop);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _close();
    }

    private static bool IsListening(string socket)
    {
        if (!File.Exists(socket))
        {
            return false;
        }

        try
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            probe.Connect(new UnixDomainSocketEndPoint(socket));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
