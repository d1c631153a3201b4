using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>Channels whose path is the guest's identity, a stock clamdscan, and guests that do not disturb each other.</summary>
public sealed class GuestChannelTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StubScanner _scanner = new();
    private readonly AnswerSigner _signer = AnswerSigner.Create();
    private readonly FileVerdictCache _cache;
    private readonly ScanService _scans;
    private GuestApiServer? _api;

    public GuestChannelTests()
    {
        _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db") });
        _scans = new ScanService(_cache, [_scanner]);
    }

    public async ValueTask DisposeAsync()
    {
        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        await _scans.DisposeAsync();
        await _cache.DisposeAsync();
        _signer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task SocketsPathSaysWhoAsks()
    {
        await StartAsync(new GuestLimits());
        byte[] bad = System.Text.Encoding.ASCII.GetBytes(StubScanner.Marker);
        using HttpClient web = Client("web");
        using HttpClient desk = Client("desk");
        await web.PostAsync("http://host/v1/files", new ByteArrayContent(bad), TestContext.Current.CancellationToken);
        await desk.PostAsync("http://host/v1/files", new ByteArrayContent(bad), TestContext.Current.CancellationToken);
        await _cache.FlushAsync(TestContext.Current.CancellationToken);
        string[] guests = [.. _cache.FindExposures(StubScanner.KeyOf(bad).Hash).Select(e => e.Guest).Order()];
        Assert.Equal(["desk", "web"], guests);
        Assert.Equal(1, _scanner.Scans);
    }

    [Fact]
    public async Task StockClamdscanIsAnsweredOverTheGuestsSocketAndSeesWhatTheBridgeHasSeen()
    {
        if (!File.Exists("/usr/bin/clamdscan"))
        {
            Assert.Skip("needs /usr/bin/clamdscan (package clamdscan)");
        }

        await StartAsync(new GuestLimits());
        byte[] bad = [.. RandomNumberGenerator.GetBytes(3000), .. "STUB-MARKER"u8];
        await File.WriteAllBytesAsync(_folder.File("bad.bin"), bad, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("good.txt"), "harmless", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(_folder.File("clamd.conf"), $"LocalSocket {_folder.File("web.clamd.sock")}\n", TestContext.Current.CancellationToken);

        // The bridge has seen the file: no scan is needed for the guest's question.
        await _scans.SubmitAsync(System.IO.Pipelines.PipeReader.Create(new MemoryStream(bad)), null, null, TestContext.Current.CancellationToken);
        Assert.Equal(1, _scanner.Scans);
        (int code, string output) = await ClamdscanAsync("bad.bin", "good.txt");
        Assert.Equal(1, code);
        Assert.Contains("bad.bin: Stub.Marker FOUND", output, StringComparison.Ordinal);
        Assert.Contains("good.txt: OK", output, StringComparison.Ordinal);
        Assert.Equal(2, _scanner.Scans);
        (code, _) = await ClamdscanAsync("good.txt");
        Assert.Equal(0, code);
        Assert.Equal(2, _scanner.Scans);
    }

    [Fact]
    public async Task NoisyGuestDoesNotStarveAnother()
    {
        _scanner.Delay = TimeSpan.FromMilliseconds(20);
        await StartAsync(new GuestLimits { QueriesPerSecond = 200, QueryBurst = 200, MaxSubmissions = 2, MaxConnections = 8 });
        using var stop = new CancellationTokenSource();
        long refused = 0;
        Task[] noise = [.. Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            using HttpClient noisy = Client("web");
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    using HttpResponseMessage answer = await noisy.PostAsync("http://host/v1/files", new ByteArrayContent(RandomNumberGenerator.GetBytes(20_000)));
                    Interlocked.Add(ref refused, answer.StatusCode == HttpStatusCode.TooManyRequests ? 1 : 0);
                }
                catch (HttpRequestException)
                {
                    Interlocked.Increment(ref refused); // Over its connections.
                    await Task.Delay(1);
                }
            }
        }))];
        await Task.Delay(200, TestContext.Current.CancellationToken);
        using HttpClient quiet = Client("desk");
        var slowest = TimeSpan.Zero;
        for (int i = 0; i < 40; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            using HttpResponseMessage answer = await quiet.PostAsync(
                "http://host/v1/files", new ByteArrayContent(RandomNumberGenerator.GetBytes(1000)), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            JsonElement body = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
            Assert.Equal("clean", body.GetProperty("verdicts")[0].GetProperty("verdict").GetString());
            TimeSpan took = Stopwatch.GetElapsedTime(begin);
            slowest = took > slowest ? took : slowest;
        }

        await stop.CancelAsync();
        await Task.WhenAll(noise);
        Assert.True(refused > 50, $"only {refused} refused");
        Assert.True(slowest < TimeSpan.FromSeconds(2), $"the quiet guest waited {slowest}"); // Scans take 20 ms; the machine may be busy.
    }

    /// <summary>The relay with another family of sockets in vsock's place: who is at the other end decides whose socket is asked, a stranger gets nothing.</summary>
    [Fact]
    public async Task RelayedConnectionIsItsGuestsOwnAndStrangersAreRefused()
    {
        await StartAsync(new GuestLimits());
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(_folder.File("vsock")));
        listener.Listen(16);
        using var cids = new System.Collections.Concurrent.BlockingCollection<uint>();
        using var relay = new VsockRelay(-1, cid => cid switch { 3 => _folder.File("web.http.sock"), 4 => _folder.File("desk.http.sock"), 5 => _folder.File("nobody.sock"), _ => null }, Accept);
        int Accept(int ignored, out uint cid)
        {
            try
            {
                Socket socket = listener.Accept();
                cid = cids.Take();
                int fd = (int)socket.SafeHandle.DangerousGetHandle();
                GC.SuppressFinalize(socket.SafeHandle); // The relay's from now on.
                socket.SafeHandle.SetHandleAsInvalid();
                return fd;
            }
            catch (SocketException)
            {
                cid = 0;
                return -1;
            }
        }

        byte[] bad = System.Text.Encoding.ASCII.GetBytes(StubScanner.Marker);
        Assert.Contains("\"malicious\"", await AskAsync(3, bad), StringComparison.Ordinal);
        Assert.Contains("\"malicious\"", await AskAsync(4, bad), StringComparison.Ordinal);
        Assert.Equal("", await AskAsync(99, bad)); // No guest's.
        Assert.Equal("", await AskAsync(5, bad)); // A guest whose socket is not there.
        Assert.Equal(1, relay.Refused);
        for (int i = 0; i < 150; i++)
        {
            Assert.Equal("", await AskAsync(99, bad));
        }

        Assert.Contains("\"malicious\"", await AskAsync(3, bad), StringComparison.Ordinal); // What was refused takes no room.
        await _cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["desk", "web", "web"], _cache.FindExposures(StubScanner.KeyOf(bad).Hash).Select(e => e.Guest).Order());
        Assert.Equal(1, _scanner.Scans);
        listener.Shutdown(SocketShutdown.Both);

        async Task<string> AskAsync(uint cid, byte[] content)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_folder.File("vsock")));
            cids.Add(cid);
            using var stream = new NetworkStream(socket);
            try
            {
                await stream.WriteAsync((byte[])[.. System.Text.Encoding.ASCII.GetBytes($"POST /v1/files HTTP/1.1\r\nHost: host\r\nConnection: close\r\nContent-Length: {content.Length}\r\n\r\n"), .. content]);
                using var reader = new StreamReader(stream);
                return await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));
            }
            catch (IOException)
            {
                return "";
            }
        }
    }

    [Fact]
    public void HostWithoutVsockSaysSoAndOneWithListens()
    {
        using VsockRelay? relay = VsockRelay.TryStart(0xffff_0000, _ => null, out int error);
        Assert.Equal(relay is null, error != 0);
    }

    private async Task<(int Code, string Output)> ClamdscanAsync(params string[] names)
    {
        using Process process = Process.Start(new ProcessStartInfo("/usr/bin/clamdscan", ["-c", _folder.File("clamd.conf"), "--stream", "--no-summary", .. names.Select(_folder.File)])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output);
    }

    private async Task StartAsync(GuestLimits limits)
    {
        string[] guests = ["web", "desk"];
        _api = new GuestApiServer(
            _scans,
            new GuestApiOptions
            {
                Http = [.. guests.Select(g => new UnixDomainSocketEndPoint(_folder.File(g + ".http.sock")))],
                Clamd = [.. guests.Select(g => new UnixDomainSocketEndPoint(_folder.File(g + ".clamd.sock")))],
                Limits = limits,
            },
            end => Path.GetFileName(end!.ToString()!) is var name && name.StartsWith("web", StringComparison.Ordinal) ? new GuestIdentity(1, "web") : new GuestIdentity(2, "desk"),
            _signer);
        await _api.StartAsync(TestContext.Current.CancellationToken);
    }

    private HttpClient Client(string guest) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, stop) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_folder.File(guest + ".http.sock")), stop);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });
}
