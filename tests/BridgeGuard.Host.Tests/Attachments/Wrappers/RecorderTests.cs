using BridgeGuard.Attachments;
using BridgeGuard.Attachments.InMemory;
using BridgeGuard.Attachments.Offline;
using BridgeGuard.Attachments.Wrappers;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Wrappers;

public sealed class RecorderTests : IDisposable
{
    private readonly ScratchFolder _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void WhatIsRecordedReplaysAsItCameAndTheVerdictIsTheInnerOne()
    {
        string path = Path.Combine(_scratch.Path, "out.pcap");
        ScriptedProcessor inner = new((_, _) => new Verdict { Action = VerdictAction.Drop });
        AttachmentStats stats = Record(inner, path, long.MaxValue, 3, out long leftOut);
        Assert.Equal((3, 0), (stats.Dropped, leftOut));
        ScriptedProcessor again = new();
        using OfflineAttachment offline = new(new OfflineOptions { Paths = [path] });
        Assert.Null(offline.Open() ?? offline.Run(_ => again, AttachmentHooks.None, TestContext.Current.CancellationToken));
        Assert.Equal(inner.Seen.Select(seen => seen.Frame), again.Seen.Select(seen => seen.Frame));
        Assert.Equal(inner.Seen.Select(seen => seen.Info.TimestampUs), again.Seen.Select(seen => seen.Info.TimestampUs));
    }

    [Fact]
    public void AtItsLimitItStopsWritingAndGoesOnJudging()
    {
        ScriptedProcessor inner = new();
        Record(inner, Path.Combine(_scratch.Path, "out.pcap"), (16 + 60) * 2, 5, out long leftOut);
        Assert.Equal((5, 3), (inner.Seen.Count, leftOut));
    }

    [Fact]
    public void AFileThatCannotBeMadeIsAnError()
    {
        AttachmentError? error = Recorder.TryCreate(new ScriptedProcessor(), "/nonexistent/x.pcap", LinkType.Ethernet, 1000, out Recorder? recorder);
        Assert.NotNull(error);
        Assert.Null(recorder);
    }

    private static AttachmentStats Record(ScriptedProcessor inner, string path, long limitBytes, int frames, out long leftOut)
    {
        Assert.Null(Recorder.TryCreate(inner, path, LinkType.Ethernet, limitBytes, out Recorder? recorder));
        using (recorder)
        {
            InMemoryFrame[] feed = [.. Enumerable.Range(0, frames).Select(i => new InMemoryFrame(
                [.. Enumerable.Repeat((byte)i, 60)], new FrameInfo { LinkType = LinkType.Ethernet, TimestampUs = 1_700_000_000_000_000 + i }))];
            using InMemoryAttachment attachment = new(feed);
            Assert.Null(attachment.Open() ?? attachment.Run(_ => recorder!, AttachmentHooks.None, TestContext.Current.CancellationToken));
            leftOut = recorder!.LeftOut;
            return attachment.Stats;
        }
    }
}
