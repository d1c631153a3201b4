using System.Security.Cryptography;
using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Daemon.Configuration.Suricata;
using BridgeGuard.Daemon.Keeping;
using BridgeGuard.Engine.Events;
using BridgeGuard.Engine.Files;
using BridgeGuard.Engine.Packets;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace BridgeGuard.Host.Tests.Keeping;

/// <summary>The way of a file from a worker through a ring to the disk.</summary>
public sealed class WorkerKeepingTests : IDisposable
{
    private const long Generation = 1_700_000_000_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("bg-keeping").FullName;
    private readonly EventRing _ring = new(1 << 19);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void AFileInPiecesIsOneFile()
    {
        WorkerKeeping worker = Worker();
        byte[] content = Content(200_000);
        FileHandle file = worker.Open();
        Assert.True(worker.Append(file, content.AsSpan(0, 150_000)));
        Assert.True(worker.Append(file, content.AsSpan(150_000)));
        Assert.Equal(1u, worker.Close(file, keep: true, SHA256.HashData(content)));
        KeepingOutput output = Drain();
        Assert.Equal(1, output.FilesStored);
        Assert.Equal(content, File.ReadAllBytes(Assert.Single(Stored())));
    }

    [Fact]
    public void AnEmptyFileIsKeptAndAnUnwantedOneIsNot()
    {
        WorkerKeeping worker = Worker();
        Assert.Equal(1u, worker.Close(worker.Open(), keep: true, SHA256.HashData([])));
        FileHandle unwanted = worker.Open();
        worker.Append(unwanted, "x"u8);
        Assert.Equal(0u, worker.Close(unwanted, keep: false, default));
        Drain();
        Assert.Empty(File.ReadAllBytes(Assert.Single(Stored())));
        Assert.Empty(Temporary());
    }

    [Fact]
    public void WithoutRoomTheFileIsLostAndCountedAndTheNextIsKept()
    {
        WorkerKeeping worker = Worker();
        byte[] large = Content(1 << 20);
        FileHandle lost = worker.Open();
        Assert.False(worker.Append(lost, large));
        while (_ring.TryAppend(new EventHeader(), default))
        {
            // Not even its end finds room.
        }

        Assert.Equal(0u, worker.Close(lost, keep: true, SHA256.HashData(large)));
        Assert.Equal(1, worker.Lost);
        KeepingOutput output = Drain();
        Assert.Single(Temporary());
        byte[] small = Content(1000);
        FileHandle next = worker.Open();
        Assert.Empty(Settled(output));
        Assert.True(worker.Append(next, small));
        Assert.Equal(1u, worker.Close(next, keep: true, SHA256.HashData(small)));
        Drain(output);
        Assert.Equal(small, File.ReadAllBytes(Assert.Single(Stored())));
        Assert.Equal(0, output.FileErrors);

        string[] Settled(KeepingOutput output)
        {
            Drain(output);
            return Temporary();
        }
    }

    [Fact]
    public void ManyLostOnesOweTheirEndsAndAllSlotsComeBack()
    {
        WorkerKeeping worker = Worker(maxOpenFiles: 4);
        for (int round = 0; round < 20; round++)
        {
            FileHandle[] files = [worker.Open(), worker.Open(), worker.Open(), worker.Open()];
            Assert.All(files, file => Assert.False(file.IsNone));
            Assert.True(worker.Open().IsNone);
            foreach (FileHandle file in files)
            {
                worker.Append(file, Content(200_000));
            }

            foreach (FileHandle file in files)
            {
                worker.Close(file, keep: true, new byte[32]);
            }

            Drain();
            Drain();
        }

        Assert.Equal(20, worker.Refused);
    }

    [Fact]
    public void APieceThatComesTwiceDoesNoHarmAndOneThatIsMissingCostsTheFile()
    {
        using KeptFiles first = Files();
        first.Append(7, 0, "abc"u8);
        first.Dispose(); // A daemon that dies; the next one sees its last piece again.
        using KeptFiles next = Files();
        next.Append(7, 0, "abc"u8);
        next.Append(7, 3, "def"u8);
        next.End(7, 6, isKept: true, SHA256.HashData("abcdef"u8));
        Assert.Equal("abcdef", File.ReadAllText(Assert.Single(Stored())));
        next.Append(8, 0, "abc"u8);
        next.Append(8, 5, "x"u8);
        next.Append(8, 3, "de"u8);
        next.End(8, 6, isKept: true, SHA256.HashData("abcdex"u8));
        Assert.Equal((1, 1), (next.Stored, next.Errors));
        Assert.Empty(Temporary());
    }

    [Fact]
    public void WhatADataPlaneThatIsGoneHasBegunIsRemoved()
    {
        using KeptFiles files = Files();
        ulong dead = KeptFile.Number(1, 0, 1);
        ulong alive = KeptFile.Number(2, 0, 1);
        files.Append(dead, 0, "x"u8);
        files.Append(alive, 0, "y"u8);
        files.Forget(generation => generation == 1);
        Assert.Single(Temporary());
        files.End(alive, 1, isKept: true, SHA256.HashData("y"u8));
        Assert.Single(Stored());
    }

    [Fact]
    public void NothingIsAllocatedPerPiece()
    {
        WorkerKeeping worker = Worker();
        byte[] piece = Content(1460);
        byte[] digest = new byte[32];
        for (int i = 0; i < 2; i++)
        {
            Cycle();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            Cycle();
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Cycle()
        {
            FileHandle file = worker.Open();
            worker.Append(file, piece);
            worker.Close(file, keep: true, digest);
            while (_ring.TryPeek(out _, out _))
            {
                _ring.Advance();
            }
        }
    }

    [Fact]
    public void AFrameLogEndsFilesWithWholeRecordsAndGoesOnAfterAFailure()
    {
        long now = 0;
        var options = new PacketLogOptions { Path = Path.Combine(_folder, "x", "log.pcap"), LimitBytes = 2000 };
        File.WriteAllText(Path.Combine(_folder, "x"), "in the way");
        using PacketLogFiles log = new(options, () => now);
        log.Append(1_000_000, LinkType.Ethernet, Content(500));
        Assert.Equal((0, 1), (log.Written, log.Lost));
        File.Delete(Path.Combine(_folder, "x"));
        log.Append(2_000_000, LinkType.Ethernet, Content(500));
        Assert.Equal(2, log.Lost); // Not tried again so soon.
        now = PacketLogFiles.RetryMs;
        for (int i = 0; i < 5; i++)
        {
            log.Append(3_000_000 + i, LinkType.Ethernet, Content(500));
        }

        log.Dispose();
        Assert.Equal((5, 2), (log.Written, log.Lost));
        Assert.Equal(
            [("log.pcap.3", 24 + (3 * 516)), ("log.pcap.3.3", 24 + (2 * 516))],
            Directory.GetFiles(Path.Combine(_folder, "x")).Order(StringComparer.Ordinal).Select(file => (Path.GetFileName(file), (int)new FileInfo(file).Length)));
    }

    private static byte[] Content(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i * 7))];

    private WorkerKeeping Worker(int maxOpenFiles = 10) => new(_ring, Generation, 0, 1, maxOpenFiles);

    private KeptFiles Files() => new(new FileStoreSettings { Folder = _folder });

    private KeepingOutput Drain(KeepingOutput? output = null)
    {
        output ??= new KeepingOutput(new KeepingModel { Files = new FileStoreSettings { Folder = _folder } }, NullLogger.Instance);
        while (_ring.TryPeek(out EventHeader header, out ReadOnlySpan<byte> bytes))
        {
            output.Write(in header, bytes);
            _ring.Advance();
        }

        return output;
    }

    private string[] Stored() => [.. Directory.GetFiles(_folder, "*", SearchOption.AllDirectories).Where(file => !file.Contains("/tmp/file.", StringComparison.Ordinal))];

    private string[] Temporary() => Directory.Exists(Path.Combine(_folder, "tmp")) ? Directory.GetFiles(Path.Combine(_folder, "tmp")) : [];
}
