using BridgeGuard.Engine.Protocols.Frames;
using Xunit;

namespace BridgeGuard.Engine.Tests.Protocols.Frames;

public sealed class FrameListTests
{
    [Fact]
    public void FramesAreNumberedFromOneAndClosedByNumber()
    {
        var frames = new FrameList();
        uint open = frames.Open(0, 10, Frame.OpenEnded);
        uint known = frames.Open(1, 20, 5);
        frames.Close(open, 17);
        frames.SetTransaction(known, 3);
        Assert.Equal((1u, 2u), (open, known));
        Assert.Equal((7L, 17L, false), (frames[0].Length, frames[0].End, frames[0].HasTransaction));
        Assert.Equal((25L, true, 3UL), (frames[1].End, frames[1].HasTransaction, frames[1].TransactionId));
    }

    [Fact]
    public void AtTheLimitFramesAreCountedAndNotKept()
    {
        var frames = new FrameList();
        for (int i = 0; i < FrameList.MaxFrames; i++)
        {
            Assert.NotEqual(0u, frames.Open(0, i, 1));
        }

        Assert.Equal(0u, frames.Open(0, 0, 1));
        frames.Close(0, 9);
        Assert.Equal((FrameList.MaxFrames, 1L), (frames.Count, frames.Refused));
    }

    [Fact]
    public void OnlyFramesThatWereInspectedAndWrittenGo()
    {
        var frames = new FrameList();
        for (int i = 0; i < 4; i++)
        {
            frames.Open(i, 100 * i, 50);
            frames[i].IsInspected = (i & 1) != 0;
            frames[i].IsLogged = (i & 2) != 0;
        }

        frames.Prune();
        Assert.Equal(3, frames.Count);
        Assert.Equal(0, frames.NeededFrom(overlap: 0));
        Assert.Equal(3u, frames[2].Id);
    }

    [Fact]
    public void BytesAreNeededFromALittleBeforeThePlaceReached()
    {
        var frames = new FrameList();
        frames.Open(0, 1000, Frame.OpenEnded);
        frames[0].Seen = 500;
        Assert.Equal(1000, frames.NeededFrom(overlap: 100)); // It will be written from its start.
        frames[0].IsLogged = true;
        Assert.Equal(1400, frames.NeededFrom(overlap: 100));
        Assert.Equal(1000, frames.NeededFrom(overlap: 1000));
        frames[0].IsInspected = true;
        Assert.Equal(long.MaxValue, frames.NeededFrom(overlap: 100));
    }
}
