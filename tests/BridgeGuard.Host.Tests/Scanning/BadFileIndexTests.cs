using System.Security.Cryptography;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.BadFiles;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

public sealed class BadFileIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(100)]
    [InlineData(1_024)]
    [InlineData(70_000)]
    [InlineData(5_000_001)]
    public async Task EveryPieceThatHoldsTheLastByteIsKnownAndOthersAreNot(int length)
    {
        byte[] bad = RandomNumberGenerator.GetBytes(length);
        var index = new BadFileIndex();
        index.Add(await PrintAsync(bad));
        foreach (int from in new[] { 0, length / 2, length - 50, length - 1 })
        {
            Assert.True(index.IsBadPiece(from, bad.AsSpan(from), length), $"from {from}");
            Assert.True(from == length - 1 || index.IsBadPiece(from, bad.AsSpan(from), -1), $"from {from}, length unknown");
        }

        byte[] other = RandomNumberGenerator.GetBytes(length);
        other[^1] = (byte)~bad[^1];
        Assert.False(index.IsBadPiece(length / 2, other.AsSpan(length / 2), length));
        Assert.False(index.IsBadPiece(length - 1, other.AsSpan(length - 1), length));
        Assert.True(index.HasSize(length));
        Assert.False(index.HasSize(length + 1));
    }

    [Fact]
    public async Task BlocksOfOneValueProveNothing()
    {
        byte[] bad = new byte[200_000];
        RandomNumberGenerator.Fill(bad.AsSpan(^100..));
        var index = new BadFileIndex();
        index.Add(await PrintAsync(bad));
        Assert.False(index.IsBadPiece(0, new byte[50_000], bad.Length));
        Assert.False(index.IsBadPiece(0, new byte[50_000], -1));
    }

    [Fact]
    public async Task OldestMarksGoAtTheBoundAndTheirBlocksWithThem()
    {
        var index = new BadFileIndex();
        byte[] first = RandomNumberGenerator.GetBytes(5_000);
        index.Add(await PrintAsync(first));
        for (int i = 0; i < BadFileIndex.MaxPrints; i++)
        {
            index.Add(await PrintAsync(RandomNumberGenerator.GetBytes(1_500)));
        }

        Assert.Equal(BadFileIndex.MaxPrints, index.Count);
        Assert.False(index.IsBadPiece(1_024, first.AsSpan(1_024), first.Length));
    }

    [Fact]
    public async Task MarksSurviveARestartAndGoWithACleanVerdict()
    {
        byte[] bad = RandomNumberGenerator.GetBytes(9_000);
        FileKey key = StubScanner.KeyOf(bad);
        var options = new CacheOptions { Path = _folder.File("cache.db") };
        await using (var cache = new FileVerdictCache(options))
        {
            cache.Put(await PrintAsync(bad));
            await cache.FlushAsync(TestContext.Current.CancellationToken);
        }

        await using (var cache = new FileVerdictCache(options))
        {
            Assert.True(cache.BadFiles.IsBadPiece(8_999, bad.AsSpan(8_999), 9_000));
            cache.Put(key, new FileVerdict { Kind = FileVerdictKind.Clean, Engine = "new signatures", TimeUs = 1 });
            Assert.False(cache.BadFiles.IsBadPiece(8_999, bad.AsSpan(8_999), 9_000));
            await cache.FlushAsync(TestContext.Current.CancellationToken);
        }

        await using var last = new FileVerdictCache(options);
        Assert.Equal(0, last.BadFiles.Count);
    }

    [Fact]
    public async Task MarksThatAreCutOffOrChangedAreNotRead()
    {
        byte[] bad = RandomNumberGenerator.GetBytes(3_000);
        BadFilePrint print = await PrintAsync(bad);
        byte[] bytes = print.Write();
        Assert.NotNull(BadFilePrint.TryRead(print.Key, bytes));
        for (int length = 0; length < bytes.Length; length += 97)
        {
            Assert.Null(BadFilePrint.TryRead(print.Key, bytes.AsSpan(0, length)));
        }

        bytes[1] = 0xff;
        bytes[4] = 0x7f;
        Assert.Null(BadFilePrint.TryRead(print.Key, bytes));
    }

    [Fact]
    public void PlacesAreBoundedAndKnowTheirLength()
    {
        var index = new BadFileIndex();
        index.RememberPlace(7, 100);
        Assert.True(index.IsBadPlace(7, 100));
        Assert.True(index.IsBadPlace(7, -1));
        Assert.False(index.IsBadPlace(7, 101));
        Assert.False(index.IsBadPlace(0, 100));
        for (ulong i = 100; i < 100 + BadFileIndex.MaxPlaces; i++)
        {
            index.RememberPlace(i, 1);
        }

        Assert.Equal(BadFileIndex.MaxPlaces, index.PlaceCount);
        Assert.False(index.IsBadPlace(7, 100));
    }

    private static async Task<BadFilePrint> PrintAsync(byte[] content)
    {
        using var spool = new ContentSpool(new ScanOptions(), new SpoolBudget(64 << 20, 64 << 20));
        for (int at = 0; at < content.Length; at += 1_460)
        {
            spool.Append(content.AsSpan(at, Math.Min(1_460, content.Length - at)));
        }

        return await BadFilePrint.OfAsync(StubScanner.KeyOf(content), spool, TestContext.Current.CancellationToken);
    }
}
