using System.Diagnostics;
using System.IO.Compression;
using System.IO.Pipelines;
using System.Text;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Policy.Roles;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Scanning.Pipeline;
using BridgeGuard.Scanning.Scanners;
using BridgeGuard.Scanning.Scanners.Clamd;
using BridgeGuard.Scanning.WireFiles;
using Xunit;

namespace BridgeGuard.Host.Tests.Files;

/// <summary>Contents without end and of great length: bounded, counted, answered.</summary>
public sealed class HugeInputTests
{
    [Fact]
    public async Task BodyWithoutEndGoesOnAndCostsNoMoreThanTheLimits()
    {
        const long limit = 1 << 20;
        var role = new RoleModel { Name = "r", Files = FileDelivery.HoldTail };
        await using var wire = new GuardedWire(role, options: new WireFileOptions { MaxBufferedBytesPerFile = limit }, scans: new ScanOptions { MaxFileBytes = limit });
        Conversation talk = wire.Connect("10.0.0.1", "10.0.0.2", 80);
        talk.ToServer("GET /f HTTP/1.1\r\nHost: s\r\n\r\n"u8);
        talk.ToClient("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8);
        byte[] chunk = [.. Encoding.ASCII.GetBytes($"{14_000:x}\r\n"), .. new byte[14_000], .. "\r\n"u8];
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < 1500; i++)
        {
            Assert.True(talk.ToClient(chunk));
            Assert.True(wire.Sink.BufferedBytes <= limit);
        }

        Assert.True(talk.AtClient.Length > 1499 * chunk.Length, $"{talk.AtClient.Length} of {1500 * chunk.Length} bytes have arrived");
        Assert.True(wire.Scans.SpoolMemoryBytes + wire.Scans.SpoolDiskBytes <= limit + (64 << 10));
        long own = talk.AtClient.Length * 6L; // The test's own copies of what was sent and received.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, own + (64L << 20));
        Assert.Equal(0, wire.Worker.FileHolds.Stopped);
    }

    [Fact]
    public async Task ContentOfMoreThanFourGibibytesIsCountedRightAndNotKept()
    {
        var scanner = new StubScanner();
        var cache = new BridgeGuard.Scanning.VerdictCache.FileVerdictCache(new BridgeGuard.Scanning.VerdictCache.CacheOptions());
        await using var scans = new ScanService(cache, [scanner]);
        const long length = (4L << 30) + 7;
        ScanOutcome outcome = await scans.SubmitAsync(PipeReader.Create(new ZeroStream(length), new StreamPipeReaderOptions(bufferSize: 1 << 20)), null, null, TestContext.Current.CancellationToken);
        Assert.Equal(length, outcome.Key.Size);
        Assert.Equal(FileVerdictKind.Error, outcome.Verdict.Kind);
        Assert.Equal((0, 0, 0), (scanner.Scans, scans.SpoolMemoryBytes, scans.SpoolDiskBytes));
        Assert.Equal(1, scans.Counters.NotKept);
        await cache.DisposeAsync();
    }

    [Fact]
    public async Task ZipBombEndsWithAnAnswer()
    {
        using RealClamd? clamd = await RealClamd.StartAsync();
        if (clamd is null)
        {
            Assert.Skip(RealClamd.SkipReason);
        }

        using var bomb = new MemoryStream();
        using (var zip = new ZipArchive(bomb, ZipArchiveMode.Create, leaveOpen: true))
        {
            for (int i = 0; i < 3; i++)
            {
                using Stream entry = zip.CreateEntry($"zeros{i}").Open();
                new ZeroStream(150L << 20).CopyTo(entry);
            }
        }

        bomb.Position = 0;
        var cache = new BridgeGuard.Scanning.VerdictCache.FileVerdictCache(new BridgeGuard.Scanning.VerdictCache.CacheOptions());
        await using var scans = new ScanService(cache, [new ClamdScanner(new ScannerOptions { Kind = "clamd", Address = "unix:" + clamd!.SocketPath })]);
        var clock = Stopwatch.StartNew();
        ScanOutcome outcome = await scans.SubmitAsync(PipeReader.Create(bomb), null, null, TestContext.Current.CancellationToken);
        Assert.NotEqual(FileVerdictKind.Unknown, outcome.Verdict.Kind);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(35), $"{clock.Elapsed}"); // The pipeline's deadline is 30 s.
        await cache.DisposeAsync();
    }

    private sealed class ZeroStream(long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int read = (int)Math.Min(buffer.Length, _left);
            buffer[..read].Clear();
            _left -= read;
            return read;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
