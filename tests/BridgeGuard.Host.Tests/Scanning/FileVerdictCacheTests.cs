using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class FileVerdictCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task VerdictsSurviveARestart()
    {
        FileKey key = Key(1);
        await using (FileVerdictCache cache = Open())
        {
            cache.Put(key, Verdict(FileVerdictKind.Malicious) with { Signature = "Evil.A", Generation = "7" });
        }

        await using FileVerdictCache again = Open();
        Assert.True(again.TryGetCached(key.Hash, key.Size, out FileVerdict verdict));
        Assert.Equal(FileVerdictKind.Malicious, verdict.Kind);
        Assert.Equal("Evil.A", verdict.Signature);
        Assert.Equal("7", verdict.Generation);
    }

    [Fact]
    public async Task SameHashWithAnotherSizeIsAnotherContent()
    {
        await using FileVerdictCache cache = Open();
        FileKey key = Key(1);
        cache.Put(key, Verdict(FileVerdictKind.Clean));
        Assert.False(cache.TryGetCached(key.Hash, key.Size + 1, out _));
    }

    [Fact]
    public async Task NewGenerationMakesCleanVerdictsStaleButKeepsMaliciousOnesInForce()
    {
        await using FileVerdictCache cache = Open();
        cache.CurrentGeneration = "1";
        cache.Put(Key(1), Verdict(FileVerdictKind.Clean) with { Generation = "1" });
        cache.Put(Key(2), Verdict(FileVerdictKind.Malicious) with { Generation = "1" });
        cache.CurrentGeneration = "2";

        Assert.False(cache.TryGetCached(Key(1).Hash, 100, out _));
        Assert.True(cache.TryGetCached(Key(2).Hash, 100, out _));
        Assert.Null(cache.Find(Key(2), forScan: true));
        Assert.Equal(2, cache.Counters.Stale);
    }

    [Fact]
    public async Task ExpiredVerdictIsAMiss()
    {
        await using FileVerdictCache cache = Open();
        cache.Put(Key(1), Verdict(FileVerdictKind.Clean) with { ExpiresUs = 1 });
        Assert.False(cache.TryGetCached(Key(1).Hash, 100, out _));
        Assert.Equal(1, cache.Counters.Expired);
    }

    [Fact]
    public async Task PinnedVerdictGivesWayOnlyToAPinnedOne()
    {
        await using FileVerdictCache cache = Open();
        cache.Put(Key(1), Verdict(FileVerdictKind.Clean) with { IsPinned = true, Source = VerdictSource.Operator });
        cache.Put(Key(1), Verdict(FileVerdictKind.Malicious));
        Assert.Equal(FileVerdictKind.Clean, cache.Find(Key(1))!.Kind);
        cache.Put(Key(1), Verdict(FileVerdictKind.Malicious) with { IsPinned = true });
        Assert.Equal(FileVerdictKind.Malicious, cache.Find(Key(1))!.Kind);
        cache.Remove(Key(1));
        Assert.Null(cache.Find(Key(1)));
        await cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, cache.StoredCount);
    }

    [Fact]
    public async Task WhatFellOutOfMemoryIsFoundOnDisk()
    {
        await using var cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db"), MemoryEntries = 10 });
        for (int i = 0; i < 500; i++)
        {
            cache.Put(Key(i), Verdict(FileVerdictKind.Clean));
        }

        await cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.InRange(cache.MemoryCount, 3, 12);
        Assert.False(cache.TryGetCached(Key(0).Hash, 100, out _));
        Assert.Equal(FileVerdictKind.Clean, cache.Find(Key(0))!.Kind);
        Assert.True(cache.TryGetCached(Key(0).Hash, 100, out _)); // Taken into memory.
        Assert.Equal(1, cache.Counters.StoreHits);
    }

    [Fact]
    public async Task MaliciousVerdictsAreNotPushedOutOfMemoryByCleanOnes()
    {
        await using var cache = new FileVerdictCache(new CacheOptions { MemoryEntries = 10 });
        cache.Put(Key(-1), Verdict(FileVerdictKind.Malicious));
        for (int i = 0; i < 500; i++)
        {
            cache.Put(Key(i), Verdict(FileVerdictKind.Clean));
        }

        Assert.True(cache.TryGetCached(Key(-1).Hash, 100, out _));
    }

    [Fact]
    public async Task MemoryHitAllocatesNothing()
    {
        await using FileVerdictCache cache = Open();
        FileKey key = Key(1);
        cache.Put(key, Verdict(FileVerdictKind.Clean));
        for (int i = 0; i < 100; i++)
        {
            cache.TryGetCached(key.Hash, key.Size, out _);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            cache.TryGetCached(key.Hash, key.Size, out _);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task LedgerNamesWhoWasExposed()
    {
        FileKey key = Key(1);
        await using (FileVerdictCache cache = Open())
        {
            cache.Record(Exposure(key, "alpha", 1));
            cache.Record(Exposure(key, "beta", 2));
            cache.Record(Exposure(Key(2), "gamma", 3));
        }

        await using FileVerdictCache again = Open();
        IReadOnlyList<Exposure> exposures = again.FindExposures(key.Hash);
        Assert.Equal(["beta", "alpha"], exposures.Select(exposure => exposure.Guest));
        Assert.Equal("http://x/y", exposures[0].Location);
        Assert.Equal(ulong.MaxValue, exposures[0].FlowId);
    }

    [Theory]
    [InlineData(0)] // The header: not a database at all.
    [InlineData(4096)] // A page behind it: found by the check.
    public async Task DamagedFileIsSetAsideAndRebuilt(int offset)
    {
        await using (FileVerdictCache cache = Open())
        {
            for (int i = 0; i < 200; i++)
            {
                cache.Put(Key(i), Verdict(FileVerdictKind.Clean));
            }
        }

        using (FileStream file = File.OpenWrite(_folder.File("cache.db")))
        {
            file.Position = offset;
            file.Write(new byte[4096].Select((_, i) => (byte)(i * 7)).ToArray());
        }

        await using FileVerdictCache again = Open();
        Assert.Equal(1, again.Counters.Rebuilds);
        Assert.Contains(Directory.GetFiles(_folder.Path), name => name.Contains(".corrupt-", StringComparison.Ordinal));
        again.Put(Key(1), Verdict(FileVerdictKind.Clean));
        await again.FlushAsync(TestContext.Current.CancellationToken);
        Assert.Equal(1, again.StoredCount);
    }

    [Fact]
    public async Task FileDamagedWhileRunningIsRebuiltFromMemory()
    {
        await using FileVerdictCache cache = Open();
        for (int i = 0; i < 500; i++)
        {
            cache.Put(Key(i), Verdict(FileVerdictKind.Clean));
        }

        await cache.FlushAsync(TestContext.Current.CancellationToken);
        foreach (string file in Directory.GetFiles(_folder.Path))
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            byte[] rubbish = new byte[stream.Length];
            new Random(1).NextBytes(rubbish);
            stream.Write(rubbish);
        }

        for (int i = 500; i < 600 && cache.Counters.Rebuilds == 0; i++)
        {
            cache.Find(Key(100_000 + i)); // A miss in memory reads the file.
            cache.Put(Key(i), Verdict(FileVerdictKind.Clean));
            await cache.FlushAsync(TestContext.Current.CancellationToken);
        }

        Assert.True(cache.Counters.Rebuilds > 0);
        await cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.True(cache.StoredCount >= 500);
        Assert.NotNull(cache.Find(Key(0)));
    }

    [Fact]
    public async Task OldestCleanVerdictsGoWhenTheDiskLimitIsReached()
    {
        await using var cache = new FileVerdictCache(new CacheOptions { Path = _folder.File("cache.db"), StoreMaxEntries = 100, MemoryEntries = 3 });
        cache.Put(Key(-1), Verdict(FileVerdictKind.Malicious));
        cache.Put(Key(-2), Verdict(FileVerdictKind.Clean) with { IsPinned = true });
        for (int i = 0; i < 300; i++)
        {
            cache.Put(Key(i), Verdict(FileVerdictKind.Clean) with { TimeUs = 1000 + i });
            if (i % 50 == 0)
            {
                await cache.FlushAsync(TestContext.Current.CancellationToken);
            }
        }

        await cache.FlushAsync(TestContext.Current.CancellationToken);
        Assert.InRange(cache.StoredCount, 50, 150);
        FileKey[] left = [.. cache.ReadStored().Select(row => row.Key)];
        Assert.Contains(Key(-1), left);
        Assert.Contains(Key(-2), left);
        Assert.Contains(Key(299), left);
        Assert.DoesNotContain(Key(0), left);
    }

    [Fact]
    public async Task ExportIsReadBackByImportAndWrongLinesAreReported()
    {
        using var text = new StringWriter();
        await using (FileVerdictCache cache = Open())
        {
            for (int i = 0; i < 4500; i++) // More than two pages.
            {
                cache.Put(Key(i), Verdict(i % 2 == 0 ? FileVerdictKind.Clean : FileVerdictKind.Malicious) with { Signature = i % 2 == 0 ? null : $"Evil.{i}" });
            }

            Assert.Equal(4500, await CacheTransfer.ExportAsync(cache, text, TestContext.Current.CancellationToken));
        }

        await using var other = new FileVerdictCache(new CacheOptions());
        string wrong = "{}\n{\"sha256\":\"00\",\"size\":1}\nrubbish\n\n";
        (long imported, IReadOnlyList<(int Line, string Message)> errors) = CacheTransfer.Import(other, new StringReader(wrong + text));
        Assert.Equal(4500, imported);
        Assert.Equal([1, 2, 3], errors.Select(error => error.Line));
        Assert.Equal("Evil.4499", other.Find(Key(4499))!.Signature);
        Assert.Equal(VerdictSource.Import, other.Find(Key(4499))!.Source);
    }

    private FileVerdictCache Open() => new(new CacheOptions { Path = _folder.File("cache.db") });

    private static FileKey Key(int number)
    {
        byte[] hash = new byte[32];
        BitConverter.TryWriteBytes(hash, number);
        BitConverter.TryWriteBytes(hash.AsSpan(8), number * 0x9E3779B97F4A7C15UL.GetHashCode());
        return new FileKey(new Sha256(hash), 100);
    }

    private static FileVerdict Verdict(FileVerdictKind kind) => new() { Kind = kind, Engine = "test", TimeUs = 1 };

    private static Exposure Exposure(FileKey key, string guest, long time) =>
        new() { Key = key, Guest = guest, TimeUs = time, Protocol = "http", Location = "http://x/y", FlowId = ulong.MaxValue };
}
