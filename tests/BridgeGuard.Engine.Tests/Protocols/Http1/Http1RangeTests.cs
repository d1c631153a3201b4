using System.Security.Cryptography;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Protocols.Http1;
using BridgeGuard.Engine.Settings;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Http1;

public sealed class Http1RangeTests
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 300).Select(i => (byte)i)];

    private readonly ProtocolBench _bench = new(new Http1Protocol(), files: new FileSettings { ForceMd5 = true });

    private void Fetch(int start, int end, string path = "/big.bin?x", int total = 300)
    {
        _bench.Feed(Direction.ToServer, Encoding.Latin1.GetBytes($"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        byte[] head = Encoding.Latin1.GetBytes(
            $"HTTP/1.1 206 P\r\nContent-Range: bytes {start}-{end}/{total}\r\nContent-Length: {end - start + 1}\r\n\r\n");
        _bench.Feed(Direction.ToClient, [.. head, .. Content[start..(end + 1)]]);
    }

    private FileList Files(int transaction) => _bench.Transaction(transaction).FilesToClient!;

    private void AssertWhole(int transaction)
    {
        Assert.Equal(2, Files(transaction).Count);
        TrackedFile whole = Files(transaction)[1];
        Assert.Equal(300, whole.Size);
        Assert.Equal(FileState.Closed, whole.State);
        Assert.Equal("/big.bin", Encoding.Latin1.GetString(whole.Name));
        Assert.Equal(MD5.HashData(Content), whole.Md5.ToArray());
    }

    [Fact]
    public void RangesInOrderMakeTheWhole()
    {
        Fetch(0, 99);
        Fetch(100, 199);
        Assert.Equal(1, Files(1).Count);
        Fetch(200, 299);
        AssertWhole(2);
    }

    [Fact]
    public void RangesInAnyOrderAndOverlappingMakeTheWhole()
    {
        Fetch(200, 299);
        Fetch(90, 210);
        Fetch(0, 99);
        AssertWhole(2);
    }

    [Fact]
    public void RangesOfOtherFilesAreKeptApart()
    {
        Fetch(0, 149);
        Fetch(150, 299, path: "/other");
        Fetch(150, 299, total: 301);
        Assert.Equal(1, Files(2).Count);
        Fetch(150, 299);
        AssertWhole(3);
    }

    [Fact]
    public void AWholeInOneRangeIsOneFile()
    {
        Fetch(0, 299);
        Assert.Equal(1, Files(0).Count);
    }
}
