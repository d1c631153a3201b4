using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.IO.Pipelines;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Fleet;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using StackExchange.Redis;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>Two hosts that share a real Valkey or Redis.</summary>
public sealed class FleetTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private readonly AnswerSigner _keyA = AnswerSigner.Create();
    private readonly AnswerSigner _keyB = AnswerSigner.Create();
    private Process? _redis;
    private int _port;

    private string Address => $"127.0.0.1:{_port}";

    public async ValueTask InitializeAsync()
    {
        RealRedis.SkipWithout();
        using (var probe = new TcpListener(IPAddress.Loopback, 0))
        {
            probe.Start();
            _port = ((IPEndPoint)probe.LocalEndpoint).Port;
        }

        await StartRedisAsync();
    }

    public ValueTask DisposeAsync()
    {
        StopRedis();
        _keyA.Dispose();
        _keyB.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task ManyFilesAtTwoHostsAtOnceAreScannedOnceEach()
    {
        await using Host a = await Host.StartAsync(Options(_keyB), _keyA);
        await using Host b = await Host.StartAsync(Options(_keyA), _keyB);
        byte[][] files = [.. Enumerable.Range(0, 40).Select(_ => RandomNumberGenerator.GetBytes(2_000))];
        await Parallel.ForEachAsync(files.SelectMany(f => new[] { (a, f), (b, f), (a, f) }), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (pair, _) =>
        {
            Assert.Equal(FileVerdictKind.Clean, (await pair.Item1.SubmitAsync(pair.f)).Verdict.Kind);
        });

        Assert.Equal(files.Length, a.Scanner.Scans + b.Scanner.Scans);
        Assert.Equal(files.Length, a.Fleet.Counters.Told + b.Fleet.Counters.Told);
    }

    [Fact]
    public async Task ForgedUnsignedMovedAndStrangersEntriesAreIgnored()
    {
        using var stranger = AnswerSigner.Create();
        await using Host a = await Host.StartAsync(Options(_keyB), _keyA);
        await using Host c = await Host.StartAsync(Options(), stranger);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(Address);
        IDatabase database = redis.GetDatabase();
        byte[] bad = Encoding.ASCII.GetBytes(StubScanner.Marker + "1");
        byte[] good = Encoding.ASCII.GetBytes("harmless");
        FileKey badKey = StubScanner.KeyOf(bad);

        // Unsigned.
        await database.StringSetAsync($"bridgeguard:v1:{badKey.Hash}:{badKey.Size}", $"{{\"sha256\":\"{badKey.Hash}\",\"size\":{badKey.Size},\"verdict\":\"clean\",\"time_us\":1}}");
        Assert.Equal(FileVerdictKind.Malicious, (await a.SubmitAsync(bad)).Verdict.Kind);

        // By a host nobody trusts.
        await c.SubmitAsync(good);
        await a.SubmitAsync(good);
        Assert.Equal(2, a.Scanner.Scans);

        // A trusted host's verdict on another content, moved.
        await using Host b = await Host.StartAsync(Options(_keyA), _keyB);
        byte[] clean = RandomNumberGenerator.GetBytes(100);
        await a.SubmitAsync(clean);
        FileKey cleanKey = StubScanner.KeyOf(clean);
        RedisValue entry = await database.StringGetAsync($"bridgeguard:v1:{cleanKey.Hash}:{cleanKey.Size}");
        byte[] other = Encoding.ASCII.GetBytes(StubScanner.Marker + "2");
        FileKey otherKey = StubScanner.KeyOf(other);
        await database.StringSetAsync($"bridgeguard:v1:{otherKey.Hash}:{otherKey.Size}", entry);
        Assert.Equal(FileVerdictKind.Malicious, (await b.SubmitAsync(other)).Verdict.Kind);

        // One bit changed.
        byte[] changed = (byte[])entry!;
        changed[^5] ^= 1;
        await database.StringSetAsync($"bridgeguard:v1:{cleanKey.Hash}:{cleanKey.Size}", changed);
        await b.SubmitAsync(clean);
        Assert.Equal(2, b.Scanner.Scans);
        Assert.True(a.Fleet.Counters.Forged >= 2 && b.Fleet.Counters.Forged >= 2);
    }

    [Fact]
    public async Task CutOffHostsGoOnAloneAndComeBack()
    {
        await using Host a = await Host.StartAsync(Options(_keyB), _keyA);
        await using Host b = await Host.StartAsync(Options(_keyA), _keyB);
        StopRedis();
        byte[] file = RandomNumberGenerator.GetBytes(500);
        var clock = Stopwatch.StartNew();
        Assert.Equal(FileVerdictKind.Clean, (await a.SubmitAsync(file)).Verdict.Kind);
        Assert.Equal(FileVerdictKind.Clean, (await b.SubmitAsync(file)).Verdict.Kind);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(5), $"{clock.Elapsed}");
        Assert.Equal((1, 1), (a.Scanner.Scans, b.Scanner.Scans));

        await StartRedisAsync();
        for (int i = 0; i < 200 && !(a.Fleet.IsConnected && b.Fleet.IsConnected); i++)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        byte[] next = RandomNumberGenerator.GetBytes(500);
        await a.SubmitAsync(next);
        await b.SubmitAsync(next);
        Assert.Equal(3, a.Scanner.Scans + b.Scanner.Scans);
    }

    [Fact]
    public async Task HostThatDiesInTheMiddleOfAScanIsNotWaitedForLongerThanItsLease()
    {
        await using Host a = await Host.StartAsync(Options(_keyB) with { Lease = TimeSpan.FromMilliseconds(400) }, _keyA);
        byte[] file = RandomNumberGenerator.GetBytes(500);
        FileKey key = StubScanner.KeyOf(file);
        using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(Address);
        await redis.GetDatabase().StringSetAsync($"bridgeguard:scan:{key.Hash}:{key.Size}:{a.Cache.CurrentGeneration}", "dead");
        var clock = Stopwatch.StartNew();
        Assert.Equal(FileVerdictKind.Clean, (await a.SubmitAsync(file)).Verdict.Kind);
        Assert.InRange(clock.ElapsedMilliseconds, 300, 3_000);
        Assert.Equal(1, a.Fleet.Counters.Waited);
    }

    private FleetOptions Options(params AnswerSigner[] trusted) => new() { Redis = Address, Trusted = [.. trusted.Select(t => t.PublicKey)] };

    private async Task StartRedisAsync()
    {
        _redis = Process.Start(new ProcessStartInfo(RealRedis.Program!, ["--port", _port.ToString(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _folder.Path])
        {
            RedirectStandardOutput = true,
        })!;
        _redis.OutputDataReceived += (_, _) => { };
        _redis.BeginOutputReadLine();
        for (int i = 0; i < 200; i++)
        {
            try
            {
                using var probe = new TcpClient();
                await probe.ConnectAsync(IPAddress.Loopback, _port);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(25);
            }
        }

        Assert.Fail(RealRedis.Program + " does not listen");
    }

    private void StopRedis()
    {
        if (_redis is { HasExited: false } redis)
        {
            redis.Kill();
            redis.WaitForExit();
        }

        _redis?.Dispose();
        _redis = null;
    }

    private sealed class Host : IAsyncDisposable
    {
        public required StubScanner Scanner { get; init; }

        public required FileVerdictCache Cache { get; init; }

        public required ScanService Scans { get; init; }

        public required RedisFleetCache Fleet { get; init; }

        public static async Task<Host> StartAsync(FleetOptions options, AnswerSigner signer)
        {
            var scanner = new StubScanner { Delay = TimeSpan.FromMilliseconds(30) };
            var cache = new FileVerdictCache(new CacheOptions());
            RedisFleetCache fleet = await RedisFleetCache.OpenAsync(options, signer);
            var scans = new ScanService(cache, [scanner], new ScanOptions { Concurrency = 8 }, fleet: fleet);
            await scans.StartAsync(TestContext.Current.CancellationToken);
            for (int i = 0; i < 100 && !fleet.IsConnected; i++)
            {
                await Task.Delay(20);
            }

            return new Host { Scanner = scanner, Cache = cache, Scans = scans, Fleet = fleet };
        }

        public Task<ScanOutcome> SubmitAsync(byte[] content) => Scans.SubmitAsync(PipeReader.Create(new MemoryStream(content)), null);

        public async ValueTask DisposeAsync()
        {
            await Scans.DisposeAsync();
            await Fleet.DisposeAsync();
            await Cache.DisposeAsync();
        }
    }
}
