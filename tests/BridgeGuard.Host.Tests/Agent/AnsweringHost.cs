using System.Net.Sockets;
using System.Text.Json;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Agent;

/// <summary>The host that answers one guest, "web", over a unix socket: cache, scans, signed answers, and the reporter of hits. It can go away and come back.</summary>
internal sealed class AnsweringHost : IAsyncDisposable
{
    private readonly SharedEventSink _events = new();
    private GuestApiServer? _api;
    private GuestHitReporter? _hits;

    public AnsweringHost()
    {
        Cache = new FileVerdictCache(new CacheOptions { Path = Folder.File("cache.db") });
        Scans = new ScanService(Cache, [Scanner]);
    }

    public TemporaryFolder Folder { get; } = new();

    public StubScanner Scanner { get; } = new();

    public FileVerdictCache Cache { get; }

    public ScanService Scans { get; }

    public AnswerSigner Signer { get; } = AnswerSigner.Create();

    /// <summary>The guest's own socket: whoever speaks there is "web".</summary>
    public string Socket => Folder.File("web.http.sock");

    /// <summary>What the guest's program checks answers with.</summary>
    public string PublicKey => Convert.ToBase64String(Signer.PublicKey);

    public async Task StartAsync()
    {
        File.Delete(Socket);
        _api = new GuestApiServer(
            Scans,
            new GuestApiOptions { Http = [new UnixDomainSocketEndPoint(Socket)] },
            end => end!.ToString()!.EndsWith("web.http.sock", StringComparison.Ordinal) ? new GuestIdentity(1, "web") : new GuestIdentity(2, "desk"),
            Signer);
        _hits = new GuestHitReporter(_api, _events, ledger: hash => Cache.FindExposures(hash));
        await Scans.StartAsync(TestContext.Current.CancellationToken);
        await _api.StartAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Nobody answers any more; what is known stays.</summary>
    public async Task StopAsync()
    {
        _hits?.Dispose();
        _hits = null;
        if (_api is { } api)
        {
            _api = null;
            await api.DisposeAsync();
        }
    }

    /// <summary>The bridge sees a content on its way to the guest.</summary>
    public Task SeeAsync(byte[] content, FileProvenance? provenance = null) =>
        Scans.SubmitAsync(System.IO.Pipelines.PipeReader.Create(new MemoryStream(content)), provenance, null, TestContext.Current.CancellationToken);

    /// <summary>The next record that fits; those before it are gone.</summary>
    public async Task<JsonElement> EventAsync(Func<JsonElement, bool> fits)
    {
        for (int i = 0; i < 800; i++)
        {
            while (_events.Ring.TryPeek(out _, out ReadOnlySpan<byte> json))
            {
                JsonElement record = JsonDocument.Parse(json.ToArray()).RootElement;
                _events.Ring.Advance();
                if (fits(record))
                {
                    return record;
                }
            }

            await Task.Delay(25, TestContext.Current.CancellationToken);
        }

        throw new Xunit.Sdk.XunitException("no such event");
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Scans.DisposeAsync();
        await Cache.DisposeAsync();
        Signer.Dispose();
        Folder.Dispose();
    }
}
