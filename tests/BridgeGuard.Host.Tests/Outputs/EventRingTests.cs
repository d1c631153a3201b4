using System.Text;
using BridgeGuard.Engine.Events;
using Xunit;

namespace BridgeGuard.Host.Tests.Outputs;

public sealed class EventRingTests
{
    [Fact]
    public void EventsComeOutInOrderWithHeaderAndBytes()
    {
        var ring = new EventRing(EventRing.MinCapacityBytes);
        Assert.True(ring.TryWrite(Header(7), "{\"a\":1}"u8));
        Assert.True(ring.TryWrite(Header(8), default));

        Assert.True(ring.TryPeek(out EventHeader header, out ReadOnlySpan<byte> json));
        Assert.Equal(7u, header.SignatureId);
        Assert.Equal("{\"a\":1}", Encoding.UTF8.GetString(json));
        ring.Advance();
        Assert.True(ring.TryPeek(out header, out json));
        Assert.Equal(8u, header.SignatureId);
        Assert.True(json.IsEmpty);
        ring.Advance();
        Assert.False(ring.TryPeek(out _, out _));
        Assert.Equal(0, ring.UsedBytes);
    }

    [Fact]
    public void FullRingDropsAndCountsAndGoesOnAfterDraining()
    {
        var ring = new EventRing(EventRing.MinCapacityBytes);
        byte[] json = new byte[500];
        int accepted = 0;
        while (ring.TryWrite(Header((uint)accepted), json))
        {
            accepted++;
        }

        Assert.InRange(accepted, 6, 8);
        Assert.Equal(1, ring.Dropped);
        Assert.Equal(accepted, ring.Written);
        for (uint i = 0; i < accepted; i++)
        {
            Assert.True(ring.TryPeek(out EventHeader header, out _));
            Assert.Equal(i, header.SignatureId);
            ring.Advance();
        }

        Assert.True(ring.TryWrite(Header(99), json));
    }

    [Fact]
    public void LongestAcceptedEventFitsAndOneByteMoreIsCounted()
    {
        var ring = new EventRing(EventRing.MinCapacityBytes);
        Assert.True(ring.TryWrite(Header(1), new byte[ring.MaxJsonBytes]));
        Assert.False(ring.TryWrite(Header(2), new byte[ring.MaxJsonBytes + 1]));
        Assert.Equal(1, ring.TooLong);
        Assert.Equal(0, ring.Dropped);
    }

    [Fact]
    public void ProducerAndConsumerOnTwoThreadsLoseNothingButWhatIsCounted()
    {
        const uint Events = 200_000;
        var ring = new EventRing(1 << 16);
        var producer = new Thread(() =>
        {
            byte[] json = new byte[300];
            var random = new Random(1);
            for (uint i = 1; i <= Events; i++)
            {
                int length = 4 + random.Next(290);
                json.AsSpan(0, length).Fill((byte)i);
                BitConverter.TryWriteBytes(json, i);
                ring.Write(Header(i), json.AsSpan(0, length));
            }
        });
        producer.Start();

        uint last = 0;
        long seen = 0;
        while (producer.IsAlive || ring.UsedBytes > 0)
        {
            while (ring.TryPeek(out EventHeader header, out ReadOnlySpan<byte> json))
            {
                Assert.True(header.SignatureId > last);
                last = header.SignatureId;
                Assert.Equal(last, BitConverter.ToUInt32(json));
                Assert.Equal(-1, json[4..].IndexOfAnyExcept((byte)last));
                seen++;
                ring.Advance();
            }
        }

        producer.Join();
        Assert.Equal(Events, seen + ring.Dropped);
        Assert.Equal(seen, ring.Written);
    }

    [Fact]
    public void WritingAllocatesNothing()
    {
        var ring = new EventRing();
        byte[] json = new byte[200];
        ring.Write(Header(1), json);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            ring.Write(Header(1), json);
            ring.TryPeek(out _, out _);
            ring.Advance();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static EventHeader Header(uint sid) => new() { Kind = EventKind.Alert, SignatureId = sid, Severity = 1, TimestampUs = sid };
}
