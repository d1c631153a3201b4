using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class GuestApiTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly StubScanner _scanner = new();
    private readonly AnswerSigner _signer = AnswerSigner.Create();
    private readonly HttpClient _client = new();
    private FileVerdictCache _cache = null!;
    private ScanService _scan = null!;
    private GuestApiServer _server = null!;
    private bool _isGuest = true;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Uri Http => new(_server.Addresses.First());

    private int ClamdPort => new Uri(_server.Addresses.Last()).Port;

    public ValueTask InitializeAsync() => StartAsync(new GuestLimits());

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        await _scan.DisposeAsync();
        await _cache.DisposeAsync();
        _client.Dispose();
        _signer.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task SubmittedContentIsScannedOnceAndAnsweredByHashAfterwards()
    {
        byte[] content = Encoding.ASCII.GetBytes("xx" + StubScanner.Marker);
        JsonElement first = await PostAsync(content);
        JsonElement second = await PostAsync(content);
        FileKey key = StubScanner.KeyOf(content);
        JsonElement byHash = await GetAsync($"/v1/files/{key.Hash}?size={key.Size}");

        Assert.Equal("malicious", first.GetProperty("verdict").GetString());
        Assert.Equal("Stub.Marker", second.GetProperty("signature").GetString());
        Assert.Equal("malicious", byHash.GetProperty("verdict").GetString());
        Assert.Equal(key.Hash.ToString(), byHash.GetProperty("sha256").GetString());
        Assert.Equal(1, _scanner.Scans);
        await _cache.FlushAsync(Cancel);
        Assert.All(_cache.FindExposures(key.Hash), exposure => Assert.Equal("guest-1", exposure.Guest));
    }

    [Fact]
    public async Task QueryCanWaitForAScanThatIsUnderWay()
    {
        _scanner.Delay = TimeSpan.FromMilliseconds(700);
        byte[] content = [7, 7, 7];
        FileKey key = StubScanner.KeyOf(content);
        Task<JsonElement> submitting = PostAsync(content);
        await TestEventsWaitAsync(() => _scan.IsPending(key));
        Assert.Equal("pending", (await GetAsync($"/v1/files/{key.Hash}?size=3")).GetProperty("verdict").GetString());
        Assert.Equal("clean", (await GetAsync($"/v1/files/{key.Hash}?size=3&wait=20")).GetProperty("verdict").GetString());
        Assert.Equal("unknown", (await GetAsync($"/v1/files/{key.Hash}?size=4&wait=20")).GetProperty("verdict").GetString());
        await submitting;
    }

    [Fact]
    public async Task GuestThatHasAMaliciousFileIsReportedOnce()
    {
        var sink = new BridgeGuard.Outputs.SharedEventSink();
        using var reporter = new GuestHitReporter(_server, sink);
        byte[] bad = Encoding.ASCII.GetBytes(StubScanner.Marker);
        await ClamdAsync(Stream("zINSTREAM\0", bad));
        await PostAsync(bad);
        await GetAsync($"/v1/files/{StubScanner.KeyOf(bad).Hash}?size={bad.Length}");
        await PostAsync([1, 2, 3]);

        Assert.Equal(1, sink.Ring.Written);
        sink.Ring.TryPeek(out _, out ReadOnlySpan<byte> json);
        JsonElement record = JsonDocument.Parse(json.ToArray()).RootElement;
        Assert.Equal("guest_file", record.GetProperty("event_type").GetString());
        Assert.Equal("guest-1", record.GetProperty("vm").GetProperty("name").GetString());
        Assert.Equal("clamd", record.GetProperty("bridgeguard").GetProperty("channel").GetString());
        Assert.Equal("Stub.Marker", record.GetProperty("bridgeguard").GetProperty("signature").GetString());
    }

    [Fact]
    public async Task AnswersAreSignedForTheirLifetime()
    {
        using HttpResponseMessage response = await _client.GetAsync(new Uri(Http, $"/v1/files/{new string('a', 64)}?size=1"), Cancel);
        byte[] body = await response.Content.ReadAsByteArrayAsync(Cancel);
        string header = response.Headers.GetValues(AnswerSigner.HeaderName).Single();
        JsonElement key = await _client.GetFromJsonAsync<JsonElement>(new Uri(Http, "/v1/key"), Cancel);

        byte[] publicKey = Convert.FromBase64String(key.GetProperty("public_key").GetString()!);
        Assert.True(AnswerSigner.Verify(publicKey, header, body));
        body[^3] ^= 1;
        Assert.False(AnswerSigner.Verify(publicKey, header, body));
        JsonElement answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(Cancel)).RootElement;
        Assert.Equal(3600, answer.GetProperty("expires_at").GetInt64() - answer.GetProperty("issued_at").GetInt64());
        Assert.Equal("unknown", answer.GetProperty("verdicts")[0].GetProperty("verdict").GetString());
    }

    [Fact]
    public async Task BatchOfThousandIsAnsweredInOrderAndOneMoreRefused()
    {
        _cache.Put(new FileKey(Hash(500), 500), new FileVerdict { Kind = FileVerdictKind.Clean, Engine = "t", TimeUs = 1 });
        JsonElement answer = JsonDocument.Parse(await ReadAsync(await QueryAsync(1000))).RootElement;
        JsonElement verdicts = answer.GetProperty("verdicts");
        Assert.Equal(1000, verdicts.GetArrayLength());
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(i, verdicts[i].GetProperty("size").GetInt64());
            Assert.Equal(i == 500 ? "clean" : "unknown", verdicts[i].GetProperty("verdict").GetString());
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await QueryAsync(1001)).StatusCode);
    }

    [Theory]
    [InlineData("/v1/files/abc?size=1")]
    [InlineData("/v1/files/gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg?size=1")]
    [InlineData("/v1/files/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("/v1/files/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?size=-1")]
    [InlineData("/v1/files/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?size=99999999999999999999")]
    public async Task WrongQueryGetsOneClearLine(string path)
    {
        using HttpResponseMessage response = await _client.GetAsync(new Uri(Http, path), Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("\"error\":", await response.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{\"files\":[]}")]
    [InlineData("{\"files\":[null]}")]
    [InlineData("{\"files\":[{\"sha256\":\"00\",\"size\":1}]}")]
    [InlineData("{\"files\":[{\"sha256\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size\":-5}]}")]
    public async Task WrongBatchGetsOneClearLine(string body)
    {
        using var content = new StringContent(body);
        using HttpResponseMessage response = await _client.PostAsync(new Uri(Http, "/v1/files:query"), content, Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task StrangerIsRefused()
    {
        _isGuest = false;
        using HttpResponseMessage response = await _client.GetAsync(new Uri(Http, $"/v1/files/{new string('a', 64)}?size=1"), Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Equal("", await ClamdAsync("zPING\0"u8.ToArray()));
    }

    [Fact]
    public async Task TooLongSubmissionIsRefusedAndCostsNothing()
    {
        using var content = new ByteArrayContent(new byte[2_000_001]);
        using HttpResponseMessage response = await _client.PostAsync(new Uri(Http, "/v1/files"), content, Cancel);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        Assert.Equal(0, _scan.SpoolDiskBytes + _scan.SpoolMemoryBytes);
    }

    [Fact]
    public async Task NoisyGuestIsSlowedDownWithARetryTime()
    {
        await RestartAsync(new GuestLimits { QueriesPerSecond = 10, QueryBurst = 20 });
        Assert.Equal(HttpStatusCode.OK, (await QueryAsync(15)).StatusCode);
        HttpResponseMessage refused = await QueryAsync(15);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 2);
        Assert.Equal(1, _server.Counters.Limited);
    }

    [Fact]
    public async Task SubmissionsAtATimeAreLimitedPerGuest()
    {
        await RestartAsync(new GuestLimits { MaxSubmissions = 1 });
        _scanner.Delay = TimeSpan.FromMilliseconds(500);
        Task<JsonElement> slow = PostAsync([1]);
        await Task.Delay(100, Cancel);
        using var content = new ByteArrayContent([2]);
        using HttpResponseMessage refused = await _client.PostAsync(new Uri(Http, "/v1/files"), content, Cancel);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("clean", (await slow).GetProperty("verdict").GetString());
    }

    [Theory]
    [InlineData("zPING\0", "PONG\0")]
    [InlineData("nPING\n", "PONG\n")]
    [InlineData("PING\n", "PONG\n")]
    [InlineData("PING", "PONG\n")]
    [InlineData("zNONSENSE\0", "UNKNOWN COMMAND\0")]
    [InlineData("zSCAN /etc/passwd\0", "UNKNOWN COMMAND\0")]
    [InlineData("zIDSESSION\0zPING\0zPING\0zEND\0", "1: PONG\02: PONG\0")]
    [InlineData("nIDSESSION\nnPING\nnFOO\nnEND\n", "1: PONG\n2: Command invalid inside IDSESSION. ERROR\n")]
    public async Task ClamdCommandsAreAnsweredInTheirForm(string command, string answer) =>
        Assert.Equal(answer, await ClamdAsync(Encoding.ASCII.GetBytes(command)));

    [Fact]
    public async Task ClamdStreamIsScannedOnceAndThenAnsweredFromTheCache()
    {
        byte[] bad = Encoding.ASCII.GetBytes(StubScanner.Marker);
        Assert.Equal("stream: Stub.Marker FOUND\0", await ClamdAsync(Stream("zINSTREAM\0", bad)));
        Assert.Equal("stream: Stub.Marker FOUND\n", await ClamdAsync(Stream("nINSTREAM\n", bad)));
        Assert.Equal("stream: OK\0", await ClamdAsync(Stream("zINSTREAM\0", [])));
        Assert.Equal(
            "1: stream: OK\02: stream: Stub.Marker FOUND\03: PONG\0",
            await ClamdAsync([.. "zIDSESSION\0"u8, .. Stream("zINSTREAM\0", [1, 2]), .. Stream("zINSTREAM\0", bad), .. "zPING\0zEND\0"u8]));
        Assert.Equal(3, _scanner.Scans);
    }

    [Fact]
    public async Task ClamdStreamBeyondTheLimitOrCutOffIsNotJudged()
    {
        byte[] tooLong = [.. "zINSTREAM\0"u8, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3];
        Assert.Equal("INSTREAM size limit exceeded. ERROR\0", await ClamdAsync(tooLong));
        Assert.Equal("", await ClamdAsync([.. "zINSTREAM\0"u8, 0, 0, 0, 9, 1, 2, 3]));
        Assert.Equal("", await ClamdAsync(new byte[1000]));
        Assert.Equal(0, _scanner.Scans);
    }

    [Fact]
    public async Task RubbishOnTheClamdPortNeitherScansNorHarms()
    {
        var random = new Random(5);
        byte[][] seeds =
        [
            "zINSTREAM\0"u8.ToArray(), "nIDSESSION\nnINSTREAM\n"u8.ToArray(), Stream("zINSTREAM\0", [1, 2, 3]), "zIDSESSION\0zPING\0"u8.ToArray(),
        ];
        for (int i = 0; i < 200; i++)
        {
            byte[] rubbish = new byte[random.Next(60)];
            random.NextBytes(rubbish);
            byte[] request = [.. seeds[i % seeds.Length].Take(random.Next(30)), .. rubbish];
            await ClamdAsync(request);
        }

        Assert.Equal("PONG\0", await ClamdAsync("zPING\0"u8.ToArray()));
        await TestEventsWaitAsync(() => _scan.SpoolMemoryBytes + _scan.SpoolDiskBytes == 0);
    }

    [Fact]
    public async Task UnixSocketOfAGuestIsItsIdentity()
    {
        string path = _folder.File("guest-7.sock");
        EndPoint? asked = null;
        await using var server = new GuestApiServer(_scan, new GuestApiOptions { Http = [new UnixDomainSocketEndPoint(path)] }, remote =>
        {
            asked = remote;
            return remote?.ToString() == path ? new GuestIdentity(7, "guest-7") : null;
        }, _signer);
        await server.StartAsync(Cancel);
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var client = new HttpClient(handler) { BaseAddress = new Uri("http://host") };
        using HttpResponseMessage response = await client.GetAsync($"/v1/files/{new string('a', 64)}?size=1", Cancel);
        Assert.True(response.StatusCode == HttpStatusCode.OK, $"{response.StatusCode} {asked}");
    }

    [Fact]
    public async Task WireHttpAndClamdTogetherCostOneScanPerContent()
    {
        const int Files = 20;
        await RestartAsync(new GuestLimits { MaxSubmissions = 1000, MaxConnections = 1000 });
        await using var sink = new BridgeGuard.Scanning.WireFiles.WireFileSink(_scan);
        byte[][] contents = [.. Enumerable.Range(0, Files).Select(i => Encoding.ASCII.GetBytes($"content {i} {new string('x', 3000 + i)}"))];
        await Task.WhenAll(Enumerable.Range(0, 30).Select(client => Task.Run(async () =>
        {
            foreach (byte[] content in contents.OrderBy(content => (content.Length * 31 * client) % 17))
            {
                switch (client % 3)
                {
                    case 0:
                        Assert.Equal("clean", (await PostAsync(content)).GetProperty("verdict").GetString());
                        break;
                    case 1:
                        Assert.Equal("stream: OK\0", await ClamdAsync(Stream("zINSTREAM\0", content)));
                        break;
                    default:
                        FileHandle file = sink.Open(new FileOrigin { Protocol = "http"u8, FlowId = (ulong)client });
                        Assert.True(sink.Append(file, content));
                        sink.Close(file, FileEnd.Complete, System.Security.Cryptography.SHA256.HashData(content), content.Length);
                        break;
                }
            }
        })));
        await TestEventsWaitAsync(() => contents.All(content =>
            sink.Lookup(System.Security.Cryptography.SHA256.HashData(content), content.Length) == FileVerdictKind.Clean));
        Assert.Equal(Files, _scanner.Scans);
    }

    private static Task TestEventsWaitAsync(Func<bool> condition) => Outputs.TestEvents.WaitAsync(condition);

    [Fact]
    public async Task StockClamdscanIsAnsweredFromWhatTheHostKnows()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/clamdscan"), "needs the package clamdscan");
        byte[] bad = Encoding.ASCII.GetBytes("file " + StubScanner.Marker);
        await PostAsync(bad);
        File.WriteAllText(_folder.File("clamd.conf"), $"TCPSocket {ClamdPort}\nTCPAddr 127.0.0.1\n");
        File.WriteAllBytes(_folder.File("bad"), bad);
        File.WriteAllBytes(_folder.File("good"), new byte[5000]);
        (int code, string output) = await RunAsync("/usr/bin/clamdscan", "--stream", "-c", _folder.File("clamd.conf"), _folder.File("bad"), _folder.File("good"));
        Assert.Contains("bad: Stub.Marker FOUND", output, StringComparison.Ordinal);
        Assert.Contains("good: OK", output, StringComparison.Ordinal);
        Assert.Equal(1, code);
        Assert.Equal(2, _scanner.Scans);
    }

    [Fact]
    public async Task RealClamdJudgesEicarOnceForHttpAndClamdGuests()
    {
        using RealClamd? clamd = await RealClamd.StartAsync();
        Assert.SkipUnless(clamd is not null, RealClamd.SkipReason);
        await RestartAsync(new GuestLimits(), ScannerCatalog.Find("clamd")!.Create(new ScannerOptions
        {
            Kind = "clamd",
            Address = "unix:" + clamd.SocketPath,
            SignatureDirectory = clamd.DatabaseFolder,
        }));
        byte[] eicar = await File.ReadAllBytesAsync(Path.Combine(clamd.Files, "eicar", "eicar.com"), Cancel);
        Assert.Contains("FOUND", await ClamdAsync(Stream("zINSTREAM\0", eicar)), StringComparison.Ordinal);
        JsonElement verdict = await PostAsync(eicar);
        Assert.StartsWith("BG.Eicar", verdict.GetProperty("signature").GetString(), StringComparison.Ordinal);
        Assert.StartsWith("ClamAV ", verdict.GetProperty("generation").GetString(), StringComparison.Ordinal);
        Assert.Equal("clean", (await PostAsync(File.ReadAllBytes(Path.Combine(clamd.Files, "eicar", "not-eicar-1bit.com")))).GetProperty("verdict").GetString());
        Assert.Equal(2, _scan.Counters.Scans);

        string before = _cache.CurrentGeneration;
        File.AppendAllText(Path.Combine(clamd.DatabaseFolder, "own.ndb"), "BG.Other:0:*:4f54484552204d41524b\n");
        await _scan.RefreshGenerationAsync(Cancel);
        Assert.NotEqual(before, _cache.CurrentGeneration);
    }

    private async ValueTask StartAsync(GuestLimits limits, IScanner? scanner = null)
    {
        _cache = new FileVerdictCache(new CacheOptions { Path = _folder.File($"cache-{Guid.NewGuid():N}.db") });
        _scan = new ScanService(_cache, [scanner ?? _scanner]);
        await _scan.StartAsync(Cancel);
        _server = new GuestApiServer(_scan, new GuestApiOptions
        {
            Http = [new IPEndPoint(IPAddress.Loopback, 0)],
            Clamd = [new IPEndPoint(IPAddress.Loopback, 0)],
            MaxSubmitBytes = 2_000_000,
            Limits = limits,
        }, _ => _isGuest ? new GuestIdentity(1, "guest-1") : null, _signer);
        await _server.StartAsync(Cancel);
    }

    private async Task RestartAsync(GuestLimits limits, IScanner? scanner = null)
    {
        await _server.DisposeAsync();
        await _scan.DisposeAsync();
        await _cache.DisposeAsync();
        await StartAsync(limits, scanner);
    }

    private async Task<JsonElement> PostAsync(byte[] bytes)
    {
        using var content = new ByteArrayContent(bytes);
        using HttpResponseMessage response = await _client.PostAsync(new Uri(Http, "/v1/files"), content, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(Cancel)).RootElement.GetProperty("verdicts")[0];
    }

    private async Task<JsonElement> GetAsync(string path) =>
        (await _client.GetFromJsonAsync<JsonElement>(new Uri(Http, path), Cancel)).GetProperty("verdicts")[0];

    private async Task<HttpResponseMessage> QueryAsync(int count)
    {
        string files = string.Join(',', Enumerable.Range(0, count).Select(i => $"{{\"sha256\":\"{Hash(i)}\",\"size\":{i}}}"));
        using var content = new StringContent($"{{\"files\":[{files}]}}", MediaTypeHeaderValue.Parse("application/json"));
        return await _client.PostAsync(new Uri(Http, "/v1/files:query"), content, Cancel);
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsByteArrayAsync(Cancel);
    }

    private static Sha256 Hash(int number)
    {
        byte[] bytes = new byte[32];
        BitConverter.TryWriteBytes(bytes.AsSpan(8), number + 1);
        return new Sha256(bytes);
    }

    private static byte[] Stream(string command, byte[] content)
    {
        using var bytes = new MemoryStream();
        bytes.Write(Encoding.ASCII.GetBytes(command));
        foreach (byte[] chunk in content.Chunk(7))
        {
            bytes.Write([0, 0, 0, (byte)chunk.Length]);
            bytes.Write(chunk);
        }

        bytes.Write([0, 0, 0, 0]);
        return bytes.ToArray();
    }

    private async Task<string> ClamdAsync(byte[] request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, ClamdPort, Cancel);
        NetworkStream stream = client.GetStream();
        var answer = new StringBuilder();
        try
        {
            await stream.WriteAsync(request, Cancel);
            client.Client.Shutdown(SocketShutdown.Send);
            byte[] buffer = new byte[4096];
            for (int read; (read = await stream.ReadAsync(buffer, Cancel)) > 0;)
            {
                answer.Append(Encoding.UTF8.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // Reset: whatever came before it counts.
        }

        return answer.ToString();
    }

    private static async Task<(int Code, string Output)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = await process.StandardOutput.ReadToEndAsync(Cancel) + await process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, output);
    }
}
