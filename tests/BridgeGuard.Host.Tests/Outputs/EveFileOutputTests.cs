using System.Net.Sockets;
using System.Text;
using BridgeGuard.Engine.Events;
using BridgeGuard.Host.Tests.Scanning;
using BridgeGuard.Outputs;
using BridgeGuard.Outputs.EveFile;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class EveFileOutputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task EventsOfAllRingsReachTheFileAsLines()
    {
        EventRing[] rings = [new(), new()];
        await using (var pump = new OutputPump(rings, [new EveFileOutput(Options())]))
        {
            pump.Start();
            Parallel.For(0, 2, worker =>
            {
                for (uint i = 0; i < 5000; i++)
                {
                    while (!rings[worker].TryWrite(TestEvents.Alert(i), TestEvents.Json(i)))
                    {
                        Thread.Sleep(1);
                    }
                }
            });
        }

        string[] lines = await File.ReadAllLinesAsync(_folder.File("eve.json"), TestContext.Current.CancellationToken);
        Assert.Equal(10_000, lines.Length);
        Assert.Equal(5000, lines.Distinct().Count());
    }

    [Fact]
    public async Task LineIsReadableSoonOnAnIdleHost()
    {
        var ring = new EventRing();
        await using var pump = new OutputPump([ring], [new EveFileOutput(Options())]);
        pump.Start();
        ring.Write(TestEvents.Alert(1), TestEvents.Json(1));
        await TestEvents.WaitAsync(() => new FileInfo(_folder.File("eve.json")).Length > 0, seconds: 2);
    }

    [Fact]
    public async Task RotatedFileIsReopenedAndNothingIsLost()
    {
        await using (var output = new EveFileOutput(Options()))
        {
            Write(output, 1);
            output.EndBatch(isIdle: true);
            File.Move(_folder.File("eve.json"), _folder.File("eve.json.1"));
            Write(output, 2);
            output.Reopen();
            output.EndBatch(isIdle: false);
            Assert.True(File.Exists(_folder.File("eve.json")));
            Write(output, 3);
        }

        Assert.Equal([1, 2], Numbers("eve.json.1"));
        Assert.Equal([3], Numbers("eve.json"));
    }

    [Fact]
    public async Task CopyTruncateLeavesNoHole()
    {
        await using (var output = new EveFileOutput(Options()))
        {
            Write(output, 1);
            output.EndBatch(isIdle: true);
            using (FileStream file = new(_folder.File("eve.json"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            {
                file.SetLength(0);
            }

            Write(output, 2);
        }

        Assert.Equal([2], Numbers("eve.json"));
    }

    [Fact]
    public async Task TornLastLineOfAKilledProcessIsNotContinued()
    {
        await File.WriteAllTextAsync(_folder.File("eve.json"), "{\"n\":0}\n{\"torn", TestContext.Current.CancellationToken);
        await using (var output = new EveFileOutput(Options()))
        {
            Write(output, 1);
        }

        string[] lines = await File.ReadAllLinesAsync(_folder.File("eve.json"), TestContext.Current.CancellationToken);
        Assert.Equal(3, lines.Length);
        Assert.Equal(Encoding.UTF8.GetString(TestEvents.Json(1)), lines[2]);
    }

    [Fact]
    public async Task WithoutAppendTheFileIsEmptiedAtStartButNotAtReopen()
    {
        await File.WriteAllTextAsync(_folder.File("eve.json"), "old\n", TestContext.Current.CancellationToken);
        await using (var output = new EveFileOutput(Options() with { Append = false }))
        {
            Write(output, 1);
            output.Reopen();
            output.EndBatch(isIdle: true);
            Write(output, 2);
            output.EndBatch(isIdle: true);
        }

        Assert.Equal([1, 2], Numbers("eve.json"));
    }

    [Fact]
    public async Task FullDiskKeepsThenDropsThenGoesOnWithoutATornLine()
    {
        Assert.SkipUnless(File.Exists("/dev/full") && Environment.UserName == "root", "needs root for a small tmpfs");
        using var disk = new SmallDisk(_folder.File("disk"), "64k");
        Assert.SkipUnless(disk.IsMounted, "a tmpfs cannot be mounted here");
        await using (var output = new EveFileOutput(Options() with
        {
            Path = Path.Combine(disk.Path, "eve.json"),
            BufferBytes = 4096,
            MaxPendingBytes = 100_000,
            RetryInterval = TimeSpan.Zero,
        }))
        {
            for (int i = 0; i < 5000; i++)
            {
                Write(output, i);
                output.EndBatch(isIdle: true);
            }

            Assert.True(output.Counters.Failures > 0);
            Assert.True(output.Counters.Dropped > 0);
            Assert.InRange(output.PendingBytes, 1, 100_000);
            disk.Resize("8m");
            output.EndBatch(isIdle: true);
            Assert.Equal(0, output.PendingBytes);
            Write(output, 99_999);
            output.EndBatch(isIdle: true);
            Assert.Equal(5001, output.Counters.Events + output.Counters.Dropped);
        }

        long[] numbers = [.. File.ReadLines(Path.Combine(disk.Path, "eve.json")).Select(Number)];
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal(numbers.Distinct().Count(), numbers.Length);
        Assert.Equal(99_999, numbers[^1]);
    }

    [Fact]
    public async Task UnixSocketGetsWholeLinesAgainAfterItsReaderCameBack()
    {
        string path = _folder.File("eve.sock");
        await using var output = new EveFileOutput(Options() with { Path = path, Type = EveFileType.UnixStream, RetryInterval = TimeSpan.Zero });
        Write(output, 1);
        output.EndBatch(isIdle: true); // Nobody listens yet: kept.
        Assert.Equal(1, output.Counters.Failures);

        using (Socket listener = Listen(path))
        {
            output.EndBatch(isIdle: true);
            using Socket reader = await listener.AcceptAsync(TestContext.Current.CancellationToken);
            Assert.Equal(Encoding.UTF8.GetString(TestEvents.Json(1)) + "\n", await ReceiveAsync(reader));
        }

        File.Delete(path);
        for (int i = 2; output.Counters.Failures < 2; i++)
        {
            Write(output, i);
            output.EndBatch(isIdle: true);
        }

        using Socket again = Listen(path);
        Write(output, 1_000_000);
        output.EndBatch(isIdle: true);
        using Socket second = await again.AcceptAsync(TestContext.Current.CancellationToken);
        string text = await ReceiveAsync(second);
        Assert.All(text.TrimEnd('\n').Split('\n'), line => Number(line));
        Assert.Contains("1000000", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReaderThatDoesNotReadHoldsUpNobody()
    {
        string path = _folder.File("eve.sock");
        using Socket listener = Listen(path);
        var output = new EveFileOutput(Options() with { Path = path, Type = EveFileType.UnixStream, BufferBytes = 4096, MaxPendingBytes = 50_000 });
        long before = Environment.TickCount64;
        for (int i = 0; i < 50_000; i++)
        {
            Write(output, i);
        }

        Assert.InRange(Environment.TickCount64 - before, 0, 5000);
        Assert.True(output.Counters.Dropped > 0);
        Assert.InRange(output.PendingBytes, 0, 50_000);
        await output.DisposeAsync();
        Assert.Equal(50_000, output.Counters.Events + output.Counters.Dropped);
    }

    [Fact]
    public async Task DatagramSocketGetsOneLineEach()
    {
        string path = _folder.File("eve.dgram");
        using var reader = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        reader.Bind(new UnixDomainSocketEndPoint(path));
        await using var output = new EveFileOutput(Options() with { Path = path, Type = EveFileType.UnixDatagram });
        Write(output, 1);
        Write(output, 2);
        output.EndBatch(isIdle: true);
        Assert.Equal(Encoding.UTF8.GetString(TestEvents.Json(1)), await ReceiveAsync(reader));
        Assert.Equal(Encoding.UTF8.GetString(TestEvents.Json(2)), await ReceiveAsync(reader));
    }

    [Fact]
    public void FileThatCannotBeMadeIsToldAtStart() =>
        Assert.ThrowsAny<IOException>(() => new EveFileOutput(Options() with { Path = _folder.File("absent/eve.json") }));

    [Theory]
    [InlineData(EventKind.Alert, 1, true, true)]
    [InlineData(EventKind.Alert, 2, true, true)]
    [InlineData(EventKind.Alert, 3, true, false)]
    [InlineData(EventKind.Alert, 1, false, false)]
    [InlineData(EventKind.Flow, 0, true, false)]
    public void FilterSelectsByKindSeverityAndAction(EventKind kind, byte severity, bool isDropped, bool matches)
    {
        var filter = new EventFilter { Kinds = [EventKind.Alert, EventKind.Drop], MaxSeverity = 2, OnlyDropped = true };
        Assert.Equal(matches, filter.Matches(new EventHeader { Kind = kind, Severity = severity, IsDropped = isDropped }));
        Assert.True(new EventFilter().Matches(new EventHeader { Kind = kind }));
        Assert.False(new EventFilter { SignatureIds = new HashSet<uint> { 5 } }.Matches(new EventHeader { SignatureId = 6 }));
    }

    private EveFileOptions Options() => new() { Name = "eve", Path = _folder.File("eve.json") };

    private static void Write(EveFileOutput output, long number) => output.Write(TestEvents.Alert((uint)number), TestEvents.Json(number));

    private long[] Numbers(string file) => [.. File.ReadLines(_folder.File(file)).Select(Number)];

    private static long Number(string line) => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("n").GetInt64();

    private static Socket Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(1);
        return listener;
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        byte[] buffer = new byte[1 << 20];
        int read = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(buffer, 0, read);
    }
}
