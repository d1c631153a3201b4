using BridgeGuard.Engine.Pools;
using Xunit;

namespace BridgeGuard.Engine.Tests.Pools;

public sealed class BoundedTableTests
{
    private const int Capacity = 4;

    private readonly BoundedTable<uint, Item> _table = new(Capacity);

    [Fact]
    public void WhatWasAddedIsFoundAndNothingElse()
    {
        Item added = _table.Add(7, out bool wasUsed);
        Assert.False(wasUsed);
        Assert.True(_table.TryFind(7, out Item found));
        Assert.Same(added, found);
        Assert.False(_table.TryFind(8, out _));
        Assert.Same(added, _table.Add(7, out wasUsed));
        Assert.True(wasUsed);
        Assert.Equal(1, _table.Count);
    }

    [Fact]
    public void UpToTheCapNothingIsLost()
    {
        Fill(Capacity);
        Assert.All(Enumerable.Range(0, Capacity), key => Assert.True(_table.TryFind((uint)key, out _)));
    }

    [Fact]
    public void OnePastTheCapTheOldestMakesRoom()
    {
        Fill(Capacity);
        _table.TryFind(0, out Item oldest);
        Assert.Same(oldest, _table.Add(100, out bool wasUsed));
        Assert.True(wasUsed);
        Assert.False(_table.TryFind(0, out _));
        Assert.True(_table.TryFind(1, out _));
        Assert.Equal(Capacity, _table.Count);
    }

    [Fact]
    public void WhatIsRemovedMakesRoomForTheNext()
    {
        Fill(Capacity);
        Assert.True(_table.Remove(2, out Item removed));
        Assert.False(_table.Remove(2, out _));
        Assert.False(_table.TryFind(2, out _));
        Assert.Same(removed, _table.Add(200, out bool wasUsed));
        Assert.False(wasUsed);
        Assert.True(_table.TryFind(0, out _));
        Assert.Equal(Capacity, _table.Count);
    }

    [Fact]
    public void AClearedTableIsEmptyAndItsObjectsHaveForgotten()
    {
        Fill(Capacity);
        _table.TryFind(3, out Item item);
        _table.Clear();
        Assert.Equal(0, _table.Count);
        Assert.False(_table.TryFind(3, out _));
        Assert.Equal(0, item.Value);
        Fill(1);
        Assert.True(_table.TryFind(0, out _));
    }

    /// <summary>Against a plain model: keys that collide, come again and go, in a fixed order of chance.</summary>
    [Fact]
    public void ItHoldsWhatAModelHolds()
    {
        const int cap = 16;
        var table = new BoundedTable<uint, Item>(cap);
        var model = new Dictionary<uint, int>();
        var random = new Random(20261127);
        for (int i = 1; i < 20_000; i++)
        {
            uint key = (uint)random.Next(12) << random.Next(0, 3) * 10;
            if (model.Count < cap && random.Next(3) > 0)
            {
                table.Add(key, out _).Value = i;
                model[key] = i;
            }
            else
            {
                Assert.Equal(model.Remove(key), table.Remove(key, out _));
            }

            Assert.Equal(model.Count, table.Count);
            bool isThere = model.TryGetValue(key, out int value);
            Assert.Equal(isThere, table.TryFind(key, out Item found));
            Assert.True(!isThere || found.Value == value);
        }
    }

    private void Fill(int count)
    {
        for (uint key = 0; key < count; key++)
        {
            _table.Add(key, out _).Value = 1;
        }
    }

    private sealed class Item : IReusable
    {
        public int Value { get; set; }

        public void Reset() => Value = 0;
    }
}
