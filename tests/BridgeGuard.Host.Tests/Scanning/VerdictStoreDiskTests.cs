using System.Diagnostics;
using System.Globalization;
using BridgeGuard.Engine.Files;
using BridgeGuard.Host.Tests.Outputs;
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
            var start = new ProcessStartInfo(
                Environment.ProcessPath!, ["-explicit", "only", "-method", $"{typeof(VerdictStoreDiskTests).FullName}.{nameof(ChildThatWritesUntilItIsKilled)}"])
            {
                RedirectStandardOutput = true,
            };
            start.Environment["BG_TEST_CACHE"] = path;
            using Process child = Process.Start(start)!;
            child.BeginOutputReadLine();
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
