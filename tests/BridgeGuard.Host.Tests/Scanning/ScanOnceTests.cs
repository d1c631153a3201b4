using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using BridgeGuard.Scanning.WireFiles;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>However many bring a content, over whatever way and however often: one scan per content and generation.</summary>
public sealed class ScanOnceTests : IAsyncDisposable
{
    private const int Clients = 200;
    private const int Files = 50;

    private readonly StubScanner _scanner = new() { Delay = TimeSpan.FromMilliseconds(15) };
    private readonly TemporaryFolder _folder = new();
    private readonly AnswerSigner _signer = AnswerSigner.Create();
    private readonly FileVerdictCache _cache;
    private readonly ScanService _scans;
    private readonly WireFileSink _sink;
    private readonly GuestApiServer _api;
    private readonly HttpClient _client = new(new SocketsHttpHandler { MaxConnectionsPerServer = 40 });

    public ScanOnceTests()
    {
        _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db") });
        _scans = new ScanService(_cache, [_scanner], new ScanOptions { Concurrency = 4, MaxQueued = 1000 });
        _sink = new WireFileSink(_scans);
        var limits = new GuestLimits { MaxSubmissions = 1000, MaxConnections = 1000 };
        var options = new GuestApiOptions { Http = [new IPEndPoint(IPAddress.Loopback, 0)], Clamd = [new IPEndPoint(IPAddress.Loopback, 0)], Limits = limits };
        _api = new GuestApiServer(_scans, options, _ => new GuestIdentity(1, "guest-1"), _signer);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _api.DisposeAsync();
        await _sink.DisposeAsync();
        await _scans.DisposeAsync();
        await _cache.DisposeAsync();
        _signer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task TwoHundredClientsWithFiftyFilesEachCostFiftyScansAndAsManyAfterNewSignatures()
    {
        await _scans.StartAsync(TestContext.Current.CancellationToken);
        await _api.StartAsync(TestContext.Current.CancellationToken);
        byte[][] files = [.. Enumerable.Range(0, Files).Select(i => RandomNumberGenerator.GetBytes(500 + (i * 37)))];
        files[7] = Encoding.ASCII.GetBytes("seven " + StubScanner.Marker);
        await StormAsync(files);
        Assert.Equal(Files, _scanner.Scans);

        _scanner.Generation = "2";
        await _scans.RefreshGenerationAsync(TestContext.Current.CancellationToken);
        await StormAsync(files);
        Assert.Equal(2 * Files, _scanner.Scans);
        Assert.Equal(2 * Files, _scans.Counters.Scans);
    }

    /// <summary>Every client brings every file, in an order of its own: off the wire, over HTTP (hash first), over clamd's protocol, from a folder.</summary>
    private Task StormAsync(byte[][] files) => Parallel.ForEachAsync(
        Enumerable.Range(0, Clients), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (client, stop) =>
        {
            int[] order = [.. Enumerable.Range(0, Files)];
            new Random(client).Shuffle(order);
            foreach (int i in order)
            {
                FileVerdictKind verdict = (client % 4) switch
                {
                    0 => await OffTheWireAsync(files[i]),
                    1 => await OverHttpAsync(files[i], stop),
                    2 => await OverClamdAsync(files[i], stop),
                    _ => (await _scans.SubmitAsync(PipeReader.Create(new MemoryStream(files[i])), null, null, stop)).Verdict.Kind,
                };
                Assert.Equal(i == 7 ? FileVerdictKind.Malicious : FileVerdictKind.Clean, verdict);
            }
        });

    private async Task<FileVerdictKind> OffTheWireAsync(byte[] content)
    {
        byte[] hash = SHA256.HashData(content);
        FileHandle file;
        while ((file = _sink.Open(new FileOrigin { Protocol = "http"u8, AnnouncedSize = -1 })).IsNone)
        {
            await Task.Delay(1);
        }

        while (!_sink.Append(file, content))
        {
            await Task.Delay(1);
        }

        _sink.Close(file, FileEnd.Complete, hash, content.Length);
        FileVerdictKind verdict;
        while ((verdict = _sink.Lookup(hash, content.Length)) is FileVerdictKind.Unknown or FileVerdictKind.Pending)
        {
            await Task.Delay(2);
        }

        return verdict;
    }

    private async Task<FileVerdictKind> OverHttpAsync(byte[] content, CancellationToken stop)
    {
        Uri server = new(_api.Addresses.First());
        string hash = Convert.ToHexStringLower(SHA256.HashData(content));
        JsonElement answer = await _client.GetFromJsonAsync<JsonElement>(new Uri(server, $"/v1/files/{hash}?size={content.Length}&wait=20"), stop);
        string verdict = answer.GetProperty("verdicts")[0].GetProperty("verdict").GetString()!;
        if (verdict == "unknown")
        {
            using HttpResponseMessage response = await _client.PostAsync(new Uri(server, "/v1/files"), new ByteArrayContent(content), stop);
            answer = await response.Content.ReadFromJsonAsync<JsonElement>(stop);
            verdict = answer.GetProperty("verdicts")[0].GetProperty("verdict").GetString()!;
        }

        return Enum.Parse<FileVerdictKind>(verdict, ignoreCase: true);
    }

    private async Task<FileVerdictKind> OverClamdAsync(byte[] content, CancellationToken stop)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, new Uri(_api.Addresses.Last()).Port, stop);
        NetworkStream stream = connection.GetStream();
        byte[] length = BitConverter.GetBytes(IPAddress.HostToNetworkOrder(content.Length));
        await stream.WriteAsync((byte[])[.. "zINSTREAM\0"u8, .. length, .. content, 0, 0, 0, 0], stop);
        using var reader = new StreamReader(stream);
        string answer = await reader.ReadToEndAsync(stop);
        return answer.Contains("FOUND", StringComparison.Ordinal) ? FileVerdictKind.Malicious
            : answer.Contains("OK", StringComparison.Ordinal) ? FileVerdictKind.Clean : FileVerdictKind.Error;
    }
}
