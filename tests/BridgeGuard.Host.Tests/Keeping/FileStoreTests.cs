using System.Security.Cryptography;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Engine.Files;
using Xunit;

namespace BridgeGuard.Host.Tests.Keeping;

public sealed class FileStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("bg-store").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AWantedFileIsNamedAfterItsDigest()
    {
        using FileStore store = Make();
        FileHandle file = store.Open();
        Assert.True(store.Append(file, "part one, "u8));
        Assert.True(store.Append(file, "part two"u8));
        byte[] digest = SHA256.HashData("part one, part two"u8);
        Assert.Equal(1u, store.Close(file, keep: true, digest));
        string name = Convert.ToHexStringLower(digest);
        Assert.Equal("part one, part two", File.ReadAllText(Path.Combine(_folder, name[..2], name)));
        Assert.Empty(Directory.GetFiles(Path.Combine(_folder, "tmp")));
    }

    [Fact]
    public void TheSameContentIsKeptOnceAndNumberedTwice()
    {
        using FileStore store = Make();
        byte[] digest = SHA256.HashData("x"u8);
        for (uint i = 1; i <= 2; i++)
        {
            FileHandle file = store.Open();
            store.Append(file, "x"u8);
            Assert.Equal(i, store.Close(file, keep: true, digest));
        }

        Assert.Single(Directory.GetFiles(Path.Combine(_folder, Convert.ToHexStringLower(digest)[..2])));
    }

    [Fact]
    public void AnUnwantedFileLeavesNothing()
    {
        using FileStore store = Make();
        FileHandle file = store.Open();
        store.Append(file, "x"u8);
        Assert.Equal(0u, store.Close(file, keep: false, default));
        Assert.Empty(Directory.GetFiles(_folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void BeyondTheLimitOfOpenFilesNoneIsBegun()
    {
        using FileStore store = Make(most: 2);
        Assert.False(store.Open().IsNone);
        Assert.False(store.Open().IsNone);
        Assert.True(store.Open().IsNone);
        Assert.Equal(1, store.Refused);
    }

    private FileStore Make(int most = 10) => new(new FileStoreSettings { Folder = _folder, MaxOpenFiles = most });
}
