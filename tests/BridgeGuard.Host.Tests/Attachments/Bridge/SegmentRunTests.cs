using System.Buffers.Binary;
using BridgeGuard.Attachments.Bridge;
using BridgeGuard.Engine.Packets;
using Xunit;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What is joined to a large segment, and that cutting it gives the same segments again, bit for bit.</summary>
public sealed class SegmentRunTests
{
    private const int Header = PuntDevice.VnetHeaderBytes;
    private const int Mss = 1000;
    private static readonly string s_text = string.Concat(Enumerable.Range(0, 20_000).Select(i => (char)('a' + (i * 7 % 26))));

    private readonly SegmentRun _run = new();
    private readonly byte[] _buffer = new byte[70_000];

    /// <summary>As the worker has it: virtio header, MACs, outer tag, the rest.</summary>
    private static byte[] Wire(byte[] frame) => [.. new byte[Header], .. frame[..12], 0x88, 0xA8, 0x00, 0x07, .. frame[12..]];

    private static byte[] Segment(int index, bool isV6 = false, int bytes = Mss, int[]? tags = null, uint shift = 0)
    {
        byte[] wire = Wire(FrameBuilder.Tcp(
            isV6 ? BridgeLab.Address6A : BridgeLab.AddressA, isV6 ? BridgeLab.Address6B : BridgeLab.AddressB, 1000, 80, "A", 5000 + (uint)(index * Mss) + shift,
            payload: s_text.Substring(index * Mss, bytes), tags: tags));
        if (!isV6)
        {
            int network = wire.Length - bytes - 40;
            BinaryPrimitives.WriteUInt16BigEndian(wire.AsSpan(network + 4), (ushort)(0xFFFE + index));
            Resum(wire, network);
        }

        return wire;
    }

    private static void Resum(Span<byte> wire, int network)
    {
        wire.Slice(network + 10, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(wire[(network + 10)..], Checksums.Finish(Checksums.Sum(wire.Slice(network, 20))));
    }

    /// <summary>Changes TCP bytes and makes the checksum right again.</summary>
    private static byte[] WithTcp(byte[] wire, int field, byte value, int bytes = Mss)
    {
        int transport = wire.Length - bytes - 20;
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(wire.AsSpan((transport + field) & ~1));
        wire[transport + field] = value;
        ushort now = BinaryPrimitives.ReadUInt16BigEndian(wire.AsSpan((transport + field) & ~1));
        uint sum = (uint)(ushort)~BinaryPrimitives.ReadUInt16BigEndian(wire.AsSpan(transport + 16)) + (ushort)~old + now;
        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(wire.AsSpan(transport + 16), (ushort)~((sum & 0xFFFF) + (sum >> 16)));
        return wire;
    }

    private bool Begin(byte[] frame)
    {
        frame.CopyTo(_buffer.AsSpan());
        return _run.TryBegin(_buffer.AsSpan(0, frame.Length));
    }

    /// <summary>What a card does with a large segment (virtio 1.2 §5.1.6.2), for comparison.</summary>
    private static List<byte[]> Cut(ReadOnlySpan<byte> run, bool isV6)
    {
        Assert.Equal(1, run[0]);
        Assert.Equal(isV6 ? 4 : 1, run[1]);
        int payload = BinaryPrimitives.ReadUInt16LittleEndian(run[2..]) + Header;
        int size = BinaryPrimitives.ReadUInt16LittleEndian(run[4..]);
        int transport = BinaryPrimitives.ReadUInt16LittleEndian(run[6..]) + Header;
        Assert.Equal(16, BinaryPrimitives.ReadUInt16LittleEndian(run[8..]));
        int network = transport - (isV6 ? 40 : 20);
        List<byte[]> pieces = [];
        for (int at = payload; at < run.Length; at += size)
        {
            int length = Math.Min(size, run.Length - at);
            byte[] piece = [.. new byte[Header], .. run[Header..payload], .. run.Slice(at, length)];
            int tcp = piece.Length - transport;
            BinaryPrimitives.WriteUInt32BigEndian(piece.AsSpan(transport + 4), BinaryPrimitives.ReadUInt32BigEndian(run[(transport + 4)..]) + (uint)(at - payload));
            if (at + size < run.Length)
            {
                piece[transport + 13] &= 0xF7;
            }

            if (isV6)
            {
                BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(network + 4), (ushort)tcp);
            }
            else
            {
                BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(network + 2), (ushort)(tcp + 20));
                BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(network + 4), (ushort)(BinaryPrimitives.ReadUInt16BigEndian(run[(network + 4)..]) + pieces.Count));
                Resum(piece, network);
            }

            // The field holds the pseudo header's sum with the large length: the card takes the difference out.
            ulong partial = BinaryPrimitives.ReadUInt16BigEndian(run[(transport + 16)..]);
            ulong sum = (ulong)Checksums.Fold(0) + partial + (ushort)~(run.Length - transport) + (ulong)tcp;
            piece.AsSpan(transport + 16, 2).Clear();
            sum += Checksums.Fold(Checksums.Sum(piece.AsSpan(transport)));
            sum = (sum & 0xFFFF) + (sum >> 16);
            BinaryPrimitives.WriteUInt16BigEndian(piece.AsSpan(transport + 16), (ushort)~((sum & 0xFFFF) + (sum >> 16)));
            pieces.Add(piece);
        }

        return pieces;
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void SegmentsThatFollowOneAnotherBecomeOneAndCutAgainAreTheSame(bool isV6, bool isTagged)
    {
        int[]? tags = isTagged ? [42] : null;
        List<byte[]> sent = [.. Enumerable.Range(0, 6).Select(i => Segment(i, isV6, i == 5 ? 300 : Mss, tags))];
        Assert.True(Begin(sent[0]));
        foreach (byte[] next in sent.Skip(1))
        {
            Assert.False(_run.IsComplete);
            Assert.True(_run.TryAppend(_buffer, next));
        }

        Assert.True(_run.IsComplete, "a short segment ends a run");
        int length = _run.Finish(_buffer);
        Assert.Equal(sent, Cut(_buffer.AsSpan(0, length), isV6));
        Assert.Equal(0, _run.Count);
    }

    [Fact]
    public void APushEndsARunAndIsOnItsLastSegment()
    {
        byte[][] sent = [Segment(0), WithTcp(Segment(1), 13, 0x18)];
        Assert.True(Begin(sent[0]));
        Assert.True(_run.TryAppend(_buffer, sent[1]));
        Assert.True(_run.IsComplete);
        int length = _run.Finish(_buffer);
        Assert.Equal(sent, Cut(_buffer.AsSpan(0, length), isV6: false));
    }

    [Fact]
    public void ARunOfOneIsAsItCame()
    {
        byte[] sent = Segment(0);
        Assert.True(Begin(sent));
        int length = _run.Finish(_buffer);
        Assert.Equal(sent, _buffer[..length]);
    }

    public static TheoryData<string> Others =>
        ["gap", "repeated", "larger", "ack", "window", "fin", "rst", "syn", "urg", "cwr", "ttl", "tos", "id", "mac", "port tag", "address", "checksum", "ip checksum",
            "fragment", "small", "gso", "options", "padding", "cut"];

    [Theory]
    [MemberData(nameof(Others))]
    public void WhatDiffersIsNotJoined(string what)
    {
        byte[] first = Segment(0);
        byte[] next = Segment(1);
        int network = next.Length - Mss - 40;
        switch (what)
        {
            case "gap": next = Segment(1, shift: 1); break;
            case "repeated": next = Segment(1, shift: unchecked((uint)-Mss)); break;
            case "larger": next = Segment(1, bytes: Mss + 1); break;
            case "ack": next = WithTcp(next, 11, 1); break;
            case "window": next = WithTcp(next, 15, 1); break;
            case "fin": next = WithTcp(next, 13, 0x11); break;
            case "rst": next = WithTcp(next, 13, 0x14); break;
            case "syn": next = WithTcp(next, 13, 0x12); break;
            case "urg": next = WithTcp(next, 13, 0x30); break;
            case "cwr": next = WithTcp(next, 13, 0x90); break;
            case "ttl": next[network + 8]--; Resum(next, network); break;
            case "tos": next[network + 1] = 3; Resum(next, network); break;
            case "id": next[network + 5]++; Resum(next, network); break;
            case "mac": next[Header + 11]++; break;
            case "port tag": next[Header + 15]++; break;
            case "address": next = Wire(FrameBuilder.Tcp("10.77.0.9", BridgeLab.AddressB, 1000, 80, "A", 5000 + Mss, payload: s_text.Substring(Mss, Mss))); break;
            case "checksum": next[^1] ^= 1; break;
            case "ip checksum": next[network + 10] ^= 1; break;
            case "fragment": next[network + 6] = 0x20; Resum(next, network); break;
            case "small": next = Segment(1, bytes: SegmentRun.MinPayloadBytes - 1); break;
            case "gso": next[1] = 1; break;
            case "options": next = WithTcp(next, 12, 0x60); break;
            case "padding": next = [.. next, 0]; break;
            case "cut": next = next[..^1]; break;
        }

        Assert.True(Begin(first));
        Assert.False(_run.TryAppend(_buffer, next));
        int length = _run.Finish(_buffer);
        Assert.Equal(first, _buffer[..length]);
    }

    [Theory]
    [InlineData(13, 0x18)]
    [InlineData(13, 0x11)]
    [InlineData(13, 0x02)]
    public void WhatNothingCanFollowBeginsNoRun(int field, byte value) => Assert.False(Begin(WithTcp(Segment(0), field, value)));

    [Fact]
    public void AWrongChecksumBeginsNoRun()
    {
        byte[] frame = Segment(0);
        frame[^1] ^= 1;
        Assert.False(Begin(frame));
    }

    [Fact]
    public void ARunStaysBelowWhatATapTakes()
    {
        byte[] first = Segment(0);
        Assert.True(Begin(first));
        int network = first.Length - Mss - 40;
        int joined = 1;
        for (; joined < 100 && !_run.IsComplete; joined++)
        {
            byte[] next = Segment(0, shift: (uint)(joined * Mss));
            BinaryPrimitives.WriteUInt16BigEndian(next.AsSpan(network + 4), (ushort)(0xFFFE + joined));
            Resum(next, network);
            Assert.True(_run.TryAppend(_buffer, next));
        }

        Assert.True(_run.IsComplete);
        Assert.InRange(_run.Length, 60_000, Header + SegmentRun.MaxFrameBytes);
    }

    [Fact]
    public void AnyBytesAreReadWithoutAFault()
    {
        Random random = new(5);
        byte[] good = Segment(0);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] frame = good[..random.Next(good.Length + 1)];
            for (int j = 0; j < 4 && frame.Length > 0; j++)
            {
                frame[random.Next(Math.Min(frame.Length, 80))] = (byte)random.Next(256);
            }

            if (!_run.TryAppend(_buffer, frame) && Begin(frame))
            {
                _run.Finish(_buffer);
                Begin(frame);
            }
        }
    }

    [Fact]
    public void NothingIsAllocated()
    {
        byte[] first = Segment(0);
        byte[] next = Segment(1);
        Begin(first);
        _run.TryAppend(_buffer, next);
        _run.Finish(_buffer);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            first.CopyTo(_buffer.AsSpan());
            _run.TryBegin(_buffer.AsSpan(0, first.Length));
            _run.TryAppend(_buffer, next);
            _run.Finish(_buffer);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }
}
