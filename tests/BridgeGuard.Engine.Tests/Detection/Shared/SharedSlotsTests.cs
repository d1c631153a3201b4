using BridgeGuard.Engine.Detection.Shared;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Shared;

public sealed class SharedSlotsTests
{
    [Fact]
    public void AKeyKeepsItsSlotAndState()
    {
        var slots = new SharedSlots(64);
        Assert.True(slots.IsEmpty);
        Assert.Equal(-1, slots.Find(7));
        int slot = slots.FindOrAdd(7, nowUs: 0);
        Assert.True(slots.TryChange(slot, 0, 42));
        Assert.False(slots.TryChange(slot, 0, 43));
        Assert.Equal(slot, slots.FindOrAdd(7, nowUs: 5));
        Assert.Equal(42, slots.Read(slots.Find(7)));
    }

    [Fact]
    public void AFullTableRefusesAndCounts()
    {
        var slots = new SharedSlots(64);
        int added = 0;
        for (ulong key = 1; key <= 1000; key++)
        {
            int slot = slots.FindOrAdd(key * 0x9e37_79b9_7f4a_7c15, nowUs: 0);
            if (slot >= 0)
            {
                slots.SetExpiry(slot, 10);
                added++;
            }
        }

        Assert.Equal(64, added);
        Assert.Equal(1000 - added, slots.Refused);
    }

    [Fact]
    public void WhatHasExpiredMakesRoomAndLeavesNothingBehind()
    {
        var slots = new SharedSlots(16);
        for (ulong key = 1; key <= 16; key++)
        {
            int old = slots.FindOrAdd(key << 33 | key, nowUs: 0);
            slots.TryChange(old, 0, 99);
            slots.SetExpiry(old, 10);
        }

        Assert.Equal(-1, slots.FindOrAdd(77, nowUs: 10));
        int slot = slots.FindOrAdd(77, nowUs: 11);
        Assert.True(slot >= 0);
        Assert.Equal(0, slots.Read(slot));
    }

    [Fact]
    public void ChangesOfManyThreadsAddUp()
    {
        var slots = new SharedSlots(4096);
        const int each = 20_000;
        const int keys = 50;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            for (int i = 0; i < each; i++)
            {
                int slot = slots.FindOrAdd((ulong)(i % keys) * 0x9e37_79b9_7f4a_7c15, nowUs: 0);
                slots.SetExpiry(slot, long.MaxValue);
                while (true)
                {
                    long state = slots.Read(slot);
                    if (slots.TryChange(slot, state, state + 1))
                    {
                        break;
                    }
                }
            }
        });
        for (int key = 0; key < keys; key++)
        {
            Assert.Equal(4 * each / keys, slots.Read(slots.Find((ulong)key * 0x9e37_79b9_7f4a_7c15)));
        }
    }

    [Fact]
    public void AThresholdFitsOneWord()
    {
        var word = new ThresholdWord { StartUs = 1_700_000_000_123_456, Count = 12_345, IsBlocked = true };
        ThresholdWord read = ThresholdWord.Unpack(word.Pack());
        Assert.Equal(12_345U, read.Count);
        Assert.True(read.IsBlocked && read.IsUsed);
        Assert.True(read.IsWithin(1_700_000_000_123_456 + 60_000_000, 60_000_000));
        Assert.False(read.IsWithin(1_700_000_000_123_456 + 60_000_001, 60_000_000));
        Assert.True(read.IsWithin(1_700_000_000_123_456 - 1, 60_000_000));
        Assert.False(ThresholdWord.Unpack(0).IsUsed);
    }
}
