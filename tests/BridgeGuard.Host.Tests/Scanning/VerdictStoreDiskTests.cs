using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using BridgeGuard.Engine.Files;
using BridgeGuard.Host.Tests.Outputs;
using BridgeGuard.Scanning.GuestApi;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>What the disk and the kill button may do to the cache.</summary>
public sealed class VerdictStoreDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task FullDiskCostsPersistenceOnlyAndIsMadeUpForLater()
    {
        using var disk = new SmallDisk(_folder.File("disk"), "300k");
        Assert.SkipUnless(disk.IsMounted, "a tmpfs cannot be mounted here");
        await using (var cache = new FileVerdictCache(new CacheOptions { Path = Path.Combine(disk.Path, "cache.db") }))
        {
            int written = 0;
            for (; cache.Counters.WriteFailures == 0 && written < 20_000; written++)
            {
                cache.Put(Key(written), Clean());
                if (written % 100 == 0)
                {
                    await Task.Delay(5, Cancel);
                }
            }

            Assert.True(cache.Counters.WriteFailures > 0);
            Assert.True(cache.TryGetCached(Key(written - 1).Hash, 1, out _)); // Memory goes on.
            disk.Resize("30m");
            await cache.FlushAsync(Cancel);
            Assert.Equal(written, cache.StoredCount);
        }
    }

    [Fact]
    public async Task CommittedVerdictsAndLedgerSurviveKills()
    {
        string path = _folder.File("cache.db");
        for (int kill = 1; kill <= 3; kill++)
        {
            int from = Progress(path);
            using Process child = StartChild(nameof(ChildThatWritesUntilItIsKilled), ("BG_TEST_CACHE", path));
            await TestEvents.WaitAsync(() => Progress(path) >= from + 1000 || child.HasExited, seconds: 60);
            Assert.False(child.HasExited);
            child.Kill();
            await child.WaitForExitAsync(Cancel);
        }

        int committed = Progress(path);
        await using var cache = new FileVerdictCache(new CacheOptions { Path = path });
        Assert.Equal(0, cache.Counters.Rebuilds);
        for (int i = 1; i <= committed; i++)
        {
            Assert.True(cache.Find(Key(i)) is not null, $"verdict {i} of {committed} is lost");
        }

        Assert.NotEmpty(cache.FindExposures(Key(committed).Hash));
    }

    /// <summary>Not a test but the process that gets killed; runs only when it is asked for by name.</summary>
    [Fact(Explicit = true)]
    public async Task ChildThatWritesUntilItIsKilled()
    {
        string path = Environment.GetEnvironmentVariable("BG_TEST_CACHE") ?? throw new InvalidOperationException("started by hand");
        await using var cache = new FileVerdictCache(new CacheOptions { Path = path });
        for (int n = Progress(path) + 1; ; n++)
        {
            cache.Put(Key(n), Clean());
            cache.Record(new Exposure { Key = Key(n), Guest = "vm", Protocol = "http", TimeUs = n });
            if (n % 50 == 0)
            {
                await cache.FlushAsync(Cancel);
                File.WriteAllText(path + ".progress.new", n.ToString(CultureInfo.InvariantCulture));
                File.Move(path + ".progress.new", path + ".progress", overwrite: true);
            }
        }
    }

    /// <summary>What a guest was answered is on disk, verdict and ledger line: the host is killed as soon as the answer is there, again and again.</summary>
    [Fact]
    public async Task AnsweredSubmissionsSurviveKillsThatFollowTheAnswerAtOnce()
    {
        string path = _folder.File("cache.db");
        string socket = _folder.File("api.sock");
        var answered = new List<byte[]>();
        for (int kill = 0; kill < 4; kill++)
        {
            File.Delete(socket);
            using Process child = StartChild(nameof(ChildThatAnswersGuests), ("BG_TEST_CACHE", path), ("BG_TEST_SOCKET", socket));
            await TestEvents.WaitAsync(() => File.Exists(socket + ".ready") || child.HasExited, seconds: 60);
            File.Delete(socket + ".ready");
            using HttpClient guest = new(new SocketsHttpHandler
            {
                ConnectCallback = async (_, stop) =>
                {
                    var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                    await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), stop);
                    return new NetworkStream(connection, ownsSocket: true);
                },
            });
            for (int i = 0; i < 5; i++)
            {
                byte[] content = System.Text.Encoding.ASCII.GetBytes($"content {kill} {i} {(i == 4 ? StubScanner.Marker : "")}");
                using HttpResponseMessage answer = await guest.PostAsync("http://host/v1/files", new ByteArrayContent(content), Cancel);
                answer.EnsureSuccessStatusCode();
                answered.Add(content);
            }

            child.Kill();
            await child.WaitForExitAsync(Cancel);
        }

        await using var cache = new FileVerdictCache(new CacheOptions { Path = path });
        Assert.Equal(0, cache.Counters.Rebuilds);
        foreach (byte[] content in answered)
        {
            Assert.True(cache.FindEvenIfStale(StubScanner.KeyOf(content)) is not null, "a verdict is lost");
            Assert.Equal("guest", Assert.Single(cache.FindExposures(StubScanner.KeyOf(content).Hash)).Guest);
        }
    }

    /// <summary>A commit is on the disk itself, not in its cache: what a power cut leaves. There is no power to cut here, so the setting is looked at.</summary>
    [Fact]
    public void CommitsAreSyncedToTheDisk()
    {
        using Microsoft.Data.Sqlite.SqliteConnection connection = VerdictDatabase.OpenOrRebuild(_folder.File("cache.db"), out _);
        using Microsoft.Data.Sqlite.SqliteCommand command = connection.CreateCommand();
        command.CommandText = "PRAGMA synchronous";
        Assert.Equal(2L, command.ExecuteScalar()); // FULL
        command.CommandText = "PRAGMA journal_mode";
        Assert.Equal("wal", command.ExecuteScalar());
    }

    /// <summary>Not a test but the host that gets killed.</summary>
    [Fact(Explicit = true)]
    public async Task ChildThatAnswersGuests()
    {
        string path = Environment.GetEnvironmentVariable("BG_TEST_CACHE") ?? throw new InvalidOperationException("started by hand");
        string socket = Environment.GetEnvironmentVariable("BG_TEST_SOCKET")!;
        await using var cache = new FileVerdictCache(new CacheOptions { Path = path });
        await using var scans = new ScanService(cache, [new StubScanner()]);
        using AnswerSigner signer = AnswerSigner.Create();
        await using var api = new GuestApiServer(scans, new GuestApiOptions { Http = [new UnixDomainSocketEndPoint(socket)] }, _ => new GuestIdentity(1, "guest"), signer);
        await api.StartAsync(Cancel);
        await File.WriteAllTextAsync(socket + ".ready", "", Cancel);
        await Task.Delay(Timeout.Infinite, Cancel);
    }

    private static Process StartChild(string method, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-explicit", "only", "-method", $"{typeof(VerdictStoreDiskTests).FullName}.{method}"]) { RedirectStandardOutput = true };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        Process child = Process.Start(start)!;
        child.BeginOutputReadLine();
        return child;
    }

    private static int Progress(string path) =>
        File.Exists(path + ".progress") ? int.Parse(File.ReadAllText(path + ".progress"), CultureInfo.InvariantCulture) : 0;

    private static FileKey Key(int number)
    {
        byte[] hash = new byte[32];
        BitConverter.TryWriteBytes(hash.AsSpan(8), number);
        return new FileKey(new Sha256(hash), 1);
    }

    private static FileVerdict Clean() => new() { Kind = FileVerdictKind.Clean, Engine = "test", TimeUs = 1 };
}
