using System.Net.Sockets;
using System.Security.Cryptography;
using BridgeGuard.Engine.Files;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.VerdictCache;
using BridgeGuard.Scanning.WireFiles;
using Xunit;

namespace BridgeGuard.Host.Tests.Scanning;

/// <summary>Files over a stream between data plane and scanner's side, and what happens when it is cut.</summary>
public sealed class FileChannelTests : IAsyncDisposable
{
    private readonly StubScanner _scanner = new();
    private readonly FileVerdictCache _cache = new(new CacheOptions());
    private readonly ScanService _scan;
    private readonly WireFileSink _sink;
    private readonly FileChannelServer _server;
    private readonly FileChannelClient _client = new();

    public FileChannelTests()
    {
        _scan = new ScanService(_cache, [_scanner]);
        _sink = new WireFileSink(_scan);
        _server = new FileChannelServer(_sink, _scan);
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _sink.DisposeAsync();
        await _scan.DisposeAsync();
        await _cache.DisposeAsync();
    }

    [Fact]
    public async Task FileIsPendingThenJudgedAndItsPiecesAreKnown()
    {
        using Stream _ = Connect();
        byte[] bad = [.. RandomNumberGenerator.GetBytes(300_000), .. "STUB-MARKER"u8];
        Assert.Equal(FileVerdictKind.Unknown, _client.Lookup(SHA256.HashData(bad), bad.Length));
        Send(bad);
        Assert.NotEqual(FileVerdictKind.Unknown, _client.Lookup(SHA256.HashData(bad), bad.Length));
        await WaitAsync(() => _client.Lookup(SHA256.HashData(bad), bad.Length) == FileVerdictKind.Malicious);
        await WaitAsync(() => _client.IsBadSize(bad.Length));
        Assert.True(_client.IsBadPiece(bad.Length - 1, bad.AsSpan(^1..), bad.Length));
        Assert.True(_client.IsBadPiece(100_000, bad.AsSpan(100_000, 20_000), bad.Length));
        byte[] other = RandomNumberGenerator.GetBytes(20_000);
        Assert.False(_client.IsBadPiece(100_000, other, bad.Length));

        byte[] clean = RandomNumberGenerator.GetBytes(1_000);
        Send(clean);
        await WaitAsync(() => _client.Lookup(SHA256.HashData(clean), clean.Length) == FileVerdictKind.Clean);
        Send(clean);
        Send(clean);
        await WaitAsync(() => _scan.Counters.SavedByCache >= 2);
        Assert.Equal(2, _scanner.Scans);
    }

    /// <summary>Of an upload's beginning that was judged in parts: its packet goes on, a whole file of the same bytes is judged.</summary>
    [Fact]
    public async Task CleanSoFarCrossesTheStreamAndIsForgottenForAWholeFile()
    {
        await using var sink = new WireFileSink(_scan, null, new WireFileOptions { WholeChecksBytes = 0, QuietTime = TimeSpan.FromMinutes(5) });
        using Stream _ = Connect(server: new FileChannelServer(sink, _scan));
        byte[] content = RandomNumberGenerator.GetBytes(200_000);
        byte[] all = SHA256.HashData(content);
        await WaitAsync(() => _client.IsAttached);
        FileHandle file = _client.Open(new FileOrigin { Protocol = "smb"u8, AnnouncedSize = -1 });
        for (int at = 0, number = 0; at < content.Length; at += 5_000, number++)
        {
            Assert.True(_client.Append(file, content.AsSpan(at, 5_000)));
            byte[] soFar = SHA256.HashData(content.AsSpan(0, at + 5_000));
            int size = at + 5_000;
            Assert.True(_client.Checkpoint(file, soFar, size));
            await WaitAsync(() => _client.Lookup(soFar, size) == FileVerdictKind.Clean);
        }

        Assert.True(sink.Counters.PartialCheckpoints > 10);
        Assert.Null(_cache.Find(StubScanner.KeyOf(content)));
        _scanner.OnlySize = content.Length;
        _client.Close(file, FileEnd.Complete, all, content.Length);
        Assert.Equal(FileVerdictKind.Pending, _client.Lookup(all, content.Length));
        await WaitAsync(() => _client.Lookup(all, content.Length) == FileVerdictKind.Malicious);
    }

    [Fact]
    public async Task CutStreamIsNoHarmAndTheNextOneGoesOn()
    {
        byte[] bad = [.. RandomNumberGenerator.GetBytes(5_000), .. "STUB-MARKER"u8];
        byte[] hash = SHA256.HashData(bad);
        Stream first = Connect();
        Send(bad);
        await WaitAsync(() => _client.Lookup(hash, bad.Length) == FileVerdictKind.Malicious);
        FileHandle half = _client.Open(Origin());
        _client.Append(half, bad);
        await WaitAsync(() => _sink.Counters.Opened == 2);
        await first.DisposeAsync();
        await WaitAsync(() => !_client.IsAttached && _sink.Counters.Truncated == 1);

        Assert.True(_client.Open(Origin()).IsNone);
        Assert.False(_client.Append(half, bad));
        _client.Close(half, FileEnd.Complete, hash, bad.Length);
        Assert.Equal(FileVerdictKind.Malicious, _client.Lookup(hash, bad.Length)); // What was learnt stays.

        using Stream second = Connect();
        byte[] clean = RandomNumberGenerator.GetBytes(1_000);
        Send(clean);
        await WaitAsync(() => _client.Lookup(SHA256.HashData(clean), clean.Length) == FileVerdictKind.Clean);
    }

    [Fact]
    public async Task ScannersSideThatStartsAnewTellsWhatItKnows()
    {
        byte[] bad = [.. RandomNumberGenerator.GetBytes(5_000), .. "STUB-MARKER"u8];
        using (Stream _ = Connect())
        {
            Send(bad);
            await WaitAsync(() => _client.IsBadSize(bad.Length));
        }

        await using var fresh = new FileChannelClient();
        using Stream stream = Connect(fresh);
        await WaitAsync(() => fresh.IsBadPiece(bad.Length - 10, bad.AsSpan(^10..), bad.Length));
    }

    [Fact]
    public async Task NonsenseEndsTheStream()
    {
        (Stream ours, Stream theirs) = Pair();
        Task serving = _server.RunAsync(theirs, TestContext.Current.CancellationToken);
        await ours.WriteAsync(new byte[] { 255, 255, 255, 127, 9 }, TestContext.Current.CancellationToken);
        await serving.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        ours.Dispose();
    }

    private static FileOrigin Origin() => new()
    {
        FlowId = 1,
        ReceiverAddress = new byte[] { 10, 0, 0, 1 },
        SenderAddress = new byte[16],
        Protocol = "http"u8,
        Location = "http://a/b"u8,
        Name = "b"u8,
        AnnouncedSize = -1,
    };

    private static (Stream Ours, Stream Theirs) Pair()
    {
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        string path = Path.Combine(Path.GetTempPath(), "bg-" + Guid.NewGuid().ToString("N")[..12] + ".sock");
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        var ours = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        ours.Connect(new UnixDomainSocketEndPoint(path));
        Socket theirs = listener.Accept();
        File.Delete(path);
        return (new NetworkStream(ours, ownsSocket: true), new NetworkStream(theirs, ownsSocket: true));
    }

    private Stream Connect(FileChannelClient? client = null, FileChannelServer? server = null)
    {
        (Stream ours, Stream theirs) = Pair();
        _ = Task.Run(() => (server ?? _server).RunAsync(theirs, CancellationToken.None));
        (client ?? _client).Attach(ours);
        Assert.True(SpinWait.SpinUntil(() => (client ?? _client).IsAttached, 10_000));
        return theirs;
    }

    private void Send(byte[] content)
    {
        FileHandle file = _client.Open(Origin());
        Assert.False(file.IsNone);
        for (int at = 0; at < content.Length; at += 1460)
        {
            Assert.True(_client.Append(file, content.AsSpan(at, Math.Min(1460, content.Length - at))));
        }

        _client.Close(file, FileEnd.Complete, SHA256.HashData(content), content.Length);
    }

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 1000, "not within 10 s");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
