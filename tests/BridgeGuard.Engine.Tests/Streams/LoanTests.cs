using System.Text;
using BridgeGuard.Engine.Flows;
using BridgeGuard.Engine.Packets;
using BridgeGuard.Engine.Settings;
using BridgeGuard.Engine.Streams;
using BridgeGuard.Engine.Worker;
using Xunit;

namespace BridgeGuard.Engine.Tests.Streams;

/// <summary>In-order data that is handed over at once goes to the application layer in the packet's own buffer.</summary>
public sealed class LoanTests
{
    private const uint ClientFirst = TcpBench.ClientIsn + 1;
    private const uint ServerFirst = TcpBench.ServerIsn + 1;
    private const int SegmentBytes = 1000;
    private const int Segments = 50;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void InlineAPlainTransferReachesTheParserWithoutACopy(bool acknowledgesAtOnce)
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        Transfer(bench, acknowledgesAtOnce);
        Assert.Equal(Segments * SegmentBytes, bench.Consumer.Bytes(Direction.ToServer).Length);
        Assert.Equal(Segments * SegmentBytes, bench.Consumer.Bytes(Direction.ToClient).Length);
        Assert.Equal(0, bench.Tracker.Reassembler.CopiedAheadBytes);

        // What is not acknowledged is kept, once, to be compared with another copy.
        Assert.Equal(2L * Segments * SegmentBytes, bench.Tracker.Reassembler.KeptBytes);
    }

    [Fact]
    public void TheParserGetsThePacketsOwnBytes()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bool same = false;
        Packet packet = bench.Maker.Make(Direction.ToServer, TcpFlags.Ack, ClientFirst, ServerFirst, "hello");
        bench.Consumer.OnSpan = data => same = packet.Buffer.AsSpan().Overlaps(data, out int at) && at == packet.PayloadOffset;
        bench.Send(packet);
        Assert.True(same);
    }

    [Fact]
    public void OfAOneSidedConnectionNothingIsCopiedAtAll()
    {
        TcpBench bench = new(new EngineSettings { Stream = new StreamSettings { Midstream = true, AsyncOneside = true, Reassembly = new ReassemblySettings { Raw = false } } });
        for (int i = 0; i < Segments; i++)
        {
            bench.Data(i * SegmentBytes, new string('a', SegmentBytes));
        }

        Assert.Equal(Segments * SegmentBytes, bench.Consumer.Bytes(Direction.ToServer).Length);
        Assert.Equal(0, bench.Tracker.Reassembler.CopiedAheadBytes);
        Assert.Equal(0, bench.Tracker.Reassembler.KeptBytes);
        Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhatNobodyLooksAtIsNotCopied(bool isInline)
    {
        TcpBench bench = new(new EngineSettings { IsInline = isInline, Stream = new StreamSettings { Reassembly = new ReassemblySettings { Raw = false } } });
        bench.Handshake();
        bench.LastFlow!.Flags |= FlowFlags.NoAppLayerToServer | FlowFlags.NoAppLayerToClient;
        Transfer(bench, acknowledgesAtOnce: false);
        Assert.Equal(0, bench.Tracker.Reassembler.CopiedAheadBytes + bench.Tracker.Reassembler.KeptBytes);
        Assert.Equal(Segments * SegmentBytes, bench.LastFlow.Tcp!.Client.EndOffset);
        Assert.Equal(Segments * SegmentBytes, bench.LastFlow.Tcp!.Server.EndOffset);
    }

    [Fact]
    public void PassivelyEachByteIsCopiedOnceWhileItWaitsForItsAcknowledgement()
    {
        TcpBench bench = new();
        bench.Handshake();
        Transfer(bench, acknowledgesAtOnce: true);
        Assert.Equal(Segments * SegmentBytes, bench.Consumer.Bytes(Direction.ToServer).Length);
        Assert.Equal(2L * Segments * SegmentBytes, bench.Tracker.Reassembler.CopiedAheadBytes);
        Assert.Equal(0, bench.Tracker.Reassembler.KeptBytes);
    }

    [Fact]
    public void WhatTheParserLeavesComesBackWithMoreBehindIt()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Consumer.Appetite = (_, length) => length < 6 ? 0 : length;
        bench.Data(0, "abc");
        bench.Data(3, "def");
        bench.Data(6, "ghijkl");
        Assert.Equal(["abc", "abcdef", "ghijkl"], bench.Consumer.Log.Select(line => line.Split(' ')[2]));
        Assert.Equal(3, bench.Tracker.Reassembler.CopiedAheadBytes);
    }

    [Fact]
    public void AContradictingCopyOfLentBytesIsRewritten()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Data(0, "harmless");
        Packet second = bench.Data(0, "harmful!");
        Assert.Equal("harmless", Encoding.Latin1.GetString(second.Payload));
        Assert.True(second.Events.Contains(PacketEvent.StreamReassemblyOverlapDifferentData));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void LentOrCopiedTheResultIsTheSame(bool isInline, bool raw)
    {
        for (int seed = 0; seed < 400; seed++)
        {
            (string lent, string copied) = (Play(seed, isInline, raw, lends: true), Play(seed, isInline, raw, lends: false));
            Assert.True(lent == copied, $"seed {seed}:\n{lent}\n---\n{copied}");
        }
    }

    [Fact]
    public void ADefectDuringDeliveryLeavesNoLoanBehind()
    {
        TcpBench bench = new(TcpBench.Inline());
        bench.Handshake();
        bench.Consumer.OnSpan = _ => throw new InvalidOperationException("a defect");
        Assert.Throws<InvalidOperationException>(() => bench.Data(0, "first"));
        bench.Consumer.OnSpan = null;
        bench.Data(5, "second");
        Assert.Equal("second", bench.Consumer.Text(Direction.ToServer));
        bench.Table.EndAll(bench);
        Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
    }

    [Fact]
    public void WithoutMemoryToKeepThemBytesAreNotLentEither()
    {
        EngineSettings settings = new()
        {
            IsInline = true,
            Stream = new StreamSettings { Reassembly = new ReassemblySettings { MemcapBytes = 2048, MemcapPolicy = ExceptionPolicy.DropPacket } },
        };
        TcpBench bench = new(settings);
        bench.Handshake();
        Packet last = bench.Data(0, new string('a', SegmentBytes));
        Assert.Equal(DropReason.NotDropped, last.DropReason);
        for (int i = 1; i < 4; i++)
        {
            last = bench.Data(i * SegmentBytes, new string('b', SegmentBytes));
        }

        Assert.Equal(DropReason.StreamReassembly, last.DropReason);
        Assert.InRange(bench.Consumer.Bytes(Direction.ToServer).Length, SegmentBytes, 2 * SegmentBytes);
    }

    /// <summary>Both directions, in order; each direction's data acknowledged at once, or after all has been sent.</summary>
    private static void Transfer(TcpBench bench, bool acknowledgesAtOnce)
    {
        string payload = new('x', SegmentBytes);
        for (int i = 0; i < Segments; i++)
        {
            uint clientNext = ClientFirst + (uint)(i * SegmentBytes);
            uint serverNext = ServerFirst + (uint)(i * SegmentBytes);
            bench.Send(Direction.ToServer, TcpFlags.Ack, clientNext, acknowledgesAtOnce ? serverNext : ServerFirst, payload);
            bench.Send(Direction.ToClient, TcpFlags.Ack, serverNext, acknowledgesAtOnce ? clientNext + (uint)SegmentBytes : ClientFirst, payload);
        }

        uint all = Segments * SegmentBytes;
        bench.Send(Direction.ToServer, TcpFlags.Ack, ClientFirst + all, ServerFirst + all);
        bench.Send(Direction.ToClient, TcpFlags.Ack, ServerFirst + all, ClientFirst + all);
    }

    /// <summary>Random segments of both directions, mostly in order, to a parser that consumes as it likes; everything that can be seen of it, as text.</summary>
    private static string Play(int seed, bool isInline, bool raw, bool lends)
    {
        Random random = new(seed);
        Random appetite = new(seed + 1);
        ReassemblySettings reassembly = new() { Raw = raw, Depth = seed % 7 == 0 ? 300u : 0u };
        StreamSettings stream = new() { Midstream = !isInline, AsyncOneside = !isInline, Reassembly = reassembly };
        TcpBench bench = new(new EngineSettings { IsInline = isInline, Stream = stream });
        bench.Tracker.Reassembler.LendsInOrder = lends;
        bench.Consumer.Appetite = (_, length) => appetite.Next(4) == 0 ? appetite.Next(length + 1) : length;
        if (isInline)
        {
            bench.Handshake();
        }

        StringBuilder seen = new();
        int[] sent = new int[2];
        for (int i = 0; i < 60; i++)
        {
            Direction direction = isInline ? (Direction)random.Next(2) : Direction.ToServer;
            int start = Math.Max(0, sent[(int)direction] + (random.Next(4) > 0 ? 0 : random.Next(-20, 20)));
            byte[] bytes = new byte[random.Next(0, 30)];
            random.NextBytes(bytes);
            (uint own, uint other) = direction == Direction.ToServer ? (ClientFirst, ServerFirst) : (ServerFirst, ClientFirst);
            uint acknowledged = isInline && random.Next(3) == 0 ? other + (uint)sent[1 - (int)direction] : other;
            Packet packet = bench.Send(bench.Maker.Make(direction, TcpFlags.Ack, own + (uint)start, acknowledged, bytes));
            sent[(int)direction] = Math.Max(sent[(int)direction], start + bytes.Length);
            seen.Append(Convert.ToHexString(packet.Payload)).Append(' ').Append(packet.Flags).Append(' ').Append(packet.Action).Append(' ');
            Describe(bench, direction, seen);
        }

        bench.Table.EndAll(bench);
        Assert.Equal(0, bench.Tracker.Reassembler.UsedBytes);
        return seen.AppendJoin('\n', bench.Consumer.Log).ToString();
    }

    private static void Describe(TcpBench bench, Direction direction, StringBuilder seen)
    {
        TcpStream stream = bench.LastFlow!.Tcp!.StreamOf(direction);
        seen.Append(stream.EndOffset).Append(' ').Append(stream.AppOffset).Append(' ').Append(stream.AckedOffset).Append(' ').Append(stream.Flags).Append(' ');
        while (bench.Tracker.Reassembler.TryGetRawWindow(bench.LastFlow, direction, out RawWindow window))
        {
            seen.Append(Convert.ToHexString(window.Data)).Append('@').Append(window.Offset).Append(' ');
            bench.Tracker.Reassembler.MarkRawInspected(bench.LastFlow, direction);
        }

        seen.Append(Convert.ToHexString(bench.Tracker.Reassembler.GetRecentStream(bench.LastFlow, direction))).Append('\n');
    }
}
