using BridgeGuard.Attachments;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments;

/// <summary>What every attachment promises whose frames a test can choose; the wire ones add what only a kernel can show.</summary>
public abstract class AttachmentContractTests
{
    /// <summary>An attachment that will bring exactly these frames.</summary>
    private protected abstract IAttachment Create(IReadOnlyList<byte[]> frames, ScratchFolder scratch);

    /// <summary>It sees copies, or carries no verdict out: whatever the engine says, every frame goes on as it came and nothing else is sent.</summary>
    private protected virtual bool IsPassive => false;

    /// <summary>Bytes at a frame's beginning that the kernel does not tell the attachment.</summary>
    private protected virtual int UntoldBytes => 0;

    /// <summary>A port that frames can be injected at.</summary>
    private protected virtual ushort InjectPort => 7;

    private byte[][] Frames(int count) => [.. Enumerable.Range(0, count).Select(i => Frame((byte)i))];

    /// <summary>A frame of 60 bytes that ends with the mark; of a protocol that the attachment sees.</summary>
    private protected virtual byte[] Frame(byte mark) => [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x06, .. Enumerable.Repeat(mark, 46)];

    private AttachmentStats RunAll(IReadOnlyList<byte[]> frames, IFrameProcessor processor, AttachmentHooks? hooks = null)
    {
        using ScratchFolder scratch = new();
        using IAttachment attachment = Create(frames, scratch);
        Assert.Null(attachment.Open());
        Assert.Null(attachment.Run(_ => processor, hooks ?? AttachmentHooks.None, TestContext.Current.CancellationToken));
        return attachment.Stats;
    }

    [Fact]
    public void FramesArriveWholeAndInOrder()
    {
        ScriptedProcessor processor = new();
        byte[][] frames = Frames(5);
        RunAll(frames, processor);
        Assert.Equal(frames.Select(frame => frame[UntoldBytes..]), processor.Seen.Select(seen => seen.Frame[UntoldBytes..]));
    }

    [Fact]
    public void PassedFramesLeaveAndDroppedOnesDoNot()
    {
        ScriptedProcessor processor = new((frame, _) => frame[^1] == 2 ? new Verdict { Action = VerdictAction.Drop } : Verdict.Pass);
        CollectingSink sink = new();
        AttachmentStats stats = RunAll(Frames(4), processor, new AttachmentHooks { Sink = sink });
        Assert.All(sink.Delivered, delivered => Assert.Equal(DeliveryKind.Forwarded, delivered.Kind));
        int[] expected = IsPassive ? [0, 1, 2, 3] : [0, 1, 3];
        Assert.Equal(expected, sink.Delivered.Select(delivered => (int)delivered.Frame[^1]));
        Assert.Equal(4, stats.Frames);
        if (!IsPassive)
        {
            Assert.Equal((3, 1), (stats.Passed, stats.Dropped));
        }
    }

    [Fact]
    public void ARewrittenFrameLeavesRewritten()
    {
        CollectingSink sink = new();
        RunAll(Frames(1), new RewritingProcessor(), new AttachmentHooks { Sink = sink });
        Assert.Equal(IsPassive ? 0 : 0xEE, sink.Delivered.Single().Frame[^1]);
    }

    [Fact]
    public void InjectedFramesLeaveByThePortTheyName()
    {
        ScriptedProcessor processor = null!;
        processor = new ScriptedProcessor((_, _) =>
        {
            Assert.True(processor.Injector.TryAdd(60, InjectPort, InjectDirection.ToPort, out Span<byte> made));
            made.Fill(0xAB);
            return new Verdict { Action = VerdictAction.Drop };
        });
        CollectingSink sink = new();
        AttachmentStats stats = RunAll(Frames(1), processor, new AttachmentHooks { Sink = sink });
        (byte[] frame, DeliveryKind kind, ushort port) = sink.Delivered.Single();
        if (IsPassive)
        {
            Assert.Equal((DeliveryKind.Forwarded, 0, 0), (kind, (int)frame[^1], (int)stats.Injected));
            Assert.Equal(0, processor.Injector.Count);
            return;
        }

        Assert.Equal((60, DeliveryKind.InjectedToPort, InjectPort), (frame.Length, kind, port));
        Assert.Equal((1, 0), (stats.Injected, processor.Injector.Count));
    }

    [Fact]
    public void ACancelledRunStopsEarly()
    {
        using CancellationTokenSource stop = new();
        ScriptedProcessor processor = new((_, info) =>
        {
            stop.Cancel();
            return Verdict.Pass;
        });
        using ScratchFolder scratch = new();
        using IAttachment attachment = Create(Frames(50), scratch);
        Assert.Null(attachment.Open());
        Assert.Null(attachment.Run(_ => processor, AttachmentHooks.None, stop.Token));
        Assert.InRange(processor.Seen.Count, 1, 49);
    }

    [Fact]
    public void ReadyIsSaidOnceBeforeTheFirstFrame()
    {
        int ready = 0;
        int readyAtFrame = -1;
        ScriptedProcessor processor = new((_, _) =>
        {
            readyAtFrame = ready;
            return Verdict.Pass;
        });
        RunAll(Frames(1), processor, new AttachmentHooks { Ready = () => ready++ });
        Assert.Equal((1, 1), (ready, readyAtFrame));
    }

    [Fact]
    public void NothingIsAllocatedPerFrame()
    {
        RunAll(Frames(200), new PassingProcessor());
        PassingProcessor processor = new();
        RunAll(Frames(200), processor);
        Assert.Equal(200, processor.Frames);
        Assert.Equal(0, processor.AllocatedAtLast - processor.AllocatedAtFirst);
    }

    private sealed class RewritingProcessor : IFrameProcessor
    {
        public FrameInjector Injector { get; } = new();

        public Verdict Process(byte[] buffer, int offset, int length, in FrameInfo info)
        {
            buffer[offset + length - 1] = 0xEE;
            return new Verdict { Modified = true };
        }

        public void Tick(long nowUs)
        {
        }
    }
}
