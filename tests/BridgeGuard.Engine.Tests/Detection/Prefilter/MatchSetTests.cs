using BridgeGuard.Engine.Detection.Prefilter;
using Xunit;

namespace BridgeGuard.Engine.Tests.Detection.Prefilter;

public sealed class MatchSetTests
{
    [Fact]
    public void AnIdEntersOnce()
    {
        var set = new MatchSet(100);
        Assert.True(set.Add(99));
        Assert.False(set.Add(99));
        Assert.True(set.Add(0));
        Assert.Equal([99, 0], set.Ids.ToArray());
    }

    [Fact]
    public void AnIdBeyondTheCapacityIsCountedAndNotStored()
    {
        var set = new MatchSet(10);
        Assert.True(set.Add(9));
        Assert.False(set.Add(10));
        Assert.False(set.Add(-1));
        Assert.Equal(2, set.Rejected);
        Assert.Equal(1, set.Count);
    }

    [Fact]
    public void ClearForgetsEverything()
    {
        var set = new MatchSet(1000);
        for (int i = 0; i < 1000; i += 7)
        {
            set.Add(i);
        }
        set.Clear();
        Assert.Equal(0, set.Count);
        for (int i = 0; i < 1000; i++)
        {
            Assert.False(set.Contains(i));
        }
    }
}
