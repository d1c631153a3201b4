using System.Collections.Concurrent;
using BridgeGuard.Engine.Events;
using BridgeGuard.Outputs;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class OutputPumpTests
{
    [Fact]
    public async Task EachOutputGetsWhatItsFilterSelects()
    {
        var ring = new EventRing();
        var all = new RecordingOutput(new EventFilter());
        var alerts = new RecordingOutput(new EventFilter { Kinds = [EventKind.Alert] });
        await using (var pump = new OutputPump([ring], [all, alerts]))
        {
            pump.Start();
            ring.Write(TestEvents.Alert(1), "{}"u8);
            ring.Write(new EventHeader { Kind = EventKind.Flow }, "{}"u8);
            await pump.DisposeAsync(); // And once more at the end of its block, as a container does that knows it by two names.
        }

        Assert.Equal([EventKind.Alert, EventKind.Flow], all.Kinds);
        Assert.Equal([EventKind.Alert], alerts.Kinds);
        Assert.True(all.IsDisposed);
        Assert.Equal(1, all.Disposals);
    }

    [Fact]
    public async Task OutputsAreExchangedBetweenTwoEvents()
    {
        var ring = new EventRing();
        var first = new RecordingOutput(new EventFilter());
        var second = new RecordingOutput(new EventFilter());
        await using (var pump = new OutputPump([ring], [first]))
        {
            pump.Start();
            Task writing = Task.Run(
                () =>
                {
                    for (uint i = 0; i < 20_000; i++)
                    {
                        ring.Write(TestEvents.Alert(i), "{}"u8);
                        Thread.SpinWait(20);
                    }
                },
                TestContext.Current.CancellationToken);
            await TestEvents.WaitAsync(() => pump.Events > 1000);
            pump.Change(outputs =>
            {
                Assert.Equal([first], outputs);
                return [second];
            });
            int before = first.Kinds.Count;
            Assert.Equal([second], pump.Outputs);
            await writing;
            await TestEvents.WaitAsync(() => pump.Events + pump.RingDropped == 20_000);
            Assert.Equal(before, first.Kinds.Count);
            Assert.Equal(pump.Events, first.Kinds.Count + second.Kinds.Count);
            Assert.Throws<InvalidOperationException>(() => pump.Change(_ => throw new InvalidOperationException("not today")));
            Assert.Equal([second], pump.Outputs);
        }

        Assert.True(second.IsDisposed);
    }

    [Fact]
    public async Task OutputThatThrowsDoesNotHurtTheOthers()
    {
        var ring = new EventRing();
        var good = new RecordingOutput(new EventFilter());
        await using (var pump = new OutputPump([ring], [new RecordingOutput(new EventFilter()) { Throws = true }, good]))
        {
            pump.Start();
            ring.Write(TestEvents.Alert(1), "{}"u8);
            ring.Write(TestEvents.Alert(2), "{}"u8);
            await TestEvents.WaitAsync(() => pump.Events == 2);
            Assert.Equal(2, pump.Faults);
        }

        Assert.Equal(2, good.Kinds.Count);
    }

    [Fact]
    public async Task WorkersDropAndGoOnWhileAnOutputHangs()
    {
        using var hang = new ManualResetEventSlim();
        var ring = new EventRing(EventRing.MinCapacityBytes);
        var output = new RecordingOutput(new EventFilter()) { Hang = hang };
        await using var pump = new OutputPump([ring], [output]);
        pump.Start();
        long before = Environment.TickCount64;
        for (uint i = 0; i < 100_000; i++)
        {
            ring.Write(TestEvents.Alert(i), "{}"u8);
        }

        Assert.InRange(Environment.TickCount64 - before, 0, 2000);
        Assert.True(pump.RingDropped > 90_000);
        hang.Set();
        await TestEvents.WaitAsync(() => output.Kinds.Count + pump.RingDropped == 100_000);
    }

    [Fact]
    public async Task ControlPlaneThreadsShareOneRing()
    {
        var shared = new SharedEventSink();
        var output = new RecordingOutput(new EventFilter());
        await using (var pump = new OutputPump([shared.Ring], [output]))
        {
            pump.Start();
            Parallel.For(0, 1000, i => shared.Write(TestEvents.Alert((uint)i), TestEvents.Json(i)));
        }

        Assert.Equal(1000, output.Kinds.Count);
    }

    [Fact]
    public void CatalogueIsAlphabeticalAndFindsItsKinds()
    {
        Assert.Equal(OutputCatalog.All.Select(kind => kind.Name).Order(StringComparer.Ordinal), OutputCatalog.All.Select(kind => kind.Name));
        Assert.NotNull(OutputCatalog.Find("webhook"));
        Assert.Null(OutputCatalog.Find("fax"));
    }

    private sealed class RecordingOutput(EventFilter filter) : IOutput
    {
        public ConcurrentQueue<EventKind> Kinds { get; } = new();

        public bool Throws { get; init; }

        public ManualResetEventSlim? Hang { get; init; }

        public bool IsDisposed => Disposals > 0;

        public int Disposals { get; private set; }

        public string Name => "recording";

        public EventFilter Filter => filter;

        public OutputCounters Counters { get; } = new();

        public void Write(in EventHeader header, ReadOnlySpan<byte> json)
        {
            Hang?.Wait();
            if (Throws)
            {
                throw new InvalidOperationException("as the test wants");
            }

            Kinds.Enqueue(header.Kind);
        }

        public void EndBatch(bool isIdle)
        {
        }

        public void Reopen()
        {
        }

        public ValueTask DisposeAsync()
        {
            Disposals++;
            return ValueTask.CompletedTask;
        }
    }
}
