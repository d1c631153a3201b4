using BridgeGuard.Engine.Pools;
using BridgeGuard.Engine.Streams;
using Xunit;

namespace BridgeGuard.Engine.Tests.Pools;

/// <summary>What a worker makes when it begins serves a burst of traffic without the collector.</summary>
public sealed class FilledPoolTests
{
    [Fact]
    public void StreamsOfEverySizeFindTheirBlocks()
    {
        var pool = new SlabPool(256L << 20);
        pool.Fill();
        byte[]?[] rented = new byte[]?[(20 - 7 + 1) * 8];

        long before = GC.GetAllocatedBytesForCurrentThread();
        int count = 0;
        for (int size = SlabPool.SmallestBytes; size <= 1 << 20; size <<= 1)
        {
            for (int i = 0; i < 8; i++)
            {
                rented[count++] = pool.Rent(size - 1);
            }
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.All(rented, Assert.NotNull);
        Assert.Equal(rented.Sum(block => (long)block!.Length), pool.UsedBytes);
    }

    [Fact]
    public void ASmallCapIsNotSpentOnBlocksThatNobodyAskedFor()
    {
        var pool = new SlabPool(64 << 10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        pool.Fill();

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 64 << 10);
        Assert.NotNull(pool.Rent(32 << 10));
        Assert.Null(pool.Rent(64 << 10));
    }

    [Fact]
    public void GrowingBuffersTakeTheirArraysFromTheFilledCacheAndGiveThemBack()
    {
        Exception? failed = null;
        var thread = new Thread(start => failed = Record.Exception((Action)start!));
        thread.Start((Action)GrowAndReset);
        thread.Join();
        Assert.Null(failed);
    }

    private static void GrowAndReset()
    {
        BlockCache.Fill();
        var buffers = new ByteBuffer[16];
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i] = new ByteBuffer();
        }

        ReadOnlySpan<byte> piece = new byte[1000];
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 20; round++)
        {
            foreach (ByteBuffer buffer in buffers)
            {
                for (int i = 0; i < 60; i++)
                {
                    buffer.Append(piece);
                }
            }

            foreach (ByteBuffer buffer in buffers)
            {
                buffer.Reset();
            }
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
